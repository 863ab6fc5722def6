import Hardware
import HostDrivers
import Machine
import Replay
import Translation

/// The result of a replay as one JSON object.
///
/// Equal results give equal text, byte for byte; only `host` varies between runs. Keys are in snake_case and end with their unit, or stand in an
/// object whose key does. Times are nanoseconds with three decimals.
public enum JSONReport {
  /// The schema that the object names: its keys are only ever added to.
  public static let schema = "iommusim.replay/1"

  /// The report, with a line feed at its end.
  public static func text(_ result: ReplayResult) -> String { value(result).text + "\n" }

  /// The report as a document.
  public static func value(_ result: ReplayResult) -> JSONValue {
    let figures = result.figures
    var members: [JSONValue.Member] = [
      .init("schema", .string(schema)),
      .init("trace", trace(result)),
      .init("configuration", configuration(result.configuration)),
      .init("requests", requests(figures)),
      .init("caches", .object(figures.caches.map { .init($0.name, counters($0.counters)) })),
      .init("walks", walks(figures)),
      .init("latency_ns", latency(figures.requests)),
      .init("by_requester", .array(figures.requests.byRequester.map(requester))),
      .init("by_pasid", .array(figures.requests.byPASID.map(pasid))),
      .init("driver", driver(figures.driver)),
      .init("ignored_records", ignored(figures.ignored)),
      .init("simulated_ns", .decimal(nanoseconds(figures.duration))),
      .init(
        "throughput",
        .object([
          .init("requests_per_us", .decimal(figures.requestsPerMicrosecond)), .init("gbps", .decimal(figures.gigabitsPerSecond)),
        ])),
      .init(
        "host",
        .object([
          .init("seconds", .decimal(result.hostSeconds)), .init("records_per_second", .integer(result.recordsPerSecond)),
        ])),
    ]
    if let uses = result.staleUses { members.insert(.init("check_stale", StaleUseJSON.value(uses)), at: members.count - 1) }
    return .object(members)
  }

  /// A configuration in full, in the sections of its keys; read as YAML, it gives the configuration back.
  public static func configuration(_ configuration: MachineConfiguration) -> JSONValue {
    sections(MachineConfiguration.parameters.map { ($0.key.split(separator: ".")[...], value($0.value(configuration))) })
  }

  private static func sections(_ values: [(key: ArraySlice<Substring>, value: JSONValue)]) -> JSONValue {
    var members: [JSONValue.Member] = []
    for (key, _) in values {
      guard let name = key.first.map(String.init), !members.contains(where: { $0.key == name }) else { continue }
      let inside = values.filter { $0.key.first.map(String.init) == name }.map { (key: $0.key.dropFirst(), value: $0.value) }
      let leaf = inside.first { $0.key.isEmpty }?.value
      members.append(.init(name, leaf ?? sections(inside)))
    }
    return .object(members)
  }

  private static func value(_ value: ParameterValue) -> JSONValue {
    switch value {
    case .flag(let flag): .flag(flag)
    case .integer(let integer): .integer(integer)
    case .time(let time): .decimal(nanoseconds(time))
    case .word, .name: .string(value.description)
    }
  }

  private static func trace(_ result: ReplayResult) -> JSONValue {
    var members: [JSONValue.Member] = [
      .init("path", .string(result.trace.path)),
      .init("records", .integer(result.trace.records)),
      .init("content_hash", result.trace.contentHash.map { .word($0, digits: 16) } ?? .null),
    ]
    if let damage = result.trace.damage { members.append(.init("damage", .string(damage))) }
    return .object(members)
  }

  private static func requests(_ figures: ReplayFigures) -> JSONValue {
    let requests = figures.requests
    let devices = figures.deviceRequests
    return .object([
      .init("total", .integer(requests.total)),
      .init("reads", .integer(requests.reads)),
      .init("writes", .integer(requests.writes)),
      .init("atomics", .integer(requests.atomics)),
      .init("translated", .integer(requests.translated)),
      .init("faults", .object(requests.faults.map { .init(JSONValue.hexadecimal(UInt64($0.code), digits: 2), .integer($0.count)) })),
      .init("bytes", .integer(requests.bytes)),
      .init(
        "pieces",
        .object([.init("total", .integer(requests.pieces))] + requests.outcomes.map { .init("\($0.outcome)", .integer($0.pieces)) })),
      .init("pieces_by_page_size", .object(requests.pageSizes.map { .init(PageSizeName.of($0.log2), .integer($0.pieces)) })),
      .init("translated_accesses", .integer(devices.translatedAccesses)),
      .init("refused_accesses", .integer(devices.refusedAccesses)),
      .init(
        "translation_requests",
        .object([
          .init("count", .integer(devices.translationRequests)), .init("translations", .integer(devices.translations)),
          .init("without_rights", .integer(devices.translationsWithoutRights)),
          .init("unsupported_request", .integer(devices.unsupportedRequests)),
          .init("completer_abort", .integer(devices.completerAborts)),
        ])),
      .init(
        "page_requests",
        .object([
          .init("count", .integer(devices.pageRequests)), .init("success", .integer(devices.pageSuccesses)),
          .init("invalid_request", .integer(devices.invalidPageRequests)), .init("response_failure", .integer(devices.pageFailures)),
        ])),
      .init("device_invalidations", .integer(devices.invalidations)),
    ])
  }

