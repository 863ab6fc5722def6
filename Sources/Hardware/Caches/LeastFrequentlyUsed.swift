extension Replacement {
  /// Least frequently used: a slot carries its uses in bits 63:44, saturating, and the time of its fill below; the lowest makes room, so that
  /// among equally used slots the oldest goes.
  @inlinable mutating func startCount(set: Int, way: Int) {
    stamps[set &* ways &+ way] = nextStamp(way: way) & UInt64.mask(width: 44)
  }

  @inlinable mutating func countUse(set: Int, way: Int) {
    let slot = set * ways + way
    if stamps[slot] >> 44 < UInt64.mask(width: 20) { stamps[slot] &+= 1 << 44 }
  }
}
