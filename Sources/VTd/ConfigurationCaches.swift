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

  /// What a PASID table entry, and the directory entry above it, say of requests.
  struct PASIDEntry: BitwiseCopyable {
    /// How requests are translated; faults are reported as far as these two entries are concerned.
    var translation: TranslationContext
    /// The bits of an address that the translation takes; those above must be 0, or all 1 for a first stage.
    var inputWidth: UInt64
    var ready: SimTime
    var domain: DomainID
    var allowsSupervisor: Bool
    var allowsExecution: Bool
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
  ///
  /// Entries are given where they lie, because few of their words are needed. A place is valid until its cache changes.
  @inline(__always) mutating func context(of requester: RequesterID, at time: inout SimTime) -> UnsafePointer<Context>? {
    time += contextLatency
    contextCounters.lookups &+= 1
    guard let slot = contexts.lookupAgain(tag: UInt64(requester.rawValue), context: 0) else {
      contextCounters.misses &+= 1
      return nil
    }
    let entry = contexts.place(slot)
    Self.wait(entry.pointee.ready, &contextCounters, &time)
    return entry
  }

  /// The cached PASID table entry of a requester's PASID, likewise.
  @inline(__always) mutating func pasidEntry(_ pasid: PASID, of requester: RequesterID, at time: inout SimTime) -> UnsafePointer<
    PASIDEntry
  >? {
    time += pasidLatency
    pasidCounters.lookups &+= 1
    guard let slot = pasids.lookupAgain(tag: UInt64(pasid.rawValue), context: UInt64(requester.rawValue)) else {
      pasidCounters.misses &+= 1
      return nil
    }
    let entry = pasids.place(slot)
    Self.wait(entry.pointee.ready, &pasidCounters, &time)
    return entry
  }

  /// The cached context entry of a requester, without counting that as a lookup.
  mutating func peekContextEntry(of requester: RequesterID) -> Context? {
    contexts.peek(tag: UInt64(requester.rawValue), context: 0).map { contexts[$0] }
  }

  /// The cached PASID table entry of a requester's PASID, likewise.
  mutating func peekPASIDEntry(_ pasid: PASID, of requester: RequesterID) -> PASIDEntry? {
    pasids.peek(tag: UInt64(pasid.rawValue), context: UInt64(requester.rawValue)).map { pasids[$0] }
  }

  @inline(__always) private static func wait(_ ready: SimTime, _ counters: inout CacheCounters, _ time: inout SimTime) {
    if ready > time {
      counters.merges &+= 1
      time = ready
    } else {
      counters.hits &+= 1
    }
  }

  /// Whether a second lookup of the same entries leaves the caches as they are: they hold entries, and don't count uses.
  var remembersRepeats: Bool {
    contexts.isPresent && pasids.isPresent && contexts.geometry.policy != .leastFrequentlyUsed
      && pasids.geometry.policy != .leastFrequentlyUsed
  }

  /// Counts lookups that found what the lookups before found, and tells their time.
  @inline(__always) mutating func countRepeatedHits(byPASID: Bool) -> SimTime {
    contextCounters.lookups &+= 1
    contextCounters.hits &+= 1
    if !byPASID { return contextLatency }
    pasidCounters.lookups &+= 1
    pasidCounters.hits &+= 1
    return contextLatency + pasidLatency
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
