import Hardware
import PageTables

/// What a driver reaches of the machine: memory, frames for its tables, the registers of its unit, the clock.
///
/// A driver knows nothing else of the unit, so that it drives a model, a recording or a test's fake alike.
public protocol HostBus: AnyObject {
  /// The machine's memory.
  var memory: MemoryView { get }
  /// The frames for tables and queues; they belong to `memory`.
  var tables: TableMemory { get }
  /// The time now.
  var now: SimTime { get }

  /// Reads a 32-bit register at the given offset from the unit's register base.
  func readRegister32(_ offset: UInt64) -> UInt32
  /// Reads a 64-bit register at the given offset from the unit's register base.
  func readRegister64(_ offset: UInt64) -> UInt64
  /// Writes a 32-bit register at the given offset from the unit's register base.
  func writeRegister32(_ offset: UInt64, _ value: UInt32)
  /// Writes a 64-bit register at the given offset from the unit's register base.
  func writeRegister64(_ offset: UInt64, _ value: UInt64)

  /// Lets time pass while a driver polls, up to the next thing that happens in the machine.
  ///
  /// - Returns: Whether anything can still happen; if not, there is no use in polling on.
  func pause() -> Bool
}

/// A message-signalled interrupt: a write of 32 bits whose address and data the driver chose.
public struct MessageSignalledInterrupt: Hashable, Sendable {
  /// The address written to; on x86 in FEEx_xxxx.
  public var address: PhysicalAddress
  /// The data written.
  public var data: UInt32

  /// A message of the given address and data.
  public init(address: PhysicalAddress, data: UInt32) {
    self.address = address
    self.data = data
  }
}
