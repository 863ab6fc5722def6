extension Replacement {
  /// Tree pseudo-LRU: node `n` has the children `2n` and `2n + 1`, and its bit tells which child to follow to the victim. A use sets the
  /// bits on its path to point to the other side.
  @inlinable mutating func pointAway(set: Int, way: Int) {
    let tree = trees + set * treeWords
    var node = 1
    var half = ways >> 1
    while half > 0 {
      let right = way & half != 0
      let mask: UInt64 = 1 &<< UInt64(truncatingIfNeeded: node & 63)
      if right { tree[node >> 6] &= ~mask } else { tree[node >> 6] |= mask }
      node = node &* 2 &+ (right ? 1 : 0)
      half >>= 1
    }
  }

  @inlinable mutating func followTree(set: Int) -> Int {
    let tree = trees + set * treeWords
    var node = 1
    var way = 0
    var half = ways >> 1
    while half > 0 {
      let right = tree[node >> 6] &>> UInt64(truncatingIfNeeded: node & 63) & 1 != 0
      if right { way |= half }
      node = node &* 2 &+ (right ? 1 : 0)
      half >>= 1
    }
    return way
  }
}
