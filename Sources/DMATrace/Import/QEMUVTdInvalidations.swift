import Hardware

/// Turns the invalidation events of QEMU's VT-d model into records.
struct QEMUVTdInvalidations {
  /// The high and low words of the descriptor that is being carried out.
  private var descriptor: (high: UInt64, low: UInt64) = (0, 0)
  /// The context invalidation that is being carried out.
  private var contextCommand = ContextCommand.none

  private enum ContextCommand: Equatable {
    case none, domain
    case devices(source: UInt64, functionMask: UInt64)
  }

  /// The record of an invalidation, without its time; an inner nil for a line that only repeats how a command is carried out, an outer
  /// nil if an argument is out of range.
  mutating func record(of event: QEMUVTdEvent, _ values: InlineArray<6, UInt64>) -> TraceRecord?? {
    let command = contextCommand
    contextCommand = .none
    var record = TraceRecord(operation: .invalidate)
    switch event {
    case .descriptor:
      descriptor = (values[0], values[1])
      return .some(Self.deviceTLBInvalidation(high: values[0], low: values[1]))
    case .iotlbGlobal: record.scope = .global
    case .iotlbReset:
      record.scope = .global
      record.attributes = .spontaneous
    case .contextCacheReset:
      record.scope = .contextGlobal
      record.attributes = .spontaneous
    case .pasidCacheReset:
      record.scope = .pasidCacheGlobal
      record.attributes = .spontaneous
    case .pasidCacheGlobal: record.scope = .pasidCacheGlobal
    case .contextGlobal:
      // A domain-selective invalidation is carried out as a global one.
      if command == .domain { return .some(nil) }
      record.scope = .contextGlobal
    case .contextDevice:
      guard let requester = QEMUVTdTranslator.requester(bus: values[0], device: values[1], function: values[2]) else { return nil }
      if case .devices(let source, let functionMask) = command, Self.covers(source, functionMask, requester) {
        contextCommand = command
        return .some(nil)
      }
      record.scope = .contextDevice
      record.requester = requester
    case .contextDevices:
      guard values[0] <= 0xFFFF, values[1] <= 3 else { return nil }
      contextCommand = .devices(source: values[0], functionMask: values[1])
      record.scope = .contextDevice
      record.requester = RequesterID(UInt32(values[0]))
      record.value = UInt32(values[1])
    default: return domainInvalidation(event, values)
    }
    return record
  }

  /// The record of an invalidation whose first argument is a domain.
  private mutating func domainInvalidation(_ event: QEMUVTdEvent, _ values: InlineArray<6, UInt64>) -> TraceRecord?? {
    guard values[0] <= 0xFFFF else { return nil }
    var record = TraceRecord(operation: .invalidate, domain: TraceDomain(UInt32(values[0])))
    var pasid: UInt64?
    switch event {
    case .iotlbDomain: record.scope = .domain
    case .contextDomain:
      contextCommand = .domain
      record.scope = .contextDomain
    case .pasidCacheDomain: record.scope = .pasidCacheDomain
    case .pasidCacheEntry: (record.scope, pasid) = (.pasidCacheEntry, values[1])
    case .iotlbPASID: (record.scope, pasid) = (.pasid, values[1])
    case .iotlbPages: record.scope = .pages
    case .iotlbPASIDPages: (record.scope, pasid) = (.pasidPages, values[3])
    default: return .some(nil)
    }
    if event == .iotlbPages || event == .iotlbPASIDPages {
      // The mask is the base-2 logarithm of a number of pages.
      guard values[2] < 52 else { return nil }
      let sizeLog2 = UInt8(values[2]) + PageSizeLog2.size4K
      record.address = sizeLog2 < 64 ? IOVirtualAddress(values[1]).alignedDown(sizeLog2) : IOVirtualAddress(0)
      record.length = 1 << UInt64(sizeLog2)
      // The invalidation hint is only in the descriptor itself: bit 6 of its high word, whose bits 63:12 are the address.
      if descriptor.high >> 12 == values[1] >> 12, descriptor.high[bit: 6] { record.attributes = .leafOnly }
    }
    if let pasid {
      guard pasid <= UInt64(PASID.maximum.rawValue) else { return nil }
      record.pasid = PASID(UInt32(pasid))
    }
    return record
  }

  /// The record of a device-TLB invalidation descriptor (VT-d rev 5.10, sections 6.5.2.5 and 6.5.2.6), which no other line reports.
  private static func deviceTLBInvalidation(high: UInt64, low: UInt64) -> TraceRecord? {
    let type = low[bits: 0...3] | low[bits: 9...11] << 4
    guard type == 3 || type == 8 else { return nil }
    var record = TraceRecord(operation: .invalidate, scope: .deviceTLB)
    let isForPASID = type == 8
    record.requester = RequesterID(UInt32(isForPASID ? low[bits: 16...31] : low[bits: 32...47]))
    if isForPASID {
      if high[bit: 0] { record.scope = .deviceTLBAllPASIDs } else { record.pasid = PASID(UInt32(low[bits: 32...51])) }
    }
    // With the size bit, the lowest zero of the address from bit 12 on tells the size: 2^(n + 1) bytes.
    var sizeLog2 = PageSizeLog2.size4K
    if high[bit: isForPASID ? 11 : 0] { sizeLog2 = UInt8((~(high >> 12)).trailingZeroBitCount) + 13 }
    if sizeLog2 < 64 {
      record.address = IOVirtualAddress(high).alignedDown(sizeLog2)
      record.length = 1 << UInt64(sizeLog2)
    }
    return record
  }

  /// Whether a context invalidation of a source covers a requester; its function mask says how many bits of the function number are
  /// ignored, from bit 2 down.
  private static func covers(_ source: UInt64, _ functionMask: UInt64, _ requester: RequesterID) -> Bool {
    let ignored: UInt64 = [0, 0b100, 0b110, 0b111][Int(functionMask)]
    return (source ^ UInt64(requester.rawValue)) & ~ignored == 0
  }
}
