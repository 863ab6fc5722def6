import DMATrace
import Hardware
import HostDrivers
import Translation

/// A place in a trace: a number of records from its start, or a time.
public enum TracePosition: Hashable, Sendable {
  /// Before the record of this number, counted from 0.
  case record(UInt64)
  /// Before the first record at this time or later.
  case time(SimTime)

  /// Whether the record of the given number and time lies at or behind this place.
  func isReached(by index: UInt64, at time: SimTime) -> Bool {
    switch self {
    case .record(let number): index >= number
    case .time(let place): time >= place
    }
  }
}

/// What a replay does with a trace.
public struct ReplayOptions: Hashable, Sendable {
  /// Whose invalidations are made.
  public enum Invalidations: String, Hashable, Sendable, CaseIterable {
    /// Those that the driver's policy asks for.
    case driver
    /// Those that the trace records, and no others.
    case recorded
  }

  /// Whose invalidations are made.
  public var invalidations = Invalidations.driver
  /// Where accesses begin to be replayed; records before only prepare address spaces.
  public var from: TracePosition?
  /// Where the replay ends.
  public var to: TracePosition?
  /// Where counting begins, counted from where the accesses begin; what is replayed before warms the caches.
  public var warmup: TracePosition?
  /// How many accesses are replayed at most, the warm-up among them.
  public var limit: UInt64?

  /// Whether every use of a stale cache entry is looked for, and how many findings are described; `nil` looks for none and costs nothing.
  public var staleFindings: Int?

  /// The whole trace, with the driver's invalidations.
  public init() {}

  var hasBounds: Bool { from != nil || to != nil || limit != nil }
}

/// Why a replay cannot go on.
public enum ReplayError: Error, Hashable, CustomStringConvertible {
  /// The driver could not do what a record asks for.
  case driver(record: UInt64, HostDriverError)
  /// An access reaches beyond the end of the address space.
  case wraps(record: UInt64, address: IOVirtualAddress, length: UInt64)
  /// There are no physical frames left for pages that the trace does not map itself.
  case outOfFrames(record: UInt64)

  /// The error in one line.
  public var description: String {
    switch self {
    case .driver(let record, let error): "record \(record): \(error)"
    case .wraps(let record, let address, let length):
      "record \(record): \(length) bytes at \(address) reach beyond the end of the address space"
    case .outOfFrames(let record): "record \(record): no physical memory is left for pages that the trace does not map"
    }
  }
}

/// Records that a replay passed over, because they concern what the machine does not have.
public struct IgnoredRecords: Hashable, Sendable {
  /// Invalidations of device-TLBs and interrupt entries, of domains that nothing has used, and those that a unit made on its own.
  public var invalidations: UInt64 = 0
  /// Interrupts.
  public var interrupts: UInt64 = 0
}

/// Sees every translation of a replay.
public protocol ReplayObserver: ~Copyable {
  /// Called for each page piece of each access, in order.
  mutating func observe(_ record: UInt64, _ request: TranslationRequest, _ response: borrowing TranslationResponse)
}

/// An observer that looks away.
public struct NoObserver: ReplayObserver {
  /// An observer that looks away.
  public init() {}
  /// Does nothing.
  @inline(__always) public mutating func observe(
    _ record: UInt64, _ request: TranslationRequest, _ response: borrowing TranslationResponse
  ) {}
}
