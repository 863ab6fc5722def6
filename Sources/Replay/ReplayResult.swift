import Hardware
import Machine
import Translation

/// Everything that a replay found out.
public struct ReplayResult: Sendable {
  /// The trace that was replayed.
  public struct Trace: Hashable, Sendable {
    /// Its path, as it was given.
    public var path: String
    /// How many of its records were replayed, those before the region of interest among them.
    public var records: UInt64
    /// The hash of its records; nil for a trace whose blocks cannot all be known.
    public var contentHash: UInt64?

    /// A trace of the given particulars.
    public init(path: String, records: UInt64, contentHash: UInt64?) {
      self.path = path
      self.records = records
      self.contentHash = contentHash
    }
  }

  /// One cache of the machine.
  public struct Cache: Hashable, Sendable {
    /// Its name, in snake_case: `iotlb`, `context`, `pasid`, `walk_2`.
    public var name: String
    /// What happened at it in the region of interest.
    public var counters: CacheCounters

    /// The cache of the given name.
    public init(name: String, counters: CacheCounters) {
      self.name = name
      self.counters = counters
    }
  }

  /// What the replay cost, which varies between runs.
  public struct Host: Hashable, Sendable {
    /// How long it took.
    public var nanoseconds: UInt64

    /// A replay of the given duration.
    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }
  }

  /// The trace.
  public var trace: Trace
  /// The machine.
  public var configuration: MachineConfiguration
  /// The requests of the region of interest.
  public var requests: RequestFigures
  /// The caches, in the order of a request's way.
  public var caches: [Cache]
  /// Simulated time from the first request of the region of interest to its last completion.
  public var simulated: SimTime
  /// What it cost.
  public var host: Host
  /// What was wrong with the trace, if it was replayed only up to some damage.
  public var damage: String?

  /// A result of the given parts.
  public init(
    trace: Trace, configuration: MachineConfiguration, requests: RequestFigures, caches: [Cache], simulated: SimTime, host: Host,
    damage: String? = nil
  ) {
    self.trace = trace
    self.configuration = configuration
    self.requests = requests
    self.caches = caches
    self.simulated = simulated
    self.host = host
    self.damage = damage
  }
}

extension ReplayResult {
  /// Table entries that a walk read on average, with three decimals.
  public var readsPerWalk: FixedPoint { FixedPoint(requests.memoryReads, over: requests.walks, decimals: 3) }

  /// Requests in a microsecond of simulated time, with three decimals; 0 if no time passed.
  public var requestsPerMicrosecond: FixedPoint { FixedPoint(requests.total, over: simulated.picoseconds, times: 1_000_000, decimals: 3) }

  /// Gigabits in a second of simulated time, with three decimals; 0 if no time passed.
  public var gigabitsPerSecond: FixedPoint { FixedPoint(requests.bytes, over: simulated.picoseconds, times: 8000, decimals: 3) }
}

extension CacheCounters {
  /// The share of lookups that were hits, from 0 to 1, with six decimals; 0 without lookups.
  public var hitRate: FixedPoint { FixedPoint(hits, over: lookups, decimals: 6) }
}

extension ReplayResult.Host {
  /// The duration in seconds, with three decimals.
  public var seconds: FixedPoint { FixedPoint(nanoseconds / 1_000_000, decimals: 3) }

  /// Records replayed in a second.
  public func recordsPerSecond(_ records: UInt64) -> UInt64 {
    FixedPoint(records, over: nanoseconds, times: 1_000_000_000, decimals: 0).digits
  }
}
