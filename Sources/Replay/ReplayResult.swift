import Hardware
import Machine
import Translation

/// Everything that a replay of a trace found out.
public struct ReplayResult: Sendable {
  /// The trace that was replayed.
  public struct Trace: Hashable, Sendable {
    /// Its path, as it was given.
    public var path: String
    /// How many records it has; of a damaged trace, how many could be used.
    public var records: UInt64
    /// The hash of its records; nil for a trace whose blocks cannot all be known.
    public var contentHash: UInt64?
    /// What was wrong with it, if it was replayed only up to some damage.
    public var damage: String?

    /// A trace of the given particulars.
    public init(path: String, records: UInt64, contentHash: UInt64?, damage: String? = nil) {
      self.path = path
      self.records = records
      self.contentHash = contentHash
      self.damage = damage
    }
  }

  /// The trace.
  public var trace: Trace
  /// The machine.
  public var configuration: MachineConfiguration
  /// What was measured.
  public var figures: ReplayFigures
  /// How long the replay took, in nanoseconds: the only part that varies between runs.
  public var hostNanoseconds: UInt64

  /// What was found of uses of stale cache entries; `nil` if nobody looked.
  public var staleUses: StaleUses?

  /// A result of the given parts.
  public init(trace: Trace, configuration: MachineConfiguration, figures: ReplayFigures, hostNanoseconds: UInt64) {
    self.trace = trace
    self.configuration = configuration
    self.figures = figures
    self.hostNanoseconds = hostNanoseconds
  }

  /// How long the replay took, in seconds with three decimals.
  public var hostSeconds: FixedPoint { FixedPoint(hostNanoseconds / 1_000_000, decimals: 3) }

  /// Records replayed in a second; 0 if no time passed.
  public var recordsPerSecond: UInt64 {
    FixedPoint(figures.replayedRecords, over: hostNanoseconds, times: 1_000_000_000, decimals: 0).digits
  }
}

extension ReplayFigures {
  /// Table entries that a walk read on average, with three decimals; 0 without walks.
  public var readsPerWalk: FixedPoint { FixedPoint(walkReads, over: walks, decimals: 3) }

  /// Requests in a microsecond of simulated time, with three decimals; 0 if no time passed.
  public var requestsPerMicrosecond: FixedPoint { FixedPoint(requests.total, over: duration.picoseconds, times: 1_000_000, decimals: 3) }

  /// Gigabits in a second of simulated time, with three decimals; 0 if no time passed.
  public var gigabitsPerSecond: FixedPoint { FixedPoint(requests.bytes, over: duration.picoseconds, times: 8000, decimals: 3) }
}

extension CacheCounters {
  /// The share of lookups that were hits, from 0 to 1, with six decimals; 0 without lookups.
  public var hitRate: FixedPoint { FixedPoint(hits, over: lookups, decimals: 6) }
}
