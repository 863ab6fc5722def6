extension Replacement {
  /// Random: any way, drawn from the seeded generator.
  @inlinable mutating func drawWay() -> Int {
    Int(truncatingIfNeeded: generator.next().multipliedFullWidth(by: UInt64(truncatingIfNeeded: ways)).high)
  }
}
