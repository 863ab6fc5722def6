import Hardware
import PageTables
import VTdArchitecture

@testable import HostDrivers

/// A bus with the registers of a unit that translates nothing: it answers handshakes, reads its invalidation queue and writes down what it saw.
final class FakeUnit: HostBus {
  /// A write of a register, or a descriptor taken from the queue.
  enum Event: Hashable, CustomStringConvertible {
    case write(UInt64, UInt64)
    case descriptor(UInt64, UInt64)

    var description: String {
      switch self {
      case .write(let offset, let value): "[\(String(offset, radix: 16))] = \(String(value, radix: 16))"
      case .descriptor(let low, let high): "descriptor \(String(low, radix: 16)), \(String(high, radix: 16))"
      }
    }
  }

  let memory: MemoryView
  let tables: TableMemory
  var now = SimTime.zero
  private let storage: PhysicalMemory

  /// What has happened, waits left out: they are in `waits`.
  var events: [Event] = []
  var waits = 0
  /// GCMD bits that the unit ignores.
  var deaf: GlobalCommand = []
  /// The unit takes one descriptor each time the driver pauses, none at once.
  var isSlow = false
  /// The queue stops at descriptors of this type with IQEI 3.
  var refusedType: UInt64?
  /// What happens when a wait drains page requests, just before it completes.
  var onDrain: () -> Void = {}
  /// CCMD and IOTLB report that nothing was done.
  var refusesRegisterCommands = false
  var registers32: [UInt64: UInt32] = [:]
  var registers64: [UInt64: UInt64] = [:]

  private let iotlb: UInt64

  init(
    version: UInt32 = 0x40, capabilities: UInt64 = FakeUnit.capabilities, extended: UInt64 = FakeUnit.extended, tableFrames: UInt64 = 1024
  ) throws {
    storage = try PhysicalMemory(regions: [MemoryRegion(start: PhysicalAddress(0x10_0000), length: 16 << 20)])
    memory = storage.view
    tables = TableMemory(MemoryRegion(start: PhysicalAddress(0x10_0000), length: tableFrames << 12), in: storage.view)
    registers32[RegisterOffset.version] = version
    registers64[RegisterOffset.capabilities] = capabilities
    registers64[RegisterOffset.extendedCapabilities] = extended
    iotlb = ExtendedCapabilities(rawValue: extended).iotlbRegisterOffset + 8
  }

  /// Eight fault records at 400h, MAMV 18, PSI, drains, 2 MiB and 1 GiB pages, MGAW 48, 4 levels, 2^16 domain ids.
  static let capabilities: UInt64 = 0x00D2_078C_402F_0406
  /// Scalable mode with second stage, pass-through, PASIDs of 20 bits, RPS, SMPWCS, SSADS, queue, IOTLB at 500h.
  static let extended: UInt64 = 0x0003_6998_0000_5043
  /// The same with first stage, nesting, supervisor requests, EAFS, device-TLBs, page requests and their drain, RPRIVS.
  static let complete: UInt64 = extended | 1 << 47 | 1 << 26 | 1 << 31 | 1 << 34 | 1 << 2 | 1 << 29 | 1 << 42 | 1 << 53

  func readRegister32(_ offset: UInt64) -> UInt32 { registers32[offset] ?? 0 }

  func readRegister64(_ offset: UInt64) -> UInt64 { registers64[offset] ?? 0 }

