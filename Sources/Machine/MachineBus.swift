import Hardware
import HostDrivers
import PageTables
import VTd

/// What a driver reaches of the machine's unit.
final class MachineBus: HostBus {
  let memory: MemoryView
  let tables: TableMemory
  private let unit: RemappingUnit
  private let devices: Devices

  init(unit: RemappingUnit, devices: Devices, memory: MemoryView, tables: TableMemory) {
    self.unit = unit
    self.devices = devices
    self.memory = memory
    self.tables = tables
  }

  var now: SimTime { unit.now }

  func readRegister32(_ offset: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: unit.readRegister(offset, size: 4)) }
  func readRegister64(_ offset: UInt64) -> UInt64 { unit.readRegister(offset, size: 8) }
  func writeRegister32(_ offset: UInt64, _ value: UInt32) { unit.writeRegister(offset, size: 4, UInt64(value)) }
  func writeRegister64(_ offset: UInt64, _ value: UInt64) { unit.writeRegister(offset, size: 8, value) }

  // Commands complete within the write that starts them: only devices take their time, to complete invalidations, or the unit to give them up.
  func pause() -> Bool {
    let next = min(devices.nextCompletion, unit.nextInvalidationTimeout ?? .never)
    guard next != .never else { return false }
    unit.advance(to: next)
    devices.advance(to: next)
    return true
  }
}
