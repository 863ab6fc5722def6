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
