/// A cache of any number of entries and ways, looked up by a tag and a context.
///
/// The tag selects the set (its value modulo the number of sets) and, together with the context, names the entry. An entry's place is
/// its *slot*, which stays valid until the next insertion or removal. Values are plain data.
///
/// Sets of up to 64 ways are searched by one-byte fingerprints, eight at a time; larger sets and caches without limit through a hash index,
/// with exact least-recently-used and first-in-first-out order kept in lists.
///
/// - Complexity: lookups and insertions are O(1) for a given geometry, except the choice of a victim by frequency among more than 64 ways,
///   which is O(ways). Selective removal is O(entries).
@frozen public struct SetAssociativeCache<Value: BitwiseCopyable>: ~Copyable {
  @frozen @usableFromInline struct Entry {
    @usableFromInline var tag: UInt64
    @usableFromInline var context: UInt64
    @usableFromInline var value: Value

    @inlinable init(tag: UInt64, context: UInt64, value: Value) {
      self.tag = tag
      self.context = context
      self.value = value
    }
  }

  /// The shape of the cache.
  public let geometry: CacheGeometry
  /// The number of valid entries.
  @inlinable public var count: Int { valid }
  /// How many entries have been displaced by others, removals apart.
  @inlinable public var evictions: UInt64 { displaced }

  @usableFromInline var valid = 0
  @usableFromInline var displaced: UInt64 = 0
  @usableFromInline let sets: Int
  @usableFromInline let ways: Int
  @usableFromInline let setMask: Int  // sets - 1 if that is a mask, else -1
  @usableFromInline let fingerprintWords: Int  // per set
  @usableFromInline var entries: UnsafeMutablePointer<Entry>
  @usableFromInline var fingerprints: UnsafeMutablePointer<UInt64>
  @usableFromInline var replacement: Replacement
  @usableFromInline var index: HashIndex
  @usableFromInline let hashed: Bool
  // Up to eight ways in a power of two of sets, which most caches have: found and filled by the shortest way.
  @usableFromInline let isNarrow: Bool
  @usableFromInline let storage: OwnedStorage
  // Where `lookupAgain` found something last; -1 once anything has been removed.
  @usableFromInline var lastSlot = -1
  @usableFromInline var lastSet = 0

  /// An empty cache; a shape with a problem is taken as no cache at all.
  public init(_ geometry: CacheGeometry) {
    let usable = geometry.problem == nil ? geometry : .none
    self.geometry = usable
    let total = usable.entries ?? 0
    // A local, because Swift 6.3 with -O releases `index` and `storage`, not there yet, if the autoclosure of `||` reads a member of self.
    let ways = total == 0 ? 0 : (usable.ways ?? total)
    self.ways = ways
    sets = ways == 0 ? 0 : total / ways
    setMask = sets & (sets - 1) == 0 ? sets - 1 : -1
    hashed = usable.entries == nil || ways > 64
    fingerprintWords = hashed ? 0 : (ways + 7) / 8
    let small = ways > 0 ? ways <= 8 : false
    isNarrow = small ? sets & (sets - 1) == 0 : false
    let storage = OwnedStorage()
    fingerprints = storage.array(sets * fingerprintWords, of: 0)
    entries = storage.array(uninitialized: usable.entries ?? 64)
    index = HashIndex(
      sets: hashed ? max(1, sets) : 0, slots: hashed ? (usable.entries ?? 64) : 0, unlimited: usable.entries == nil, storage: storage)
    let recency = hashed && (usable.policy == .leastRecentlyUsed || usable.policy == .firstInFirstOut)
    replacement = Replacement(usable.policy, sets: recency ? 0 : sets, ways: recency ? 0 : ways, storage: storage)
    self.storage = storage
  }

  /// Whether lookups can ever hit.
  @inlinable public var isPresent: Bool { ways != 0 || hashed }

  // MARK: Looking up

  /// The slot of the entry with the given tag and context, noted as used; `nil` if there is none.
  @inlinable @inline(__always) public mutating func lookup(tag: UInt64, context: UInt64) -> Int? {
    if isNarrow {
      let set = Int(truncatingIfNeeded: tag) & setMask
      guard let way = searchNarrow(set: set, tag: tag, context: context) else { return nil }
      replacement.used(set: set, way: way)
      return set &* ways &+ way
    }
    return lookupOtherwise(tag: tag, context: context)
  }

  @inlinable @inline(never) mutating func lookupOtherwise(tag: UInt64, context: UInt64) -> Int? {
    if hashed { return lookupHashed(tag: tag, context: context) }
    guard ways != 0 else { return nil }
    let set = setNumber(tag)
    guard let way = search(set: set, tag: tag, context: context) else { return nil }
    replacement.used(set: set, way: way)
    return set &* ways &+ way
  }

