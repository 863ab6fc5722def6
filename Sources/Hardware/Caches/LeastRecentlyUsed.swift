extension Replacement {
  /// Least recently used: a slot carries the time of its last use; the lowest makes room.
  @inlinable mutating func stampLRU(set: Int, way: Int) {
    stamps[set &* ways &+ way] = nextStamp(way: way)
  }
}
