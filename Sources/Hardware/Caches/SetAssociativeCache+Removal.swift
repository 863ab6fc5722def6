/// Removal: of everything, or of what a condition holds for.
extension SetAssociativeCache {
  /// Removes every entry.
  @inlinable public mutating func removeAll() {
    fingerprints.update(repeating: 0, count: max(1, sets * fingerprintWords))
    index.removeAll()
    valid = 0
    lastSlot = -1
  }

  /// Removes the entries for which `matches` holds, given tag, context and value, and tells how many there were.
  @inlinable @discardableResult
  public mutating func removeAll(where matches: (_ tag: UInt64, _ context: UInt64, _ value: Value) -> Bool) -> Int {
    guard count > 0 else { return 0 }
    let before = count
    if hashed {
      for slot in 0..<index.slotsInUse where index.isValid(slot) {
        let entry = entries[slot]
        if matches(entry.tag, entry.context, entry.value) { removeHashed(slot) }
      }
    } else {
      for set in 0..<sets { removeAll(inSet: set, where: matches) }
    }
    return before - count
  }

  /// Shows every entry, without noting a use.
  @inlinable public mutating func forEach(_ body: (_ tag: UInt64, _ context: UInt64, _ value: Value) -> Void) {
    _ = removeAll { tag, context, value in
      body(tag, context, value)
      return false
    }
  }

  /// Removes the entries whose tags are in the range and for which `matches` holds, and tells how many there were.
  ///
  /// - Complexity: O(ways) for each tag of a range that is shorter than the number of sets, else O(entries).
  @inlinable @discardableResult
  public mutating func removeAll(
    tags: ClosedRange<UInt64>, where matches: (_ tag: UInt64, _ context: UInt64, _ value: Value) -> Bool
  ) -> Int {
    guard count > 0 else { return 0 }
    if hashed || tags.upperBound - tags.lowerBound >= UInt64(sets) {
      return removeAll { tags.contains($0) && matches($0, $1, $2) }
    }
    let before = count
    var tag = tags.lowerBound
    while true {
      removeAll(inSet: setNumber(tag)) { tags.contains($0) && matches($0, $1, $2) }
      if tag == tags.upperBound { return before - count }
      tag += 1
    }
  }

  @inlinable mutating func removeAll(inSet set: Int, where matches: (UInt64, UInt64, Value) -> Bool) {
    for word in 0..<fingerprintWords {
      var valid = fingerprints[set &* fingerprintWords &+ word] & 0x8080_8080_8080_8080
      while valid != 0 {
        let way = word &* 8 &+ valid.trailingZeroBitCount &>> 3
        valid &= valid &- 1
        let entry = entries[set &* ways &+ way]
        if matches(entry.tag, entry.context, entry.value) { setFingerprint(set: set, way: way, 0) }
      }
    }
  }
}