  /// The same as `lookup`, quicker if the entry is the one that this found last.
  @inlinable @inline(__always) public mutating func lookupAgain(tag: UInt64, context: UInt64) -> Int? {
    if lastSlot >= 0, entries[lastSlot].tag == tag, entries[lastSlot].context == context {
      replacement.used(set: lastSet, way: lastSlot &- lastSet &* ways)
      return lastSlot
    }
    return lookupElsewhere(tag: tag, context: context)
  }

  @inlinable @inline(never) mutating func lookupElsewhere(tag: UInt64, context: UInt64) -> Int? {
    let slot = lookup(tag: tag, context: context)
    if let slot, !hashed {
      lastSlot = slot
      lastSet = setNumber(tag)
    }
    return slot
  }

  /// The slot of the entry with the given tag and context, without noting a use.
  @inlinable public mutating func peek(tag: UInt64, context: UInt64) -> Int? {
    if hashed { return peekHashed(tag: tag, context: context) }
    guard ways != 0 else { return nil }
    let set = setNumber(tag)
    return search(set: set, tag: tag, context: context).map { set &* ways &+ $0 }
  }

  /// The value in a slot that a lookup gave.
  @inlinable public subscript(slot: Int) -> Value {
    mutating get { entries[slot].value }
    nonmutating set { entries[slot].value = newValue }
  }

  /// Where the value of a slot that a lookup gave lies, for a look at part of it; valid as long as the slot is.
  @inlinable public mutating func place(_ slot: Int) -> UnsafePointer<Value> {
    UnsafeRawPointer(entries + slot).advanced(by: MemoryLayout<Entry>.offset(of: \.value) ?? 16).assumingMemoryBound(to: Value.self)
  }

  /// The tag of a slot that a lookup gave.
  @inlinable public mutating func tag(_ slot: Int) -> UInt64 { entries[slot].tag }

  /// The context of a slot that a lookup gave.
  @inlinable public mutating func context(_ slot: Int) -> UInt64 { entries[slot].context }

  // Hot methods are mutating even where they change nothing: a borrowed structure that cannot be copied is handed over as a copy of its
  // bits, which costs more than a lookup.

  @inlinable @inline(__always) mutating func setNumber(_ tag: UInt64) -> Int {
    let value = Int(truncatingIfNeeded: tag & UInt64(Int.max))
    return setMask >= 0 ? value & setMask : value % sets
  }

  // Zero stands for an empty way.
  @inlinable static func fingerprint(_ tag: UInt64, _ context: UInt64) -> UInt64 {
    ((tag &+ context &* 0x9E37_79B9_7F4A_7C15) &* 0xD6E8_FEB8_6659_FD93) &>> 56 | 0x80
  }

  // The ways of a word of fingerprints that may hold an entry, as the top bits of their bytes: all that do, and perhaps one just above.
  @inlinable static func matches(_ fingerprints: UInt64, _ fingerprint: UInt64) -> UInt64 {
    let low: UInt64 = 0x0101_0101_0101_0101
    let difference = fingerprints ^ (fingerprint &* low)
    return (difference &- low) & ~difference & (low &<< 7)
  }

  @inlinable @inline(__always) mutating func search(set: Int, tag: UInt64, context: UInt64) -> Int? {
    fingerprintWords == 1
      ? searchNarrow(set: set, tag: tag, context: context) : searchWide(set: set, tag: tag, context: context)
  }

  @inlinable @inline(__always) mutating func searchNarrow(set: Int, tag: UInt64, context: UInt64) -> Int? {
    var matches = Self.matches(fingerprints[set], Self.fingerprint(tag, context))
    while matches != 0 {
      let way = matches.trailingZeroBitCount &>> 3
      let candidate = entries + (set &* ways &+ way)
      if candidate.pointee.tag == tag, candidate.pointee.context == context { return way }
      matches &= matches &- 1
    }
    return nil
  }

  @inlinable @inline(never) mutating func searchWide(set: Int, tag: UInt64, context: UInt64) -> Int? {
    let fingerprint = Self.fingerprint(tag, context)
    let candidates = entries + set &* ways
    var word = 0
    while word < fingerprintWords {
      var matches = Self.matches(fingerprints[set &* fingerprintWords &+ word], fingerprint)
      while matches != 0 {
        let way = word &* 8 &+ matches.trailingZeroBitCount &>> 3
        if candidates[way].tag == tag, candidates[way].context == context { return way }
        matches &= matches &- 1
      }
      word &+= 1
    }
    return nil
  }

