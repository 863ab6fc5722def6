import Hardware

/// What an operating system decides about a VT-d unit.
public struct VTdDriverConfiguration: Hashable, Sendable {
  /// Which structures translation starts from.
  public enum Mode: Hashable, Sendable {
    /// Scalable mode if the unit has it, else legacy mode.
    case automatic
    /// Root and context entries of 128 bits, no PASIDs.
    case legacy
    /// PASID tables.
    case scalable
  }

  /// Which structures translation starts from.
  public var mode: Mode = .automatic
  /// When hardware is told of what has been unmapped.
  public var policy: InvalidationPolicy = .strict
  /// The levels of second-stage tables, 3 to 5; `nil` takes the most that the unit supports.
  public var secondStageLevels: UInt8?
  /// The levels of first-stage tables that the driver builds, 4 or 5; `nil` takes the most that the unit supports.
  public var firstStageLevels: UInt8?
  /// Privileged requests are allowed through first-stage tables that the driver builds, where the unit can.
  public var supervisorRequests = false
  /// Extended-accessed flags are kept in first-stage tables that the driver builds, where the unit can.
  public var extendedAccessed = false
  /// First-stage entries that the driver builds have their accessed and dirty flags set from the start, as Linux sets them for DMA mappings:
  /// nobody asks for them, and hardware is spared the updates.
  public var marksFirstStage = true
  /// Second-stage accessed and dirty flags are kept, where the unit can.
  public var accessedDirty = false
  /// The host address width in bits, from the ACPI DMAR table.
  public var hostAddressWidth = 52
  /// The invalidation queue takes 2^`queueSizeLog2` pages, 0 to 7.
  public var queueSizeLog2: UInt8 = 0
  /// The page request queue takes 2^`pageRequestQueueSizeLog2` pages, 0 to 7.
  public var pageRequestQueueSizeLog2: UInt8 = 4
  /// The most page requests kept of groups whose last one has not come.
  public var pageRequestLimit = 4096
  /// The interrupt that reports page requests.
  public var pageRequestMessage = MessageSignalledInterrupt(address: PhysicalAddress(0xFEE0_0000), data: 0x22)
  /// The interrupt that reports faults.
  public var faultMessage = MessageSignalledInterrupt(address: PhysicalAddress(0xFEE0_0000), data: 0x21)
  /// The most fault records kept until somebody takes them.
  public var faultLogCapacity = 1024
  /// The longest that the driver waits for the unit.
  public var timeout = SimTime(nanoseconds: 1_000_000_000)

  /// The decisions of a plain system: the best mode, strict invalidation, the deepest tables.
  public init() {}
}
