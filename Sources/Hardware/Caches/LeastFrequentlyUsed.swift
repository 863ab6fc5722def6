extension Replacement {
  /// Least frequently used: a slot carries its uses in bits 63:40, saturating, and the time of its fill below; the lowest makes room, so that
  /// among equally used slots the oldest goes.
  @inlinable mutating func startCount(set: Int, way: Int) {
    tick = (tick &+ 1) & UInt64.mask(width: 40)
    stamps[set * ways + way] = tick
  }

  @inlinable func countUse(set: Int, way: Int) {
    let slot = set * ways + way
    if stamps[slot] >> 40 < UInt64.mask(width: 24) { stamps[slot] &+= 1 << 40 }
  }
}