  // MARK: Filling

  /// Enters a value, in place of one with the same tag and context if there is one, otherwise displacing what the policy chooses.
  @inlinable public mutating func insert(tag: UInt64, context: UInt64, value: Value) {
    guard isPresent else { return }
    if hashed { return insertHashed(Entry(tag: tag, context: context, value: value)) }
    entries[takeWay(tag: tag, context: context)].value = value
  }

  /// Enters a copy of a value that lies in memory.
  @inlinable @inline(__always) public mutating func insert(tag: UInt64, context: UInt64, copying value: UnsafePointer<Value>) {
    if !isNarrow { return insert(tag: tag, context: context, value: value.pointee) }
    entries[takeWay(tag: tag, context: context)].value = value.pointee
  }

  /// The slot for an entry, its tag and context written and everything but its value noted.
  @inlinable @inline(__always) mutating func takeWay(tag: UInt64, context: UInt64) -> Int {
    if !isNarrow { return takeWayWide(tag: tag, context: context) }
    // All ways in one word: what is sought, what is free and what is written are found in it at once.
    let set = Int(truncatingIfNeeded: tag) & setMask
    let fingerprint = Self.fingerprint(tag, context)
    var word = fingerprints[set]
    var way = -1
    var matches = Self.matches(word, fingerprint)
    while matches != 0 {
      let candidate = matches.trailingZeroBitCount &>> 3
      let slot = set &* ways &+ candidate
      if entries[slot].tag == tag, entries[slot].context == context {
        way = candidate
        break
      }
      matches &= matches &- 1
    }
    if way < 0 {
      // Valid fingerprints have their top bit set, so its complement marks empty ways.
      way = (~word & 0x8080_8080_8080_8080).trailingZeroBitCount &>> 3
      if way < ways {
        adjustCount(by: 1)
      } else {
        if replacement.kind == .flushWhenFull {
          way = flush()
          word = 0
          adjustCount(by: 1)
        } else {
          noteEvictions(1)
          way = replacement.victim(set: set)
        }
      }
    }
    let shift = UInt64(truncatingIfNeeded: way &* 8)
    fingerprints[set] = word & ~(0xFF &<< shift) | fingerprint &<< shift
    let slot = set &* ways &+ way
    entries[slot].tag = tag
    entries[slot].context = context
    replacement.filled(set: set, way: way)
    return slot
  }

  // The way of a full set that makes room.
  @inlinable @inline(__always) mutating func makeRoom(set: Int) -> Int {
    if replacement.kind == .flushWhenFull { return flush() }
    noteEvictions(1)
    return replacement.victim(set: set)
  }

  @inlinable @inline(never) mutating func flush() -> Int {
    noteEvictions(count)
    removeAll()
    return 0
  }

  @inlinable @inline(never) mutating func takeWayWide(tag: UInt64, context: UInt64) -> Int {
    let set = setNumber(tag)
    var way = search(set: set, tag: tag, context: context) ?? freeWay(set)
    if way < 0 { way = makeRoom(set: set) }
    setFingerprint(set: set, way: way, Self.fingerprint(tag, context))
    let slot = set &* ways &+ way
    entries[slot].tag = tag
    entries[slot].context = context
    replacement.filled(set: set, way: way)
    return slot
  }

  @inlinable mutating func freeWay(_ set: Int) -> Int {
    var word = 0
    while word < fingerprintWords {
      // Valid fingerprints have their top bit set, so its complement marks empty ways.
      let empty = ~fingerprints[set &* fingerprintWords &+ word] & 0x8080_8080_8080_8080
      if empty != 0 {
        let way = word &* 8 &+ empty.trailingZeroBitCount &>> 3
        return way < ways ? way : -1
      }
      word &+= 1
    }
    return -1
  }

  @inlinable @inline(__always) mutating func setFingerprint(set: Int, way: Int, _ fingerprint: UInt64) {
    let place = set &* fingerprintWords &+ way &>> 3
    let shift = UInt64(truncatingIfNeeded: (way & 7) &* 8)
    let before = fingerprints[place]
    if fingerprint == 0 { lastSlot = -1 }
    adjustCount(by: (fingerprint == 0 ? 0 : 1) &- (before &>> shift & 0x80 == 0 ? 0 : 1))
    fingerprints[place] = before & ~(0xFF &<< shift) | fingerprint &<< shift
  }

  @inlinable @inline(__always) mutating func adjustCount(by change: Int) { valid &+= change }
  @inlinable @inline(__always) mutating func noteEvictions(_ number: Int) { displaced &+= UInt64(truncatingIfNeeded: number) }
}
