/// A point in simulated time, or a span of it, in picoseconds.
///
/// An unsigned 64-bit count: about 213 days. Sums wrap on overflow, because times of traces come from outside; readers reject times that
/// could overflow.
@frozen public struct SimTime: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  /// Picoseconds.
  public var rawValue: UInt64
  /// The time of the given number of picoseconds.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
  /// The time of the given number of picoseconds.
  @inlinable public init(picoseconds: UInt64) { rawValue = picoseconds }
  /// The time of the given number of nanoseconds.
  @inlinable public init(nanoseconds: UInt64) { rawValue = nanoseconds &* 1000 }

  /// The start of simulated time, or no time at all.
  @inlinable public static var zero: SimTime { SimTime(picoseconds: 0) }
  /// The end of time; nothing is due then.
  @inlinable public static var never: SimTime { SimTime(picoseconds: .max) }

  /// Orders times.
  @inlinable public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  /// The sum of two times, modulo 2^64.
  @inlinable public static func + (left: Self, right: Self) -> Self { Self(rawValue: left.rawValue &+ right.rawValue) }
  /// The difference of two times, modulo 2^64.
  @inlinable public static func - (left: Self, right: Self) -> Self { Self(rawValue: left.rawValue &- right.rawValue) }
  /// Adds a time in place, modulo 2^64.
  @inlinable public static func += (left: inout Self, right: Self) { left = left + right }
  /// A multiple of a time, modulo 2^64.
  @inlinable public static func * (left: Self, right: UInt64) -> Self { Self(rawValue: left.rawValue &* right) }

  /// Picoseconds.
  @inlinable public var picoseconds: UInt64 { rawValue }

  /// Nanoseconds with three decimals, as in `12.345 ns`.
  public var description: String {
    let fraction = String(rawValue % 1000)
    return "\(rawValue / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction + " ns"
  }
}

/// The clock of a unit: turns cycles into time.
@frozen public struct Clock: Hashable, Sendable {
  /// The length of one cycle.
  public let period: SimTime

  /// A clock of the given frequency, whose period is rounded to the nearest picosecond; `megahertz` is 1 to 1,000,000.
  public init?(megahertz: UInt64) {
    guard (1...1_000_000).contains(megahertz) else { return nil }
    period = SimTime(picoseconds: (1_000_000 + megahertz / 2) / megahertz)
  }

  /// The length of the given number of cycles.
  @inlinable public func cycles(_ count: UInt64) -> SimTime { period * count }
}
