/// A small seeded generator of uniform 64-bit words (SplitMix64: Steele, Lea and Flood, OOPSLA 2014, doi:10.1145/2660193.2660195).
///
/// The same seed gives the same words on every machine. Not for cryptography.
@frozen public struct SplitMix64: RandomNumberGenerator, Hashable, Sendable {
  /// The counter that the words are mixed from.
  @usableFromInline var state: UInt64

  /// A generator that starts from the given seed; any value is as good as any other.
  @inlinable public init(seed: UInt64) { state = seed }

  /// The next word.
  @inlinable public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ (word &>> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word &>> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word &>> 31)
  }

  /// A word below `bound`, which is 1 or more; a bias below 2^-32 for bounds up to 2^32.
  @inlinable public mutating func next(below bound: UInt64) -> UInt64 { next().multipliedFullWidth(by: bound).high }
}
