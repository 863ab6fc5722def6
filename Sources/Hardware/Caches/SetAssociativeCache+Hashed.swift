/// The side of a cache whose sets are too large to search: entries are found through a hash index.
extension SetAssociativeCache {
  @inlinable var keepsRecency: Bool { geometry.policy == .leastRecentlyUsed || geometry.policy == .firstInFirstOut }

  @inlinable func hashedSet(_ slot: Int) -> Int { sets <= 1 ? 0 : slot / ways }

  @inlinable mutating func peekHashed(tag: UInt64, context: UInt64) -> Int? {
    let entries = entries
    let slot = index.find(hash: HashIndex.hash(tag, context)) { entries[$0].tag == tag && entries[$0].context == context }
    return slot >= 0 ? slot : nil
  }

  @inlinable mutating func lookupHashed(tag: UInt64, context: UInt64) -> Int? {
    guard let slot = peekHashed(tag: tag, context: context) else { return nil }
    if geometry.policy == .leastRecentlyUsed {
      index.touch(slot, set: hashedSet(slot))
    } else if ways != 0, !keepsRecency {
      replacement.used(set: hashedSet(slot), way: slot % ways)
    }
    return slot
  }

  @inlinable mutating func insertHashed(_ entry: Entry) {
    if let slot = lookupHashed(tag: entry.tag, context: entry.context) {
      entries[slot].value = entry.value
      return
    }
    let set = sets <= 1 ? 0 : setNumber(entry.tag)
    let slot = takeSlot(set: set)
    entries[slot] = entry
    index.enter(slot, hash: HashIndex.hash(entry.tag, entry.context), set: set)
    adjustCount(by: 1)
    if ways != 0, !keepsRecency { replacement.filled(set: set, way: slot % ways) }
  }

  @inlinable mutating func takeSlot(set: Int) -> Int {
    let before = index.capacity
    if let slot = index.takeFree(set: set, storage: storage) {
      if index.capacity > before { moveEntries(from: before, to: index.capacity) }
      return slot
    }
    if replacement.kind == .flushWhenFull, !keepsRecency {
      noteEvictions(count)
      removeAll()
    } else {
      noteEvictions(1)
      removeHashed(keepsRecency ? index.oldestSlot(set: set) : set * ways + replacement.victim(set: set))
    }
    // What has just been given back is free.
    return index.takeFree(set: set, storage: storage) ?? 0
  }

  @inlinable mutating func removeHashed(_ slot: Int) {
    index.remove(slot, set: hashedSet(slot))
    adjustCount(by: -1)
  }

  @inlinable mutating func moveEntries(from old: Int, to new: Int) {
    storage.extend(&entries, from: old, to: new)
  }
}
