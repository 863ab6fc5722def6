import Hardware
import Machine
import Replay
import Translation
import VTdArchitecture

/// The result of a replay for people: what the requests were, what they waited for, and what the caches made of them.
public enum TextReport {
  /// How many requesters, and how many PASIDs, are listed, those with the most requests first.
  static let groupLimit = 10

  /// The report, in lines of about 100 columns.
  public static func text(_ result: ReplayResult) -> String {
    let requests = result.figures.requests
    var blocks = [
      summary(result), latency(requests), stages(requests), caches(result.figures), faults(requests),
      groups("requester", requests.byRequester.map { ($0.requester.description, $0.figures) }),
      groups("PASID", requests.byPASID.map { ($0.pasid.description, $0.figures) }),
    ]
    if let uses = result.staleUses { blocks.append(StaleUseText.lines(uses)) }
    return blocks.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") }.joined(separator: "\n\n") + "\n"
  }

  private static func summary(_ result: ReplayResult) -> [String] {
    let requests = result.figures.requests
    let configuration = result.configuration
    let faulted = requests.total - requests.translated
    var lines = [
      "trace      \(result.trace.path): \(result.trace.records.counted("records"))",
      "machine    \(configuration.preset): \(configuration.iommu.rawValue), translation.stages \(configuration.stages.rawValue)",
      "requests   \(requests.total.grouped): \(requests.reads.counted("reads")), \(requests.writes.counted("writes")), "
        + "\(requests.atomics.counted("atomics")); \(requests.bytes.counted("bytes")) in \(requests.pieces.counted("page pieces"))",
      "outcome    \(requests.translated.grouped) translated, \(faulted.grouped) faulted",
      "simulated  \(scaled(result.figures.duration)): "
        + "\(result.figures.requestsPerMicrosecond) requests/us, \(result.figures.gigabitsPerSecond) Gb/s",
      "host       \(result.hostSeconds) s: \(result.recordsPerSecond.grouped) records/s",
    ]
    if let devices = devices(result.figures.deviceRequests) { lines.insert(devices, at: 4) }
    if let damage = result.trace.damage { lines.insert("damage     \(damage)", at: 1) }
    return lines
  }

  private static func devices(_ devices: DeviceRequestFigures) -> String? {
    guard devices != DeviceRequestFigures() else { return nil }
    return "devices    \(devices.translationRequests.grouped) translation requests, \(devices.translations.grouped) with rights; "
      + "\(devices.translatedAccesses.grouped) translated accesses, \(devices.refusedAccesses.grouped) given up; "
      + "\(devices.pageRequests.grouped) page requests, \(devices.pageSuccesses.grouped) groups served; "
      + "\(devices.invalidations.grouped) invalidations"
  }

  private static func latency(_ requests: RequestFigures) -> [String] {
    let latency = requests.latency
    guard latency.count > 0 else { return [] }
    var table = TextTable()
    table.add(["latency, ns", "mean", "p50", "p90", "p99", "p99.9", "max"])
    let times = [latency.p50, latency.p90, latency.p99, latency.p999, latency.maximum].map { nanoseconds($0) }
    table.add(["", latency.mean.description] + times)
    return table.lines
  }

  private static func stages(_ requests: RequestFigures) -> [String] {
    let latency = requests.latency
    let stages = requests.stages.filter { $0.sum > 0 }
    guard !stages.isEmpty else { return [] }
    var table = TextTable()
    table.add(["where the time went, ns", "of all", "requests", "mean", "max"])
    for stage in stages {
      table.add([
        "  " + name(stage.stage), percentage(stage.sum, of: latency.sum), stage.count.grouped, stage.mean.description,
        nanoseconds(stage.maximum),
      ])
    }
    return table.lines
  }

  private static func caches(_ figures: ReplayFigures) -> [String] {
    var table = TextTable()
    table.add(["caches", "hit rate", "lookups", "hits", "merges", "misses", "fills", "evictions", "invalidations"])
    for cache in figures.caches {
      let counters = cache.counters
      let counts = [
        counters.lookups, counters.hits, counters.merges, counters.misses, counters.fills, counters.evictions, counters.invalidations,
      ]
      table.add(["  " + cache.name, percentage(counters.hits, of: counters.lookups)] + counts.map(\.grouped))
    }
    return table.lines + [
      "  walks: \(figures.walks.grouped), which read \(figures.walkReads.counted("table entries")): \(figures.readsPerWalk) each"
    ]
  }

  private static func faults(_ requests: RequestFigures) -> [String] {
    guard !requests.faults.isEmpty else { return [] }
    var table = TextTable()
    table.add(["faults", "requests"])
    for fault in requests.faults {
      let reason = FaultReason(UInt8(truncatingIfNeeded: fault.code))
      table.add(["  \(reason) \(reason.meaning ?? "")", fault.count.grouped])
    }
    return table.lines
  }

  private static func groups(_ name: String, _ groups: [(name: String, figures: GroupFigures)]) -> [String] {
    guard !groups.isEmpty else { return [] }
    // Sorting keeps the order of equals: by rising id.
    let most = groups.enumerated().sorted { ($1.element.figures.count, $0.offset) < ($0.element.figures.count, $1.offset) }
    let shown = most.prefix(groupLimit).map(\.element)
    var table = TextTable()
    let title = groups.count > shown.count ? "by \(name), \(shown.count) of \(groups.count)" : "by \(name)"
    table.add([title, "requests", "mean, ns", "max, ns"])
    for group in shown {
      table.add(["  " + group.name, group.figures.count.grouped, group.figures.mean.description, nanoseconds(group.figures.maximum)])
    }
    return table.lines
  }

  private static func name(_ stage: LatencyStage) -> String {
    switch stage {
    case .queueing: "queueing at the unit"
    case .iotlb: "IOTLB lookup"
    case .configuration: "configuration lookup"
    case .merge: "waiting for another's walk"
    case .walkerWait: "waiting for a walker"
    case .memory: "walking"
    }
  }

  /// A time in the largest unit of which it has at least one, from microseconds up, with three decimals.
  private static func scaled(_ time: SimTime) -> String {
    switch time.picoseconds {
    case ..<1_000_000_000: FixedPoint(time.picoseconds / 1000, decimals: 3).grouped + " us"
    case ..<1_000_000_000_000: FixedPoint(time.picoseconds / 1_000_000, decimals: 3).grouped + " ms"
    default: FixedPoint(time.picoseconds / 1_000_000_000, decimals: 3).grouped + " s"
    }
  }

  private static func nanoseconds(_ time: SimTime) -> String { FixedPoint(time.picoseconds, decimals: 3).description }

  /// A share of a whole; there is none of nothing.
  private static func percentage(_ part: UInt64, of whole: UInt64) -> String {
    whole == 0 ? "-" : FixedPoint(part, over: whole, times: 100, decimals: 2).description + " %"
  }
}
