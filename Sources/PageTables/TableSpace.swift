import Hardware

/// The space that the tables of a walk lie in, and that they translate to: how the walker reaches an entry in memory, and what remains to be
/// done when it has found a page.
///
/// Tables of a single stage lie in physical memory; those of a first stage under a second one in a guest's memory, where each step is a walk
/// of its own.
public protocol TableSpace: ~Copyable {
  /// An address in the space.
  associatedtype Output: Address

  /// The addresses are physical: rules about outputs apply.
  static var isPhysical: Bool { get }
  /// The highest address that an entry may hold.
  var lastAddress: UInt64 { get }
  /// Why the last step failed, after one of the functions below has said so.
  var refusal: WalkStatus { get }

  /// After `finish`: whether the way on from the page permits writing.
  var grantsWrite: Bool { get }

  /// Where the entry of `level` at `address` lies in memory; `nil` if it cannot be reached.
  mutating func locate<Probe: WalkProbe & ~Copyable>(
    _ address: Output, level: UInt8, in memory: MemoryView, probe: inout Probe
  ) -> PhysicalAddress?

  /// Whether flags of the entry located last may be updated.
  mutating func permitsUpdate() -> Bool

  /// Makes ready for the update of the entry at `address`, which was located last; false if that fails.
  mutating func prepareUpdate<Probe: WalkProbe & ~Copyable>(
    _ address: Output, level: UInt8, in memory: MemoryView, probe: inout Probe
  ) -> Bool

  /// Takes the walk on from the page it has found; false if that fails.
  ///
  /// - Parameters:
  ///   - output: What the input translates to in this space.
  ///   - sizeLog2: The base-2 logarithm of the page's bytes.
  ///   - rights: What the tables of this space permit.
  mutating func finish<Probe: WalkProbe & ~Copyable>(
    at output: Output, sizeLog2: UInt8, rights: AccessRights, demand: WalkDemand, in memory: MemoryView, probe: inout Probe
  ) -> Bool
}

/// Physical memory: entries lie where their addresses say, and a page that is found is the end.
@frozen public struct PhysicalTableSpace: TableSpace {
  /// Physical memory.
  @inlinable public init() {}
  /// Rules about outputs apply.
  @inlinable public static var isPhysical: Bool { true }
  /// Nothing is beyond it.
  @inlinable public var lastAddress: UInt64 { .max }
  /// Never the case.
  @inlinable public var refusal: WalkStatus { .accessError }
  /// There is no more to the way.
  @inlinable public var grantsWrite: Bool { true }
  /// The address as it is.
  @inlinable public mutating func locate<Probe: WalkProbe & ~Copyable>(
    _ address: PhysicalAddress, level: UInt8, in memory: MemoryView, probe: inout Probe
  ) -> PhysicalAddress? { address }
  /// Always.
  @inlinable public mutating func permitsUpdate() -> Bool { true }
  /// Nothing to be made ready.
  @inlinable public mutating func prepareUpdate<Probe: WalkProbe & ~Copyable>(
    _ address: PhysicalAddress, level: UInt8, in memory: MemoryView, probe: inout Probe
  ) -> Bool { true }
  /// Nothing remains.
  @inlinable public mutating func finish<Probe: WalkProbe & ~Copyable>(
    at output: PhysicalAddress, sizeLog2: UInt8, rights: AccessRights, demand: WalkDemand, in memory: MemoryView, probe: inout Probe
  ) -> Bool { true }
}
