import Hardware

/// How the driver that programs the unit goes about its work.
public struct DriverParameters: Hashable, Sendable {
  /// When translations of what has been unmapped are invalidated.
  public enum Invalidation: String, Hashable, Sendable, CaseIterable {
    /// At once, before the unmap returns.
    case strict
    /// Later, many at a time.
    case lazy
  }

  /// When translations of what has been unmapped are invalidated.
  public var invalidation = Invalidation.strict
  /// How many unmaps wait for a lazy invalidation at most.
  public var batch: UInt32 = 256
  /// How long an unmap waits for a lazy invalidation at most.
  public var flushTimeout = SimTime(nanoseconds: 10_000_000)

  /// Privileged requests are allowed through first-stage tables, where the unit can.
  public var supervisorRequests = true

  /// Strict; lazy would be as in Linux, 256 unmaps or 10 ms.
  public init() {}

  static let parameters: [Parameter<Self>] = [
    Parameter("invalidation", "when what has been unmapped is invalidated: at once, or later together", \Self.invalidation, .choice()),
    Parameter("batch", "unmaps that a lazy invalidation waits for at most", \Self.batch, .integer(1...65536)),
    Parameter(
      "flush_timeout_ns", "time that a lazy invalidation waits at most", \Self.flushTimeout,
      .nanoseconds(upTo: SimTime(nanoseconds: 1_000_000_000_000))),
    Parameter(
      "supervisor_requests", "whether privileged requests are allowed through first-stage tables, where the unit can",
      \Self.supervisorRequests, .flag),
  ]
}
