import Hardware
import HostDrivers
import PageTables
import Testing
import Translation
import VTd
import VTdArchitecture

/// A machine of memory, one remapping unit and its driver, and nothing between them but a bus.
final class UnitBus: HostBus {
  let memory: MemoryView
  let tables: TableMemory
  let unit: RemappingUnit
  private let storage: PhysicalMemory
  private weak var driver: VTdDriver?

  init(version: ArchitectureVersion, capabilities: UInt64, extended: UInt64) throws {
    storage = try PhysicalMemory(regions: [MemoryRegion(start: PhysicalAddress(0x10_0000), length: 64 << 20)])
    memory = storage.view
    tables = TableMemory(MemoryRegion(start: PhysicalAddress(0x10_0000), length: 64 << 20), in: storage.view)
    let identity = UnitIdentity(
      version: version, capabilities: Capabilities(rawValue: capabilities), extended: ExtendedCapabilities(rawValue: extended),
      hostAddressWidth: 52)
    unit = try RemappingUnit(identity: identity, memory: memory)
  }

  var now: SimTime { unit.now }
  func readRegister32(_ offset: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: unit.readRegister(offset, size: 4)) }
  func readRegister64(_ offset: UInt64) -> UInt64 { unit.readRegister(offset, size: 8) }
  func writeRegister32(_ offset: UInt64, _ value: UInt32) { unit.writeRegister(offset, size: 4, UInt64(value)) }
  func writeRegister64(_ offset: UInt64, _ value: UInt64) { unit.writeRegister(offset, size: 8, value) }
  func pause() -> Bool { false }

  /// A driver that has brought the unit up.
  func bringUp(_ change: (inout VTdDriverConfiguration) -> Void = { _ in }) throws -> VTdDriver {
    var configuration = VTdDriverConfiguration()
    change(&configuration)
    let driver = VTdDriver(bus: self, configuration: configuration)
    try driver.bringUp()
    self.driver = driver
    return driver
  }

  /// Hands the interrupts that the unit has sent to the driver.
  func deliverInterrupts() {
    while let message = unit.nextMessage() {
      driver?.receive(MessageSignalledInterrupt(address: message.address, data: message.data))
    }
  }

  /// A device's access: where it goes, or the fault's code. Interrupts of the unit reach the driver.
  func access(_ address: UInt64, by device: RequesterID, pasid: PASID? = nil, _ kind: AccessKind = .read) -> Access {
    let response = unit.translate(TranslationRequest(kind, at: IOVirtualAddress(address), by: device, pasid: pasid))
    unit.settle()
    deliverInterrupts()
    return response.fault.map { .fault($0.code) } ?? .to(response.address.rawValue)
  }

  /// What became of an access.
  enum Access: Hashable {
    case to(UInt64)
    case fault(UInt16)
  }
}

/// The ways in which one unit can be driven.
struct Setting: Sendable, CustomTestStringConvertible {
  let testDescription: String
  var version = ArchitectureVersion(major: 4, minor: 0)
  /// Eight fault records at 400h, MAMV 18, PSI, drains, 2 MiB and 1 GiB pages, MGAW 48, 4 levels, 2^16 domain ids.
  var capabilities: UInt64 = 0x00D2_078C_402F_0406
  /// Scalable mode with second stage, pass-through, PASIDs of 20 bits, RPS, SMPWCS, SSADS, queue, IOTLB at 500h.
  var extended: UInt64 = 0x0003_6998_0000_5043
  var mode = VTdDriverConfiguration.Mode.automatic

  var isScalable: Bool { mode != .legacy }
  /// The fault of a read that finds nothing mapped.
  var notMapped: UInt16 { isScalable ? 0x79 : 0x06 }
  /// The fault of a requester that is attached nowhere.
  var notAttached: UInt16 { isScalable ? 0x41 : 0x02 }

  func machine() throws -> UnitBus { try UnitBus(version: version, capabilities: capabilities, extended: extended) }

  static let scalable = Setting(testDescription: "scalable")
  /// First stage, nesting, supervisor requests, EAFS, device-TLBs, page requests and their drain, RPRIVS besides.
  static let complete = Setting(
    testDescription: "complete",
    extended: 0x0003_6998_0000_5043 | 1 << 47 | 1 << 26 | 1 << 31 | 1 << 34 | 1 << 2 | 1 << 29 | 1 << 42 | 1 << 53)
  static let legacy = Setting(testDescription: "legacy", mode: .legacy)
  static let all = [
    scalable, legacy,
    Setting(
      testDescription: "legacy by registers", version: ArchitectureVersion(major: 1, minor: 0), extended: 0x5041, mode: .legacy),
    Setting(testDescription: "without page-selective invalidation", capabilities: 0x00D2_070C_402F_0406),
    Setting(testDescription: "caching mode", capabilities: 0x00D2_078C_402F_0486),
    Setting(testDescription: "ESRTPS and MAMV 3", capabilities: 0x80C3_078C_402F_0406),
  ]
}