  private static func counters(_ counters: CacheCounters) -> JSONValue {
    .object([
      .init("lookups", .integer(counters.lookups)), .init("hits", .integer(counters.hits)), .init("merges", .integer(counters.merges)),
      .init("misses", .integer(counters.misses)), .init("hit_rate", .decimal(counters.hitRate)),
      .init("fills", .integer(counters.fills)), .init("evictions", .integer(counters.evictions)),
      .init("invalidations", .integer(counters.invalidations)),
    ])
  }

  private static func walks(_ figures: ReplayFigures) -> JSONValue {
    .object([
      .init("count", .integer(figures.walks)), .init("memory_reads", .integer(figures.walkReads)),
      .init("reads_per_walk", .decimal(figures.readsPerWalk)),
      .init("memory_reads_with_configuration", .integer(figures.memoryReads)),
    ])
  }

  private static func driver(_ activity: DriverActivity) -> JSONValue {
    .object([
      .init("maps", .integer(activity.maps)), .init("unmaps", .integer(activity.unmaps)),
      .init("replacements", .integer(activity.replacements)), .init("unmapped_bytes", .integer(activity.unmappedBytes)),
      .init("context_invalidations", .integer(activity.contextInvalidations)),
      .init("pasid_invalidations", .integer(activity.pasidInvalidations)),
      .init("global_invalidations", .integer(activity.globalInvalidations)),
      .init("domain_invalidations", .integer(activity.domainInvalidations)),
      .init("page_invalidations", .integer(activity.pageInvalidations)),
      .init("device_tlb_invalidations", .integer(activity.deviceTLBInvalidations)),
      .init("page_requests", .integer(activity.pageRequests)), .init("page_group_responses", .integer(activity.pageGroupResponses)),
      .init("page_request_overflows", .integer(activity.pageRequestOverflows)), .init("waits", .integer(activity.waits)),
      .init("deferred_flushes", .integer(activity.deferredFlushes)), .init("freed_tables", .integer(activity.freedTables)),
      .init("faults", .integer(activity.faults)), .init("fault_overflows", .integer(activity.faultOverflows)),
    ])
  }

  private static func ignored(_ ignored: IgnoredRecords) -> JSONValue {
    .object([.init("invalidations", .integer(ignored.invalidations)), .init("interrupts", .integer(ignored.interrupts))])
  }

  private static func latency(_ requests: RequestFigures) -> JSONValue {
    let latency = requests.latency
    let stages = requests.stages.map { stage in
      JSONValue.Member(
        stage.stage.rawValue,
        .object([
          .init("count", .integer(stage.count)), .init("mean", .decimal(stage.mean)),
          .init("max", .decimal(nanoseconds(stage.maximum))),
          .init("total", .decimal(FixedPoint(stage.sum, decimals: 3))),
        ]))
    }
    return .object([
      .init("count", .integer(latency.count)), .init("mean", .decimal(latency.mean)), .init("p50", .decimal(nanoseconds(latency.p50))),
      .init("p90", .decimal(nanoseconds(latency.p90))), .init("p99", .decimal(nanoseconds(latency.p99))),
      .init("p99_9", .decimal(nanoseconds(latency.p999))), .init("max", .decimal(nanoseconds(latency.maximum))),
      .init("breakdown", .object(stages)),
    ])
  }

  private static func requester(_ requester: RequestFigures.RequesterFigures) -> JSONValue {
    .object([.init("requester", .string(requester.requester.description))] + group(requester.figures))
  }

  private static func pasid(_ pasid: RequestFigures.PASIDFigures) -> JSONValue {
    .object([.init("pasid", .integer(UInt64(pasid.pasid.rawValue)))] + group(pasid.figures))
  }

  private static func group(_ figures: GroupFigures) -> [JSONValue.Member] {
    let buckets = figures.histogram.indices.filter { figures.histogram[$0] > 0 }.map { bucket in
      JSONValue.object([
        .init("below_ns", figures.limit(ofBucket: bucket).map { .decimal(nanoseconds($0)) } ?? .null),
        .init("count", .integer(figures.histogram[bucket])),
      ])
    }
    return [
      .init("count", .integer(figures.count)), .init("mean_ns", .decimal(figures.mean)),
      .init("max_ns", .decimal(nanoseconds(figures.maximum))), .init("histogram", .array(buckets)),
    ]
  }

  private static func nanoseconds(_ time: SimTime) -> FixedPoint { FixedPoint(time.picoseconds, decimals: 3) }
}
