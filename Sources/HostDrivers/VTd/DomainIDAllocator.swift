import VTdArchitecture

/// The domain ids of one unit: the lowest free one first.
///
/// Id 0 is never handed out: with caching mode it tags what is not present (VT-d rev 5.10 section 6.1).
struct DomainIDAllocator {
  /// How many ids the unit has, reserved ones included.
  let count: UInt32
  // One bit an id, set when it is taken.
  private var taken: [UInt64]
  private var lowestCandidate: UInt32

  /// The ids of `width` bits (4 to 16), those below `reserved` taken for good.
  init(width: Int, reserved: UInt32) {
    count = 1 << UInt32(width)
    taken = Array(repeating: 0, count: max(1, Int(count) / 64))
    lowestCandidate = reserved
    for id in 0..<reserved { taken[Int(id / 64)] |= 1 << UInt64(id % 64) }
  }

  /// The lowest free id; `nil` if there is none.
  mutating func allocate() -> DomainID? {
    while lowestCandidate < count {
      let id = lowestCandidate
      if take(id) { return DomainID(UInt16(id)) }
      lowestCandidate += 1
    }
    return nil
  }

  /// Takes the given id; false if it is taken or does not exist.
  mutating func take(_ id: UInt32) -> Bool {
    guard id < count, taken[Int(id / 64)] >> UInt64(id % 64) & 1 == 0 else { return false }
    taken[Int(id / 64)] |= 1 << UInt64(id % 64)
    return true
  }

  /// Gives an id back that was taken.
  mutating func free(_ id: DomainID) {
    let number = UInt32(id.rawValue)
    taken[Int(number / 64)] &= ~(1 << UInt64(number % 64))
    lowestCandidate = min(lowestCandidate, number)
  }
}
