import Hardware
import VTdArchitecture

/// What the registers say about translation: all that the data plane needs of them.
///
/// Values take effect when a command latches them, so this is not what the registers read.
@frozen public struct TranslationState: Hashable, Sendable {
  /// TES: requests are translated.
  public var isEnabled = false
  /// The root table, translation table mode and use of I/O rights that SRTP latched last.
  public var rootTable = RootTableAddress(rawValue: 0)
  /// IRES: interrupts are remapped.
  public var remapsInterrupts = false
  /// The interrupt remapping table that SIRTP latched last.
  public var interruptTable = InterruptTableAddress(rawValue: 0)
  /// CFIS: interrupts in compatibility format pass.
  public var passesCompatibilityInterrupts = false
  /// QIES: the invalidation queue is enabled.
  public var queueIsEnabled = false
  /// The regions that PMEN protects from DMA; empty while it is off.
  public var protectedMemory = ProtectedMemory()
  /// Counts the changes of this value, so that a copy can be told to be old.
  public var generation: UInt64 = 0

  /// The state after reset: everything is off.
  @inlinable public init() {}

  /// TTM as latched.
  @inlinable public var mode: TranslationTableMode { rootTable.mode }
}

/// Two regions of physical memory that devices may not reach (VT-d rev 5.10 section 11.4.8).
@frozen public struct ProtectedMemory: Hashable, Sendable {
  /// The first and last address of the low region; nothing if the last is below the first.
  public var lowBase = PhysicalAddress(UInt64.max), lowLast = PhysicalAddress(0)
  /// The first and last address of the high region; nothing if the last is below the first.
  public var highBase = PhysicalAddress(UInt64.max), highLast = PhysicalAddress(0)

  /// No region.
  @inlinable public init() {}

  /// Whether an access to the `count` bytes from `address` on touches a region.
  @inlinable public func covers(_ address: PhysicalAddress, count: UInt64) -> Bool {
    let sum = address.rawValue.addingReportingOverflow(max(count, 1) &- 1)
    let last = PhysicalAddress(sum.overflow ? .max : sum.partialValue)
    return max(address, lowBase) <= min(last, lowLast) || max(address, highBase) <= min(last, highLast)
  }
}
