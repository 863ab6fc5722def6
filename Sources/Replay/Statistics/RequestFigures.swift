import Hardware
import Translation

/// The figures of the requests of a replay, in the region of interest.
///
/// Accesses are counted as records of the trace; a record that crosses pages is translated in pieces, one for each page.
public struct RequestFigures: Hashable, Sendable {
  /// Records that faulted with one code.
  public struct FaultCount: Hashable, Sendable {
    /// The architecture's code.
    public var code: UInt16
    /// Records.
    public var count: UInt64
  }

  /// Pieces that were served in one way.
  public struct OutcomeCount: Hashable, Sendable {
    /// How they were served.
    public var outcome: TranslationOutcome
    /// How many.
    public var pieces: UInt64
  }

  /// Pieces that were translated by pages of one size.
  public struct PageSizeCount: Hashable, Sendable {
    /// The base-2 logarithm of the size in bytes.
    public var log2: UInt8
    /// How many.
    public var pieces: UInt64
  }

  /// The figures of one requester.
  public struct RequesterFigures: Hashable, Sendable {
    /// The requester.
    public var requester: RequesterID
    /// Its figures.
    public var figures: GroupFigures
  }

  /// The figures of one PASID.
  public struct PASIDFigures: Hashable, Sendable {
    /// The PASID.
    public var pasid: PASID
    /// Its figures.
    public var figures: GroupFigures
  }

  /// Reads, translated ones among them.
  public var reads: UInt64 = 0
  /// Writes, translated ones among them.
  public var writes: UInt64 = 0
  /// AtomicOps.
  public var atomics: UInt64 = 0
  /// Records that faulted, by rising code.
  public var faults: [FaultCount] = []
  /// The bytes of all accesses.
  public var bytes: UInt64 = 0
  /// Pieces by how they were served.
  public var outcomes: [OutcomeCount] = []
  /// Translated pieces by page size.
  public var pageSizes: [PageSizeCount] = []
  /// The latency of records.
  public var latency = LatencyFigures(distribution: [], sum: 0, maximum: .zero)
  /// The parts of the latency, in the order of a request's way.
  public var stages: [StageFigures] = []
  /// Each requester's figures, by rising id.
  public var byRequester: [RequesterFigures] = []
  /// Each PASID's figures, by rising value.
  public var byPASID: [PASIDFigures] = []

  /// No requests.
  public init() {}

  /// Records that are accesses.
  public var total: UInt64 { reads + writes + atomics }
  /// Records without fault.
  public var translated: UInt64 { total - faults.reduce(0) { $0 + $1.count } }
  /// Page pieces.
  public var pieces: UInt64 { outcomes.reduce(0) { $0 + $1.pieces } }
}

/// The latencies of a set of requests.
public struct LatencyFigures: Hashable, Sendable {
  /// How many requests there are.
  public var count: UInt64
  /// The sum of their latencies, in picoseconds.
  public var sum: UInt64
  /// The latency that half of the requests don't exceed.
  public var p50: SimTime
  /// The latency that 90 % of the requests don't exceed.
  public var p90: SimTime
  /// The latency that 99 % of the requests don't exceed.
  public var p99: SimTime
  /// The latency that 99.9 % of the requests don't exceed.
  public var p999: SimTime
  /// The longest latency.
  public var maximum: SimTime

  /// The figures of latencies given in rising order with their counts, with their exact sum, in picoseconds, and maximum.
  public init(distribution: [(latency: SimTime, count: UInt64)], sum: UInt64, maximum: SimTime) {
    let count = distribution.reduce(0) { $0 + $1.count }
    func percentile(_ perMille: UInt64) -> SimTime {
      let rank = max(1, (UInt128(count) * UInt128(perMille) + 999) / 1000)
      var below: UInt128 = 0
      return distribution.first {
        below += UInt128($0.count)
        return below >= rank
      }?.latency ?? .zero
    }
    self.count = count
    self.sum = sum
    p50 = percentile(500)
    p90 = percentile(900)
    p99 = percentile(990)
    p999 = percentile(999)
    self.maximum = maximum
  }

  /// The mean in nanoseconds, with three decimals.
  public var mean: FixedPoint { FixedPoint(mean: sum, of: count) }
}

/// What requests spent in one stage of the translation.
public struct StageFigures: Hashable, Sendable {
  /// The stage.
  public var stage: LatencyStage
  /// Requests that spent any time in it.
  public var count: UInt64
  /// The time that all spent in it, in picoseconds.
  public var sum: UInt64
  /// The longest time that one spent in it.
  public var maximum: SimTime

  /// The mean of those that spent any time in it, in nanoseconds with three decimals.
  public var mean: FixedPoint { FixedPoint(mean: sum, of: count) }
}

/// The latencies of the requests of one group, coarsely.
public struct GroupFigures: Hashable, Sendable {
  /// The sum of the latencies, in picoseconds.
  public var sum: UInt64
  /// The longest latency.
  public var maximum: SimTime
  /// Requests by latency: first those below 2^10 ps, then those below each further power of two, last all longer ones.
  public var histogram: [UInt64]

  /// How many requests there are.
  public var count: UInt64 { histogram.reduce(0, +) }
  /// The mean in nanoseconds, with three decimals.
  public var mean: FixedPoint { FixedPoint(mean: sum, of: count) }

  /// The time below which the latencies of a bucket lie; the last bucket has no limit.
  public func limit(ofBucket bucket: Int) -> SimTime? {
    bucket < histogram.count - 1 ? SimTime(picoseconds: 1 << (10 + UInt64(bucket))) : nil
  }
}

extension FixedPoint {
  /// The mean, in nanoseconds, of `count` times whose sum in picoseconds is `sum`.
  fileprivate init(mean sum: UInt64, of count: UInt64) {
    self.init(count == 0 ? 0 : sum / count, decimals: 3)
  }
}
