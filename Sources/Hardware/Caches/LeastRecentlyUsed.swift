extension Replacement {
  /// Least recently used: a slot carries the time of its last use; the lowest makes room.
  @inlinable mutating func stampLRU(set: Int, way: Int) {
    stamps[set &* ways &+ way] = nextStamp(way: way)
  }

  /// Least recently used among up to eight ways: bit 8a + b of a set's word says that way a was used after way b. Few instructions, and none
  /// that wait for one another for long.
  @inlinable @inline(__always) mutating func noteUsedAfter(set: Int, way: Int) {
    let row: UInt64 = 0xFF &<< UInt64(truncatingIfNeeded: way &* 8)
    let column: UInt64 = 0x0101_0101_0101_0101 &<< UInt64(truncatingIfNeeded: way)
    stamps[set] = (stamps[set] | row) & ~column
  }

  /// The way of a full set that was used after no other.
  @inlinable @inline(__always) mutating func leastUsedAfter(set: Int) -> Int {
    // Columns of ways that don't exist are never cleared, so they must not count; the lowest empty row is that of a way that does exist.
    let rows = stamps[set] & columns
    let empty = (rows &- 0x0101_0101_0101_0101) & ~rows & 0x8080_8080_8080_8080
    return Int(truncatingIfNeeded: UInt64(truncatingIfNeeded: empty.trailingZeroBitCount) &>> 3)
  }
}
