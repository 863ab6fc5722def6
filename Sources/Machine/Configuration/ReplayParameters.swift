import Hardware

/// How a replay issues requests.
public struct ReplayParameters: Hashable, Sendable {
  /// Who decides when a request is issued.
  public enum Loop: String, Hashable, Sendable, CaseIterable {
    /// The time of its record.
    case open
    /// The completion of an earlier one: a fixed number is outstanding.
    case closed
  }

  /// Who decides when a request is issued.
  public var loop = Loop.open
  /// How many requests of a closed loop are outstanding.
  public var outstanding: UInt32 = 32

  /// Open loop; a closed one would have 32 requests outstanding.
  public init() {}

  static let parameters: [Parameter<Self>] = [
    Parameter(
      "loop", "requests are issued at the times of the trace (open), or when earlier ones complete (closed)", \Self.loop, .choice()),
    Parameter("outstanding", "requests that a closed loop has outstanding", \Self.outstanding, .integer(1...65536)),
  ]
}
