/// The state of a replacement policy over all sets of a cache; each policy's rules are in a file of its own.
///
/// Slots are numbered through: slot `set * ways + way`. Which members are used depends on the policy.
@frozen @usableFromInline struct Replacement {
  /// The policy without its parameters.
  @usableFromInline enum Kind: UInt8 {
    /// Least recently used among up to eight ways: a matrix of who was used after whom.
    case usedAfter
    case leastRecentlyUsed
    case treePseudoLRU
    case firstInFirstOut
    case leastFrequentlyUsed
    case random
    case flushWhenFull
  }

  @usableFromInline let kind: Kind
  @usableFromInline let ways: Int
  /// When a slot was last used or filled (LRU, FIFO), or its uses and fill time (LFU); a matrix for each set (LRU among few).
  @usableFromInline let stamps: UnsafeMutablePointer<UInt64>
  /// The inner nodes of each set's tree (pseudo-LRU), one bit each, from bit 1.
  @usableFromInline let trees: UnsafeMutablePointer<UInt64>
  @usableFromInline let treeWords: Int
  /// The columns of the matrices that stand for ways that exist (LRU among few).
  @usableFromInline let columns: UInt64
  /// Counts uses and fills.
  @usableFromInline var tick: UInt64 = 0
  @usableFromInline var generator: SplitMix64

  @usableFromInline init(_ policy: ReplacementPolicy, sets: Int, ways: Int, storage: OwnedStorage) {
    self.ways = ways
    var seed: UInt64 = 0
    switch policy {
    case .leastRecentlyUsed: kind = ways <= 8 ? .usedAfter : .leastRecentlyUsed
    case .treePseudoLRU: kind = .treePseudoLRU
    case .firstInFirstOut: kind = .firstInFirstOut
    case .leastFrequentlyUsed: kind = .leastFrequentlyUsed
    case .random(let given):
      kind = .random
      seed = given
    case .flushWhenFull: kind = .flushWhenFull
    }
    generator = SplitMix64(seed: seed)
    stamps = storage.array(sets * ways, of: 0)
    treeWords = kind == .treePseudoLRU ? (ways + 63) / 64 : 0
    trees = storage.array(sets * treeWords, of: 0)
    columns = 0x0101_0101_0101_0101 &* (UInt64.max &>> UInt64(truncatingIfNeeded: 64 &- ways))
  }

  /// Notes that a lookup hit `way` of `set`.
  @inlinable @inline(__always) mutating func used(set: Int, way: Int) {
    if kind == .usedAfter { noteUsedAfter(set: set, way: way) } else { usedOtherwise(set: set, way: way) }
  }

  @usableFromInline @inline(never) mutating func usedOtherwise(set: Int, way: Int) {
    switch kind {
    case .usedAfter: noteUsedAfter(set: set, way: way)
    case .leastRecentlyUsed: stampLRU(set: set, way: way)
    case .treePseudoLRU: pointAway(set: set, way: way)
    case .leastFrequentlyUsed: countUse(set: set, way: way)
    case .firstInFirstOut, .random, .flushWhenFull: break
    }
  }

  /// Notes that `way` of `set` was filled.
  @inlinable @inline(__always) mutating func filled(set: Int, way: Int) {
    if kind == .usedAfter { noteUsedAfter(set: set, way: way) } else { filledOtherwise(set: set, way: way) }
  }

  @usableFromInline @inline(never) mutating func filledOtherwise(set: Int, way: Int) {
    switch kind {
    case .usedAfter: noteUsedAfter(set: set, way: way)
    case .leastRecentlyUsed: stampLRU(set: set, way: way)
    case .firstInFirstOut: stampFIFO(set: set, way: way)
    case .treePseudoLRU: pointAway(set: set, way: way)
    case .leastFrequentlyUsed: startCount(set: set, way: way)
    case .random, .flushWhenFull: break
    }
  }

  /// The way of a full `set` that makes room; not asked of flush-when-full.
  @inlinable @inline(__always) mutating func victim(set: Int) -> Int {
    kind == .usedAfter ? leastUsedAfter(set: set) : otherVictim(set: set)
  }

  @inlinable @inline(never) mutating func otherVictim(set: Int) -> Int {
    switch kind {
    case .usedAfter: leastUsedAfter(set: set)
    case .leastRecentlyUsed, .firstInFirstOut, .leastFrequentlyUsed: lowestStamp(set: set)
    case .treePseudoLRU: followTree(set: set)
    case .random: drawWay()
    case .flushWhenFull: 0
    }
  }

  /// The way with the lowest stamp.
  ///
  /// The way is the lowest six bits of its stamp, so that the search is a chain of minima without branches, whose outcome no processor could
  /// predict. Only sets of up to 64 ways keep such stamps, except for LFU, which searches larger ones by value.
  @inlinable mutating func lowestStamp(set: Int) -> Int {
    let first = stamps + set &* ways
    let end = first + ways
    var lowest = first.pointee
    var stamp = first + 1
    while stamp < end {
      let value = stamp.pointee
      lowest = value < lowest ? value : lowest
      stamp += 1
    }
    return ways <= 64 ? Int(truncatingIfNeeded: lowest & 63) : wayOf(lowest, in: first)
  }

  @usableFromInline func wayOf(_ stamp: UInt64, in stamps: UnsafeMutablePointer<UInt64>) -> Int {
    (0..<ways).first { stamps[$0] == stamp } ?? 0
  }

  /// A new stamp for `way`, higher than all before.
  @inlinable mutating func nextStamp(way: Int) -> UInt64 {
    tick &+= 64
    return tick | UInt64(truncatingIfNeeded: way & 63)
  }
}
