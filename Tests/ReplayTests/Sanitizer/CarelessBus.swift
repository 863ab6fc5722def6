import Hardware
import HostDrivers
import PageTables
import Replay
import Testing
import Translation
import VTd
import VTdArchitecture

/// The bus of a driver whose invalidations of translations get lost: what a driver that forgets them would do.
final class CarelessBus: HostBus {
  let memory: MemoryView
  let tables: TableMemory
  let unit: RemappingUnit
  let check: StaleCheck
  /// IOTLB invalidations are lost from now on.
  var losesInvalidations = false
  private let storage: PhysicalMemory
  private var queue = PhysicalAddress(0)

  init(extended: UInt64 = 0x0003_6998_0000_5043) throws {
    let region = MemoryRegion(start: PhysicalAddress(0x10_0000), length: 16 << 20)
    let watch = WriteWatch()
    storage = try PhysicalMemory(regions: [region])
    memory = storage.view(watchedBy: watch)
    tables = TableMemory(region, in: memory)
    let identity = UnitIdentity(
      version: ArchitectureVersion(major: 4, minor: 0), capabilities: Capabilities(rawValue: 0x00D2_078C_402F_0406),
      extended: ExtendedCapabilities(rawValue: extended), hostAddressWidth: 52)
    var parameters = TranslationParameters()
    parameters.pagingStructureCaches.second.level2 = CacheGeometry(entries: 16)
    unit = try RemappingUnit(identity: identity, parameters: parameters, memory: storage.view)
    check = StaleCheck(unit, memory: storage.view, watch: watch, tables: tables)
  }

  func driver(_ mode: VTdDriverConfiguration.Mode = .automatic) throws -> VTdDriver {
    var configuration = VTdDriverConfiguration()
    configuration.mode = mode
    let driver = VTdDriver(bus: self, configuration: configuration)
    try driver.bringUp()
    return driver
  }

  func read(_ page: UInt64, by device: RequesterID = Script.device, record: UInt64 = 0) {
    let request = TranslationRequest(.read, at: IOVirtualAddress(page << 12), by: device)
    var response = TranslationResponse()
    check.begin(record: record)
    unit.translate(request, at: .zero, into: &response)
    check.observe(record, request, response)
    unit.settle()
  }

  var now: SimTime { unit.now }
  func readRegister32(_ offset: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: unit.readRegister(offset, size: 4)) }
  func readRegister64(_ offset: UInt64) -> UInt64 { unit.readRegister(offset, size: 8) }
  func writeRegister32(_ offset: UInt64, _ value: UInt32) { unit.writeRegister(offset, size: 4, UInt64(value)) }
  func pause() -> Bool { false }

  func writeRegister64(_ offset: UInt64, _ value: UInt64) {
    if offset == 0x90 { queue = PhysicalAddress(value).alignedDown(12) }
    if offset == 0x88, losesInvalidations { replaceInvalidations(until: value) }
    unit.writeRegister(offset, size: 8, value)
  }

  // Descriptors of type 2 become such of type 4, which concern interrupts.
  private func replaceInvalidations(until tail: UInt64) {
    var offset = unit.readRegister(0x80, size: 8)
    let wide = unit.readRegister(0x90, size: 8)[bit: 11]
    while offset != tail {
      let place = queue.advanced(by: offset)
      if let word = memory.read64(place), word & 0xF == 2 {
        memory.write64(place, 4)
        memory.write64(place.advanced(by: 8), 0)
      }
      offset = (offset + (wide ? 32 : 16)) & 0xFFF
    }
  }
}
