extension Replacement {
  /// First in, first out: a slot carries the time of its fill; the lowest makes room.
  @inlinable mutating func stampFIFO(set: Int, way: Int) {
    stamps[set &* ways &+ way] = nextStamp(way: way)
  }
}
