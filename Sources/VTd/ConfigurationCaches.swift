import Hardware
import Translation
import VTdArchitecture

/// The context cache and the PASID cache (VT-d rev 5.10 section 6.2.2): validated entries only, so that nothing that faulted is remembered.
///
/// A fetch fills its cache when it begins, with the time at which its data is there: a request that comes before then waits for it.
struct ConfigurationCaches: ~Copyable {
  /// A context entry of either mode; a legacy one in the first two words.
  struct Context: BitwiseCopyable {
    var words: SIMD4<UInt64>
    var ready: SimTime
    /// The domain that the entry is tagged with; scalable-mode entries have none.
    var domain: DomainID?
  }

  /// A PASID table entry, and what its directory entry says of faults.
  struct PASIDEntry: BitwiseCopyable {
    var words: SIMD8<UInt64>
    var ready: SimTime
    var domain: DomainID
    var reportsFaults: Bool
  }

  private var contexts: SetAssociativeCache<Context>
  private var pasids: SetAssociativeCache<PASIDEntry>
  private let contextLatency: SimTime
  private let pasidLatency: SimTime
  private(set) var contextCounters = CacheCounters()
  private(set) var pasidCounters = CacheCounters()

  init(_ parameters: TranslationParameters) {
    contexts = SetAssociativeCache(parameters.contextCache.geometry)
    pasids = SetAssociativeCache(parameters.pasidCache.geometry)
    contextLatency = parameters.contextCache.latency
    pasidLatency = parameters.pasidCache.latency
  }

  /// The cached context entry of a requester; `time` goes on by the lookup, and to the end of a fetch that is under way.
  mutating func context(of requester: RequesterID, at time: inout SimTime) -> SIMD4<UInt64>? {
    time += contextLatency
    let slot = contexts.lookup(tag: UInt64(requester.rawValue), context: 0)
    return slot.map { Self.found(contexts[$0].words, ready: contexts[$0].ready, &contextCounters, &time) }
      ?? Self.missed(&contextCounters)
  }

  /// The cached PASID table entry of a requester's PASID.
  mutating func pasidEntry(_ pasid: PASID, of requester: RequesterID, at time: inout SimTime) -> PASIDEntry? {
    time += pasidLatency
    let slot = pasids.lookup(tag: UInt64(pasid.rawValue), context: UInt64(requester.rawValue))
    return slot.map { Self.found(pasids[$0], ready: pasids[$0].ready, &pasidCounters, &time) } ?? Self.missed(&pasidCounters)
  }

  private static func found<Value>(_ value: Value, ready: SimTime, _ counters: inout CacheCounters, _ time: inout SimTime) -> Value {
    counters.lookups += 1
    if ready > time {
      counters.merges += 1
      time = ready
    } else {
      counters.hits += 1
    }
    return value
  }

  private static func missed<Value>(_ counters: inout CacheCounters) -> Value? {
    counters.lookups += 1
    counters.misses += 1
    return nil
  }

  mutating func insert(context words: SIMD4<UInt64>, domain: DomainID?, of requester: RequesterID, ready: SimTime) {
    guard contexts.isPresent else { return }
    contexts.insert(tag: UInt64(requester.rawValue), context: 0, value: Context(words: words, ready: ready, domain: domain))
    contextCounters.fills += 1
    contextCounters.evictions = contexts.evictions
  }

  mutating func insert(_ entry: PASIDEntry, _ pasid: PASID, of requester: RequesterID) {
    guard pasids.isPresent else { return }
    pasids.insert(tag: UInt64(pasid.rawValue), context: UInt64(requester.rawValue), value: entry)
    pasidCounters.fills += 1
    pasidCounters.evictions = pasids.evictions
  }

  /// Forgets the context entries that `matches` accepts by requester and domain.
  mutating func removeContexts(where matches: (RequesterID, DomainID?) -> Bool) {
    let removed = contexts.removeAll { tag, _, context in matches(RequesterID(UInt32(truncatingIfNeeded: tag)), context.domain) }
    contextCounters.invalidations += UInt64(removed)
  }

  /// Forgets the PASID table entries that `matches` accepts by domain and PASID.
  mutating func removePASIDs(where matches: (DomainID, PASID) -> Bool) {
    let removed = pasids.removeAll { tag, _, entry in matches(entry.domain, PASID(UInt32(truncatingIfNeeded: tag))) }
    pasidCounters.invalidations += UInt64(removed)
  }
}
