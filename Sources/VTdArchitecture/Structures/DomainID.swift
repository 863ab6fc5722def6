import Hardware

/// A domain id: software's tag of an address space, which caches and invalidations use.
@frozen public struct DomainID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The id.
  public var rawValue: UInt16
  /// The domain with the given id.
  @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }
  /// The domain with the given id.
  @inlinable public init(_ rawValue: UInt16) { self.rawValue = rawValue }
  /// Orders domains by id.
  @inlinable public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  /// The id in decimal.
  public var description: String { String(rawValue) }
}
