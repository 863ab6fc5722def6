/// The SplitMix64 generator (Steele, Lea and Flood, OOPSLA 2014): 64 random bits from a counter and a mixing function.
///
/// The same seed gives the same numbers on every machine.
struct SplitMix64 {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// A number below `bound`, 1 or more: the upper half of a 128-bit product, whose bias is below `bound` / 2^64.
  mutating func next(below bound: UInt64) -> UInt64 { next().multipliedFullWidth(by: bound).high }
}

/// One random word spent bit by bit: each number drawn uses up the part of the randomness that it needs.
///
/// The bias of a number is below the product of all bounds so far over 2^64.
struct RandomWord {
  private var rest: UInt64

  init(_ word: UInt64) { rest = word }

  /// A number below `bound`, 1 or more.
  mutating func next(below bound: UInt64) -> UInt64 {
    let product = rest.multipliedFullWidth(by: bound)
    rest = product.low
    return product.high
  }
}
