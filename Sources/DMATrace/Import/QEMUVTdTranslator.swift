import Hardware

/// Turns the events of QEMU's VT-d model into records: the state of an import.
struct QEMUVTdTranslator {
  /// The most records that one line gives: attach, map, access.
  static let mostRecordsPerLine = 3

  /// What is known of a requester.
  private struct Requester {
    /// The domain it is attached to by the records so far.
    var domain: TraceDomain?
    /// The lookup that its next translation belongs to.
    var lookup: (address: IOVirtualAddress, permissions: Permissions, domain: TraceDomain)?
  }

  private var requesters = [Requester](repeating: Requester(), count: 1 << 16)
  private var mappings = ImportedMappings()
  private var knownDomains: Set<TraceDomain> = []
  /// The page that was passed through, until its translation comes.
  private var passedThrough: IOVirtualAddress?
  private var invalidations = QEMUVTdInvalidations()

  private typealias Values = InlineArray<6, UInt64>

  /// Takes an event with its arguments.
  ///
  /// - Returns: What is wrong with the arguments, or nil.
  mutating func take(
    _ event: QEMUVTdEvent, _ values: InlineArray<6, UInt64>, inSimpletrace: Bool, at time: UInt64, into batch: inout RecordBatch
  ) -> String? {
    let time = SimTime(rawValue: time)
    switch event {
    case .pageHit, .pageUpdate: return takeLookup(values)
    case .translate: return takeTranslation(values, time, &batch)
    case .passThrough: passedThrough = IOVirtualAddress(values[0])
    case .fault: return takeFault(values, time, &batch)
    case .pageWalk: return takePageWalk(values, isHexadecimal: inSimpletrace, time, &batch)
    default:
      guard let record = invalidations.record(of: event, values) else { return "argument out of range" }
      guard var record else { return nil }
      record.time = time
      batch.append(record)
    }
    return nil
  }

  private mutating func takeLookup(_ values: Values) -> String? {
    guard values[0] <= 0xFFFF, values[3] <= 0xFFFF else { return "source or domain of more than 16 bits" }
    let domain = TraceDomain(UInt32(values[3]))
    knownDomains.insert(domain)
    // A leaf that permits nothing cannot have answered; older models keep other things in its low bits.
    let leaf = Permissions(rawValue: UInt8(values[2] & 0b11))
    requesters[Int(values[0])].lookup = (IOVirtualAddress(values[1]), leaf.isEmpty ? .readWrite : leaf, domain)
    return nil
  }

  private mutating func takeTranslation(_ values: Values, _ time: SimTime, _ batch: inout RecordBatch) -> String? {
    guard let requester = Self.requester(bus: values[0], device: values[1], function: values[2]) else { return "no such requester" }
    guard let sizeLog2 = Self.sizeLog2(mask: values[5]) else { return "mask 0x\(String(values[5], radix: 16)) is of no page size" }
    let page = IOVirtualAddress(values[3]).alignedDown(sizeLog2)
    let target = PhysicalAddress(values[4]).alignedDown(sizeLog2)
    let lookup = requesters[Int(requester.rawValue)].lookup
    let passedPage = passedThrough?.alignedDown(sizeLog2)
    requesters[Int(requester.rawValue)].lookup = nil
    passedThrough = nil

    var (address, permissions) = (page, Permissions.readWrite)
    let domain: TraceDomain
    if let lookup, lookup.address.alignedDown(sizeLog2) == page {
      (address, permissions, domain) = lookup
    } else if passedPage == page || (page.rawValue == target.rawValue && !isUnlisted(requester)) {
      domain = QEMULogReader.passThroughDomain
    } else {
      domain = listedDomain(requester)
    }
    attach(requester, domain, time, &batch)
    if domain != QEMULogReader.passThroughDomain {
      map(domain, page, sizeLog2, .init(physical: target, permissions: permissions), time, &batch)
    }
    batch.append(
      TraceRecord(
        time: time, operation: permissions == .write ? .write : .read, requester: requester, address: address, length: 1,
        physical: target.advanced(by: address.pageOffset(sizeLog2))))
    return nil
  }

  private mutating func takeFault(_ values: Values, _ time: SimTime, _ batch: inout RecordBatch) -> String? {
    guard values[0] <= 0xFFFF, values[3] <= 1 else { return "source of more than 16 bits, or direction other than 0 or 1" }
    let requester = RequesterID(UInt32(values[0]))
    let address = IOVirtualAddress(values[2])
    let isWrite = values[3] == 1
    if Self.isConfigurationFault(values[1]) {
      if let domain = requesters[Int(values[0])].domain {
        batch.append(TraceRecord(time: time, operation: .detach, requester: requester, domain: domain))
        requesters[Int(values[0])].domain = nil
      }
    } else {
      let domain = listedDomain(requester)
      attach(requester, domain, time, &batch)
      let needed: Permissions = isWrite ? .write : .read
      if mappings.target(domain, address)?.permissions.contains(needed) ?? true {
        unmap(domain, address, PageSizeLog2.size4K, time, &batch)
      }
    }
    batch.append(TraceRecord(time: time, operation: isWrite ? .write : .read, requester: requester, address: address, length: 1))
    return nil
  }

