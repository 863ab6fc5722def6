import Hardware

/// Where the time of one request went; its latency is the sum, to the picosecond.
@frozen public struct LatencyBreakdown: Hashable, Sendable {
  /// Waiting at the unit's ingress.
  public var queueing: SimTime = .zero
  /// Looking up the IOTLB.
  public var iotlb: SimTime = .zero
  /// Reading contexts from the configuration caches or memory.
  public var configuration: SimTime = .zero
  /// Waiting for a walk of the same page that another request began.
  public var merge: SimTime = .zero
  /// Waiting for a free walker.
  public var walkerWait: SimTime = .zero
  /// Paging-structure caches and memory during the walk.
  public var memory: SimTime = .zero

  /// No time at all.
  @inlinable public init() {}

  /// The whole latency.
  @inlinable public var total: SimTime { queueing + iotlb + configuration + merge + walkerWait + memory }
}

/// The stages of a latency breakdown, in the order of a request's way.
public enum LatencyStage: String, CaseIterable, Sendable {
  /// Waiting at the unit's ingress.
  case queueing
  /// Looking up the IOTLB.
  case iotlb
  /// Reading contexts from the configuration caches or memory.
  case configuration
  /// Waiting for a walk of the same page that another request began.
  case merge
  /// Waiting for a free walker.
  case walkerWait = "walker_wait"
  /// Paging-structure caches and memory during the walk.
  case memory

  /// This stage's part of a breakdown.
  public func time(in breakdown: LatencyBreakdown) -> SimTime {
    switch self {
    case .queueing: breakdown.queueing
    case .iotlb: breakdown.iotlb
    case .configuration: breakdown.configuration
    case .merge: breakdown.merge
    case .walkerWait: breakdown.walkerWait
    case .memory: breakdown.memory
    }
  }
}