  func writeRegister32(_ offset: UInt64, _ value: UInt32) {
    events.append(.write(offset, UInt64(value)))
    switch offset {
    case RegisterOffset.globalCommand:
      var status = GlobalCommand(rawValue: readRegister32(RegisterOffset.globalStatus))
      let command = GlobalCommand(rawValue: value).subtracting(deaf)
      status.subtract(.levels)
      status.formUnion(command.subtracting(.writeBufferFlush))
      registers32[RegisterOffset.globalStatus] = status.rawValue
      if !status.contains(.queuedInvalidation) { registers64[RegisterOffset.invalidationQueueHead] = 0 }
    case RegisterOffset.pageRequestStatus: registers32[offset] = readRegister32(offset) & ~value
    case RegisterOffset.faultStatus:
      // PFO and IQE are RW1C; PPF follows the records.
      registers32[offset] = readRegister32(offset) & ~(value & 0x11)
      if !isSlow { fetch() }
    default:
      let records = Capabilities(rawValue: readRegister64(RegisterOffset.capabilities))
      let place = offset &- records.faultRecordingOffset
      if place < UInt64(records.faultRecordingCount) * 16, place % 16 == 12 {
        if value[bit: 31] { registers64[offset - 4]?[bit: 63] = false }
        updatePending(records)
      } else {
        registers32[offset] = value
      }
    }
  }

  func writeRegister64(_ offset: UInt64, _ value: UInt64) {
    events.append(.write(offset, value))
    registers64[offset] = value
    switch offset {
    case RegisterOffset.contextCommand:
      registers64[offset] = value & ~(1 << 63) | (refusesRegisterCommands ? 0 : value[bits: 61...62] << 59)
    case iotlb: registers64[offset] = value & ~(1 << 63) | (refusesRegisterCommands ? 0 : value[bits: 60...61] << 57)
    case RegisterOffset.invalidationQueueTail: if !isSlow { fetch() }
    default: break
    }
  }

  func pause() -> Bool {
    now += SimTime(nanoseconds: 100)
    let before = (readRegister64(RegisterOffset.invalidationQueueHead), readRegister32(RegisterOffset.faultStatus))
    if isSlow { fetch(atMost: 1) }
    return before != (readRegister64(RegisterOffset.invalidationQueueHead), readRegister32(RegisterOffset.faultStatus))
  }

  /// Records a fault the way a unit does: the next register, FRI and PPF with the first, PFO if there is none.
  func fault(_ record: FaultRecord, at index: Int) {
    let capabilities = Capabilities(rawValue: readRegister64(RegisterOffset.capabilities))
    let register = capabilities.faultRecordingOffset + UInt64(index) * 16
    if !readRegister32(RegisterOffset.faultStatus)[bit: 1] {
      registers32[RegisterOffset.faultStatus, default: 0] |= UInt32(index) << 8 | 2
    }
    registers64[register] = record.low
    registers64[register + 8] = record.high
  }

  /// Puts a page request into the queue the way a unit does; PRO is set if there is no room.
  func request(_ descriptor: PageRequestDescriptor) {
    let address = readRegister64(RegisterOffset.pageRequestQueueAddress)
    let mask: UInt64 = 1 << (12 + address & 7) - 1
    let tail = readRegister64(RegisterOffset.pageRequestQueueTail)
    guard !registers32[RegisterOffset.pageRequestStatus, default: 0][bit: 1] else { return }
    guard (tail + 32) & mask != readRegister64(RegisterOffset.pageRequestQueueHead) else {
      registers32[RegisterOffset.pageRequestStatus, default: 0] |= 2
      return
    }
    for index in 0..<4 {
      memory.write64(PhysicalAddress(address & ~0xFFF).advanced(by: tail + UInt64(index) * 8), descriptor.words[index])
    }
    registers64[RegisterOffset.pageRequestQueueTail] = (tail + 32) & mask
    registers32[RegisterOffset.pageRequestStatus, default: 0] |= 1
  }

  private func updatePending(_ capabilities: Capabilities) {
    let pending = (0..<UInt64(capabilities.faultRecordingCount)).contains {
      readRegister64(capabilities.faultRecordingOffset + $0 * 16 + 8)[bit: 63]
    }
    if !pending { registers32[RegisterOffset.faultStatus, default: 0] &= ~0xFF02 }
  }

