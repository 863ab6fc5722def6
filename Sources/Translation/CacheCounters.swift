/// What happened at one cache. Every lookup is a hit, a miss, or a merge with a fetch that is under way.
@frozen public struct CacheCounters: Hashable, Sendable {
  /// Times the cache was asked.
  public var lookups: UInt64 = 0
  /// Lookups that found what they sought.
  public var hits: UInt64 = 0
  /// Lookups that met another request's fetch of the same thing.
  public var merges: UInt64 = 0
  /// Lookups that found nothing.
  public var misses: UInt64 = 0
  /// Entries written.
  public var fills: UInt64 = 0
  /// Entries displaced by others.
  public var evictions: UInt64 = 0
  /// Entries, and fills under way, that an invalidation removed.
  public var invalidations: UInt64 = 0

  /// All zero.
  @inlinable public init() {}

  /// The sum of two caches' counters.
  public static func + (left: CacheCounters, right: CacheCounters) -> CacheCounters {
    var sum = left
    sum.lookups += right.lookups
    sum.hits += right.hits
    sum.merges += right.merges
    sum.misses += right.misses
    sum.fills += right.fills
    sum.evictions += right.evictions
    sum.invalidations += right.invalidations
    return sum
  }

  /// What was counted since `earlier`, an earlier reading of the same counters.
  public static func - (left: CacheCounters, earlier: CacheCounters) -> CacheCounters {
    var difference = left
    difference.lookups -= earlier.lookups
    difference.hits -= earlier.hits
    difference.merges -= earlier.merges
    difference.misses -= earlier.misses
    difference.fills -= earlier.fills
    difference.evictions -= earlier.evictions
    difference.invalidations -= earlier.invalidations
    return difference
  }
}
