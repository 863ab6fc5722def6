import Hardware
import HostDrivers
import PageTables
import VTd

/// What a driver reaches of the machine's unit.
final class MachineBus: HostBus {
  let memory: MemoryView
  let tables: TableMemory
  private let unit: RemappingUnit

  init(unit: RemappingUnit, memory: MemoryView, tables: TableMemory) {
    self.unit = unit
    self.memory = memory
    self.tables = tables
  }

  var now: SimTime { unit.now }

  func readRegister32(_ offset: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: unit.readRegister(offset, size: 4)) }
  func readRegister64(_ offset: UInt64) -> UInt64 { unit.readRegister(offset, size: 8) }
  func writeRegister32(_ offset: UInt64, _ value: UInt32) { unit.writeRegister(offset, size: 4, UInt64(value)) }
  func writeRegister64(_ offset: UInt64, _ value: UInt64) { unit.writeRegister(offset, size: 8, value) }

  // Commands complete within the write that starts them: a state that is not there now will not come.
  func pause() -> Bool { false }
}
