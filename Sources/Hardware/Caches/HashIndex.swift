/// Finds slots by hash, and keeps the slots of each set in order of recency: the index of a cache with very many ways.
///
/// Plain data, so that nothing is checked or counted on the way to it; its arrays belong to the storage of the cache.
///
/// Open addressing with linear probing; a removed slot's place is closed up, so that chains stay short. Lists are doubly linked through
/// arrays of slot numbers, one list of used and one of free slots for each set.
@usableFromInline struct HashIndex: BitwiseCopyable {
  static let none = UInt32.max

  @usableFromInline var places: UnsafeMutablePointer<UInt32>  // slot + 1, or 0
  @usableFromInline var placeMask: UInt64
  @usableFromInline var hashes: UnsafeMutablePointer<UInt64>
  private var newer: UnsafeMutablePointer<UInt32>
  private var older: UnsafeMutablePointer<UInt32>
  private var valid: UnsafeMutablePointer<Bool>
  private var newest: UnsafeMutablePointer<UInt32>
  private var oldest: UnsafeMutablePointer<UInt32>
  private var free: UnsafeMutablePointer<UInt32>
  private let sets: Int
  @usableFromInline private(set) var capacity: Int
  private let unlimited: Bool

  @usableFromInline init(sets: Int, slots: Int, unlimited: Bool, storage: OwnedStorage) {
    self.sets = sets
    self.unlimited = unlimited
    capacity = slots
    let places = Self.placesNeeded(slots)
    placeMask = UInt64(places - 1)
    self.places = storage.array(places, of: 0)
    hashes = storage.array(slots, of: 0)
    newer = storage.array(slots, of: Self.none)
    older = storage.array(slots, of: Self.none)
    valid = storage.array(slots, of: false)
    newest = storage.array(sets, of: Self.none)
    oldest = storage.array(sets, of: Self.none)
    free = storage.array(sets, of: Self.none)
    removeAll()
  }

  static func placesNeeded(_ slots: Int) -> Int {
    var places = 2
    while places < slots * 2 { places *= 2 }
    return places
  }

  @inlinable static func hash(_ tag: UInt64, _ context: UInt64) -> UInt64 {
    var word = (tag ^ (context &* 0x9E37_79B9_7F4A_7C15)) &* 0xBF58_476D_1CE4_E5B9
    word ^= word &>> 32
    return word &* 0x94D0_49BB_1331_11EB
  }

  /// The slots that have ever been given out are below this.
  @usableFromInline var slotsInUse: Int { capacity }

  @usableFromInline func isValid(_ slot: Int) -> Bool { valid[slot] }

  /// The slot with the given hash that `matches`, or -1.
  @inlinable func find(hash: UInt64, matches: (Int) -> Bool) -> Int {
    guard capacity > 0 else { return -1 }
    var place = hash &>> 20 & placeMask
    while places[Int(place)] != 0 {
      let slot = Int(places[Int(place)] - 1)
      if hashes[slot] == hash, matches(slot) { return slot }
      place = (place + 1) & placeMask
    }
    return -1
  }

  /// A free slot of `set`, which grows an index without limit; `nil` if the set is full.
  @usableFromInline mutating func takeFree(set: Int, storage: OwnedStorage) -> Int? {
    if free[set] == Self.none {
      guard unlimited else { return nil }
      grow(storage)
    }
    let slot = Int(free[set])
    free[set] = newer[slot]
    return slot
  }

  /// Enters a slot that `takeFree` gave, as the newest of its set.
  @usableFromInline mutating func enter(_ slot: Int, hash: UInt64, set: Int) {
    hashes[slot] = hash
    valid[slot] = true
    place(slot)
    linkNewest(slot, set: set)
  }

  /// Makes a slot the newest of its set.
  @usableFromInline mutating func touch(_ slot: Int, set: Int) {
    guard newest[set] != UInt32(slot) else { return }
    unlink(slot, set: set)
    linkNewest(slot, set: set)
  }

  /// The slot of a set that has been there, or been used, longest ago.
  @usableFromInline func oldestSlot(set: Int) -> Int { Int(oldest[set]) }

  /// Removes a slot and gives it back to its set.
  @usableFromInline mutating func remove(_ slot: Int, set: Int) {
    unlink(slot, set: set)
    valid[slot] = false
    newer[slot] = free[set]
    free[set] = UInt32(slot)
    var hole = hashes[slot] &>> 20 & placeMask
    while places[Int(hole)] != UInt32(slot) + 1 { hole = (hole + 1) & placeMask }
    // Entries behind the hole move up into it unless they would leave their chain.
    var next = (hole + 1) & placeMask
    while places[Int(next)] != 0 {
      let home = hashes[Int(places[Int(next)] - 1)] &>> 20 & placeMask
      if (next &- home) & placeMask >= (next &- hole) & placeMask {
        places[Int(hole)] = places[Int(next)]
        hole = next
      }
      next = (next + 1) & placeMask
    }
    places[Int(hole)] = 0
  }

  @usableFromInline mutating func removeAll() {
    guard sets > 0 else { return }
    places.update(repeating: 0, count: Int(placeMask) + 1)
    newest.update(repeating: Self.none, count: sets)
    oldest.update(repeating: Self.none, count: sets)
    free.update(repeating: Self.none, count: sets)
    valid.update(repeating: false, count: capacity)
    let ways = capacity / sets
    for set in 0..<sets { chainFree(set * ways..<(set + 1) * ways, set: set) }
  }

  private mutating func chainFree(_ slots: Range<Int>, set: Int) {
    for slot in slots.reversed() {
      newer[slot] = free[set]
      free[set] = UInt32(slot)
    }
  }

  private mutating func place(_ slot: Int) {
    var place = hashes[slot] &>> 20 & placeMask
    while places[Int(place)] != 0 { place = (place + 1) & placeMask }
    places[Int(place)] = UInt32(slot) + 1
  }

  private mutating func linkNewest(_ slot: Int, set: Int) {
    older[slot] = newest[set]
    newer[slot] = Self.none
    if newest[set] == Self.none { oldest[set] = UInt32(slot) } else { newer[Int(newest[set])] = UInt32(slot) }
    newest[set] = UInt32(slot)
  }

  private mutating func unlink(_ slot: Int, set: Int) {
    if newer[slot] == Self.none { newest[set] = older[slot] } else { older[Int(newer[slot])] = older[slot] }
    if older[slot] == Self.none { oldest[set] = newer[slot] } else { newer[Int(older[slot])] = newer[slot] }
  }

  // Only an index of one set grows.
  private mutating func grow(_ storage: OwnedStorage) {
    let old = capacity
    capacity = max(64, old * 2)
    storage.extend(&hashes, from: old, to: capacity, with: 0)
    storage.extend(&newer, from: old, to: capacity, with: Self.none)
    storage.extend(&older, from: old, to: capacity, with: Self.none)
    storage.extend(&valid, from: old, to: capacity, with: false)
    let count = Self.placesNeeded(capacity)
    placeMask = UInt64(count - 1)
    storage.extend(&places, from: 0, to: count, with: 0)
    for slot in 0..<old where valid[slot] { place(slot) }
    chainFree(old..<capacity, set: 0)
  }
}
