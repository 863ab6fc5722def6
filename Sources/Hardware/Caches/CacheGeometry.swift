/// Which entry of a full set makes room for a new one.
public enum ReplacementPolicy: Hashable, Sendable {
  /// The least recently used entry, exactly.
  case leastRecentlyUsed
  /// The leaf of a binary tree of bits that point away from recent uses; the ways must be a power of two.
  case treePseudoLRU
  /// The oldest entry, used or not.
  case firstInFirstOut
  /// The entry with the fewest uses, among equals the one that has been there longest.
  case leastFrequentlyUsed
  /// An entry drawn by a generator with the given seed.
  case random(seed: UInt64)
  /// Every entry of the cache: a cache that is emptied as a whole when a set is full, as QEMU's are.
  case flushWhenFull
}

/// The shape of a cache: how many entries, in how many ways, and who makes room.
public struct CacheGeometry: Hashable, Sendable {
  /// The number of entries; `nil` is a cache without limit.
  public var entries: Int?
  /// The entries that one set holds; `nil` is a fully associative cache.
  public var ways: Int?
  /// Who makes room in a full set.
  public var policy: ReplacementPolicy

  /// The most entries that a cache with a limit may have.
  public static let maximumEntries = 1 << 24

  /// A cache of `entries` entries in sets of `ways`; both `nil` is a cache without limit.
  public init(entries: Int?, ways: Int? = nil, policy: ReplacementPolicy = .leastRecentlyUsed) {
    self.entries = entries
    self.ways = ways
    self.policy = policy
  }

  /// A cache without limit.
  public static let unlimited = CacheGeometry(entries: nil)
  /// No cache at all: every lookup misses.
  public static let none = CacheGeometry(entries: 0)

  /// What is wrong with this shape, in words, or `nil` if a cache can be made so.
  public var problem: String? {
    guard let entries else { return ways == nil ? nil : "a cache without limit has no ways" }
    guard (0...Self.maximumEntries).contains(entries) else { return "expected 0 to \(Self.maximumEntries) entries, got \(entries)" }
    guard entries > 0 else { return nil }
    let ways = ways ?? entries
    guard ways >= 1, ways <= entries else { return "expected 1 to \(entries) ways, got \(ways)" }
    guard entries % ways == 0 else { return "\(entries) entries do not divide into sets of \(ways) ways" }
    if policy == .treePseudoLRU, ways & (ways - 1) != 0 { return "tree pseudo-LRU needs a power of two as ways, got \(ways)" }
    return nil
  }
}
