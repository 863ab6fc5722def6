import DMATrace
import Hardware
import HostDrivers
import Machine
import Translation
import VTd

/// What the unit and its caches have counted.
struct UnitCounters {
  var caches: [ReplayFigures.CacheFigures] = []
  var walks: UInt64 = 0
  var walkReads: UInt64 = 0
  var memoryReads: UInt64 = 0

  init() {}

  init(_ machine: Machine) {
    let unit = machine.unit
    caches = machine.devices.cacheCounters.map { [ReplayFigures.CacheFigures(name: "device_tlb", counters: $0)] } ?? []
    caches += unit.caches.map { ReplayFigures.CacheFigures(name: $0.name, counters: $0.counters) }
    walks = unit.walks
    walkReads = unit.walkReads
    memoryReads = unit.memoryReads
  }
}

/// What a replay measured in its region of interest.
public struct ReplayFigures: Sendable {
  /// A cache by name, and what happened there.
  public struct CacheFigures: Hashable, Sendable {
    /// The cache, as `iotlb`.
    public var name: String
    /// What happened there.
    public var counters: CacheCounters
  }

  /// The requests.
  public var requests: RequestFigures
  /// What devices asked that is no access, and what they were told.
  public var deviceRequests: DeviceRequestFigures
  /// The caches, in the order in which a request meets them.
  public var caches: [CacheFigures]
  /// The walks made.
  public var walks: UInt64
  /// The table entries that walks read.
  public var walkReads: UInt64
  /// The reads of memory, configuration structures included.
  public var memoryReads: UInt64
  /// From the arrival of the first request to the completion of the last.
  public var duration: SimTime
  /// The records replayed from the start of the trace, the warm-up among them.
  public var replayedRecords: UInt64
  /// The records passed over.
  public var ignored: IgnoredRecords
  /// What the driver did from the start of the trace.
  public var driver: DriverActivity
}

extension ReplayEngine {
  enum Part {
    case replay
    case prepare
    case stop
  }

  /// Where a record lies with regard to the region of interest; begins the measurement where that begins.
  @inline(never) func bounds(_ record: TraceRecord, _ index: UInt64, _ state: inout State) -> Part {
    if let to = options.to, to.isReached(by: index, at: record.time) { return stop(&state) }
    if let limit = options.limit, state.accesses >= limit { return stop(&state) }
    if let from = options.from, !from.isReached(by: index, at: record.time) { return .prepare }
    if !state.isMeasuring, isWarm(record, &state) { beginMeasurement(&state) }
    return .replay
  }

  private func stop(_ state: inout State) -> Part {
    state.isDone = true
    return .stop
  }

  private func isWarm(_ record: TraceRecord, _ state: inout State) -> Bool {
    switch options.warmup {
    case nil: return true
    case .record(let count): return state.replayed >= count
    case .time(let span):
      if state.replayStart == .never { state.replayStart = record.time }
      return record.time - state.replayStart >= span
    }
  }

  private func beginMeasurement(_ state: inout State) {
    state.isMeasuring = true
    statistics.pointee.reset()
    tally.begin(machine.devices)
    state.firstArrival = .never
    state.lastCompletion = .zero
    state.baseline = UnitCounters(machine)
  }

  /// What has been measured. A warm-up that never ended leaves nothing.
  public func finish() -> ReplayFigures {
    unit.settle()
    if !state.isMeasuring { beginMeasurement(&state) }
    let counters = UnitCounters(machine)
    let caches = counters.caches.map { report in
      let before = state.baseline.caches.first { $0.name == report.name }?.counters ?? CacheCounters()
      return ReplayFigures.CacheFigures(name: report.name, counters: report.counters - before)
    }
    return ReplayFigures(
      requests: statistics.pointee.figures, deviceRequests: tally.result(machine.devices), caches: caches,
      walks: counters.walks - state.baseline.walks,
      walkReads: counters.walkReads - state.baseline.walkReads, memoryReads: counters.memoryReads - state.baseline.memoryReads,
      duration: state.firstArrival == .never ? .zero : max(state.lastCompletion, state.firstArrival) - state.firstArrival,
      replayedRecords: state.replayed, ignored: state.ignored, driver: driver.activity)
  }

  /// What has been found of uses of stale cache entries; `nil` if nobody looks.
  public var staleUses: StaleUses? { staleCheck?.findings }

  /// The number of records that have been looked at.
  public var recordsSeen: UInt64 { state.index }
}