  // Takes descriptors up to the tail.
  private func fetch(atMost limit: Int = .max) {
    let address = InvalidationQueueAddress(rawValue: readRegister64(RegisterOffset.invalidationQueueAddress))
    var taken = 0
    while GlobalCommand(rawValue: readRegister32(RegisterOffset.globalStatus)).contains(.queuedInvalidation), taken < limit {
      let head = readRegister64(RegisterOffset.invalidationQueueHead)
      guard head != readRegister64(RegisterOffset.invalidationQueueTail), !readRegister32(RegisterOffset.faultStatus)[bit: 4] else {
        return
      }
      let place = address.base.advanced(by: head)
      let low = memory.read64(place) ?? 0
      let high = memory.read64(place.advanced(by: 8)) ?? 0
      if low[bits: 0...3] == refusedType {
        registers32[RegisterOffset.faultStatus, default: 0] |= 1 << 4
        registers64[RegisterOffset.invalidationQueueErrorRecord] = 3
        return
      }
      if low[bits: 0...3] == 5 {
        // A fence, or a wait that drains page requests, is worth noting.
        if low[bit: 6] || low[bit: 7] { events.append(.descriptor(low & 0xCF, 0)) }
        if low[bit: 7] { onDrain() }
        if low[bit: 5] {
          waits += 1
          memory.write32(PhysicalAddress(high), UInt32(truncatingIfNeeded: low >> 32))
        }
      } else {
        events.append(.descriptor(low, high))
      }
      registers64[RegisterOffset.invalidationQueueHead] = (head + address.descriptorByteCount) & (address.byteCount - 1)
      taken += 1
    }
  }
}

extension FakeUnit {
  /// A driver that has brought the fake unit up, which then forgets what it saw.
  func bringUp(_ change: (inout VTdDriverConfiguration) -> Void = { _ in }) throws -> VTdDriver {
    var configuration = VTdDriverConfiguration()
    change(&configuration)
    let driver = VTdDriver(bus: self, configuration: configuration)
    try driver.bringUp()
    events = []
    waits = 0
    return driver
  }

  /// The descriptors taken since the last call.
  func takeDescriptors() -> [InvalidationDescriptor] {
    defer { events.removeAll() }
    let identity = UnitIdentity(
      version: ArchitectureVersion(rawValue: readRegister32(RegisterOffset.version)),
      capabilities: Capabilities(rawValue: readRegister64(RegisterOffset.capabilities)),
      extended: ExtendedCapabilities(rawValue: readRegister64(RegisterOffset.extendedCapabilities)), hostAddressWidth: 52)
    let rules = DescriptorRules(identity)
    let wide = InvalidationQueueAddress(rawValue: readRegister64(RegisterOffset.invalidationQueueAddress)).wideDescriptors
    let mode = RootTableAddress(rawValue: readRegister64(RegisterOffset.rootTableAddress)).mode
    return events.compactMap { event in
      guard case .descriptor(let low, let high) = event else { return nil }
      return try? rules.decode([low, high, 0, 0], mode: mode, wide: wide).get()
    }
  }

  /// What the tables of an address space make of an address.
  func translate(_ iova: UInt64, _ driver: VTdDriver, _ space: AddressSpace) -> PhysicalAddress? {
    guard let root = driver.secondStageTable(of: space) else { return nil }
    var probe = NoProbe()
    let format = driver.secondStageFormat
    let walk: Walk<PhysicalAddress> = Walker.walk(
      format, from: WalkStart(table: root, level: format.rootLevel), for: IOVirtualAddress(iova), demand: WalkDemand(.read), in: memory,
      probe: &probe)
    guard walk.status == .translated else { return nil }
    return walk.page.advanced(by: IOVirtualAddress(iova).pageOffset(format.entrySizeLog2(level: walk.level)))
  }

  /// The words of a structure in memory.
  func words(_ place: PhysicalAddress, _ count: UInt64) -> [UInt64] { (0..<count).map { memory.read64(place.advanced(by: $0 * 8)) ?? 0 } }
}
