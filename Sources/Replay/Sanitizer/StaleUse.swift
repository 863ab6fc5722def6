import Hardware
import Translation
import VTd

/// Uses of one stale thing in a cache: who used it, what it was, since when it was stale, and what invalidation it lacked.
public struct StaleUse: Sendable {
  /// Where the thing was cached.
  public enum Cache: String, Hashable, Sendable, CaseIterable {
    /// A translation in the IOTLB.
    case iotlb
    /// A translation that a walk under way had found before it became stale.
    case walkUnderWay = "walk_under_way"
    /// A context entry.
    case context
    /// A PASID entry.
    case pasid
    /// An upper-level entry in a paging-structure cache.
    case walkCache = "walk_cache"
  }

  /// Why it was still there.
  public enum Cause: String, Hashable, Sendable, CaseIterable {
    /// Nothing has been invalidated since the write that could reach it.
    case missing
    /// What was invalidated since the write did not reach it.
    case tooNarrow = "too_narrow"
    /// The invalidation came before the write, or before that of the cache from which the thing was then filled anew.
    case outOfOrder = "out_of_order"
    /// The driver has put the invalidation off on purpose, and it is not due yet: a device can still use what has been unmapped.
    case deferred
  }

  /// An invalidation that was made.
  public struct Given: Sendable {
    /// When.
    public var moment: ReplayMoment
    /// What it covered.
    public var request: InvalidationRequest
  }

  /// Who used it.
  public var requester: RequesterID
  /// For which process address space.
  public var pasid: PASID?
  /// The address that was asked for first.
  public var address: IOVirtualAddress
  /// The first use.
  public var moment: ReplayMoment
  /// How many uses there were.
  public var uses: UInt64 = 1
  /// Where it was cached.
  public var cache: Cache
  /// The level of the entry, for one of a walk cache.
  public var level: UInt8?
  /// What the cache said.
  public var cached: String
  /// What the tables said instead.
  public var present: String
  /// The write that made it stale; `nil` if software has not made it where it could be seen.
  public var since: TableWrite?
  /// The stale entry of another cache that it was filled from, and when.
  public var filledFrom: Filling?
  /// The table that it leads to has been given back, and perhaps been used again.
  public var freed: FreedTable?
  /// Why it was still there.
  public var cause: Cause
  /// The invalidation that was too narrow or came too early.
  public var given: Given?
  /// The narrowest invalidation that would have reached it, after the write.
  public var needed: InvalidationRequest

  /// A fill from something stale.
  public struct Filling: Sendable {
    /// The cache that held it.
    public var cache: Cache
    /// When the fill was made.
    public var moment: ReplayMoment
  }
}

/// A table that software gave back.
public struct FreedTable: Hashable, Sendable {
  /// Where it lay.
  public var table: PhysicalAddress
  /// When it was given back.
  public var moment: ReplayMoment
  /// When its memory was used again, if it was.
  public var reused: ReplayMoment?
}

/// A table that was given back while a walk cache still pointed to it.
public struct DanglingPointer: Sendable {
  /// The table, and when it was given back.
  public var freed: FreedTable
  /// The cached upper-level entry.
  public var pointer: TablePointer
}

/// What a check for stale uses found in a replay.
public struct StaleUses: Sendable {
  /// How often a stale thing of a cache was used for a cause.
  public struct Count: Hashable, Sendable {
    /// Where it was cached.
    public var cache: StaleUse.Cache
    /// Why it was still there.
    public var cause: StaleUse.Cause
    /// How often.
    public var uses: UInt64
  }

  /// The uses by cache and cause, those that occurred.
  public var counts: [Count] = []
  /// The first of them, each stale thing once.
  public var findings: [StaleUse] = []
  /// How many different stale things were used.
  public var staleThings: UInt64 = 0
  /// The first tables that were given back while a walk cache pointed to them.
  public var danglingPointers: [DanglingPointer] = []
  /// How many there were.
  public var danglingPointerCount: UInt64 = 0
  /// The first domain ids that were shared against the rules.
  public var domainConflicts: [DomainConflict] = []
  /// How many there were.
  public var domainConflictCount: UInt64 = 0

  /// All uses.
  public var uses: UInt64 { counts.reduce(0) { $0 + $1.uses } }
  /// Nothing was found.
  public var isEmpty: Bool { counts.isEmpty && danglingPointerCount == 0 && domainConflictCount == 0 }

  mutating func count(_ cache: StaleUse.Cache, _ cause: StaleUse.Cause) {
    if let index = counts.firstIndex(where: { $0.cache == cache && $0.cause == cause }) {
      counts[index].uses += 1
    } else {
      counts.append(Count(cache: cache, cause: cause, uses: 1))
    }
  }
}