  private mutating func takePageWalk(_ values: Values, isHexadecimal: Bool, _ time: SimTime, _ batch: inout RecordBatch) -> String? {
    guard values[0] <= 0xFFFF, values[4] <= 3 else { return "domain of more than 16 bits, or permissions above 3" }
    guard let sizeLog2 = Self.sizeLog2(mask: values[3]) else { return "mask 0x\(String(values[3], radix: 16)) is of no page size" }
    let domain = isHexadecimal ? TraceDomain(UInt32(values[0])) : decimalDomain(UInt32(values[0]))
    let page = IOVirtualAddress(values[1]).alignedDown(sizeLog2)
    let permissions = Permissions(rawValue: UInt8(values[4]))
    if permissions.isEmpty {
      unmap(domain, page, sizeLog2, time, &batch)
    } else {
      let target = PhysicalAddress(values[2]).alignedDown(sizeLog2)
      map(domain, page, sizeLog2, .init(physical: target, permissions: permissions), time, &batch)
    }
    return nil
  }

  /// The domain of a line that older versions of QEMU print in decimal behind `0x`, newer ones in hexadecimal: decimal, unless it has
  /// letters, or only the hexadecimal reading is a domain that other lines name.
  private func decimalDomain(_ digits: UInt32) -> TraceDomain {
    var decimal: UInt32 = 0
    for shift in stride(from: UInt32(12), through: 0, by: -4) {
      let digit = digits >> shift & 15
      if digit > 9 { return TraceDomain(digits) }
      decimal = decimal * 10 + digit
    }
    let isKnown = (decimal: knownDomains.contains(TraceDomain(decimal)), hexadecimal: knownDomains.contains(TraceDomain(digits)))
    return !isKnown.decimal && isKnown.hexadecimal ? TraceDomain(digits) : TraceDomain(decimal)
  }
}

extension QEMUVTdTranslator {
  /// The domain a requester is attached to, or one of its own if the log has not told any.
  private func listedDomain(_ requester: RequesterID) -> TraceDomain {
    let domain = requesters[Int(requester.rawValue)].domain
    guard let domain, domain != QEMULogReader.passThroughDomain else { return TraceDomain(0x2_0000 | requester.rawValue) }
    return domain
  }

  private func isUnlisted(_ requester: RequesterID) -> Bool {
    requesters[Int(requester.rawValue)].domain == TraceDomain(0x2_0000 | requester.rawValue)
  }

  private mutating func attach(_ requester: RequesterID, _ domain: TraceDomain, _ time: SimTime, _ batch: inout RecordBatch) {
    guard requesters[Int(requester.rawValue)].domain != domain else { return }
    requesters[Int(requester.rawValue)].domain = domain
    let attributes: TraceAttributes = domain == QEMULogReader.passThroughDomain ? .passThrough : []
    batch.append(TraceRecord(time: time, operation: .attach, requester: requester, attributes: attributes, domain: domain))
  }

  private mutating func map(
    _ domain: TraceDomain, _ page: IOVirtualAddress, _ sizeLog2: UInt8, _ target: ImportedMappings.Target, _ time: SimTime,
    _ batch: inout RecordBatch
  ) {
    guard mappings.target(domain, page, sizeLog2: sizeLog2) != target else { return }
    mappings.map(domain, page, sizeLog2: sizeLog2, to: target)
    batch.append(
      TraceRecord(
        time: time, operation: .map, address: page, length: 1 << UInt64(sizeLog2), physical: target.physical,
        permissions: target.permissions, domain: domain))
  }

  private mutating func unmap(
    _ domain: TraceDomain, _ address: IOVirtualAddress, _ sizeLog2: UInt8, _ time: SimTime, _ batch: inout RecordBatch
  ) {
    mappings.unmap(domain, address, sizeLog2: sizeLog2)
    batch.append(
      TraceRecord(
        time: time, operation: .unmap, address: address.alignedDown(sizeLog2), length: 1 << UInt64(sizeLog2), domain: domain))
  }

  static func requester(bus: UInt64, device: UInt64, function: UInt64) -> RequesterID? {
    guard bus <= 0xFF, device <= 0x1F, function <= 7 else { return nil }
    return RequesterID(bus: UInt8(bus), device: UInt8(device), function: UInt8(function))
  }

  /// The size of a page whose offsets are `mask`: 4 KiB up to 2^52 bytes.
  private static func sizeLog2(mask: UInt64) -> UInt8? {
    guard mask >= 0xFFF, mask < 1 << 52, mask & (mask + 1) == 0 else { return nil }
    return UInt8(mask.nonzeroBitCount)
  }

  /// Whether a fault is one of root, context or PASID entries rather than of page tables (VT-d rev 5.10, section 7.1.3).
  private static func isConfigurationFault(_ reason: UInt64) -> Bool {
    switch reason {
    case 0x1...0x3, 0x8...0xB, 0xD, 0x30...0x5F: true
    default: false
    }
  }
}
