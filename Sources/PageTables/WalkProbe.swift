import Hardware

/// Told of everything that a walk does to memory, so that time, counters and caches are laid over the walk without a second code path.
///
/// The empty probe, `NoProbe`, compiles away. The last three functions concern nested walks only; between `willWalkSecondStage` and
/// `didWalkSecondStage` it is the second stage's entries that are read, updated and descended from.
public protocol WalkProbe: ~Copyable {
  /// An entry of `level` is about to be read.
  mutating func willRead(_ address: PhysicalAddress, level: UInt8)
  /// The flags of an entry of `level` are about to be updated atomically.
  mutating func willUpdate(_ address: PhysicalAddress, level: UInt8)
  /// An entry of `level` was found to point to `table`; the levels so far leave `rights`.
  mutating func descended<Table: Address>(level: UInt8, table: Table, rights: AccessRights)

  /// Whether it is enough to be told how many entries were read on the way through plain tables, afterwards and all at once.
  var onlyCounts: Bool { get }
  /// So many entries have been read one after the other, each leading to the next; told only to a probe that only counts.
  mutating func didRead(count: UInt8)

  /// The second-stage translation of the page of a first-stage table if a cache has it; `address` is that of the entry of `level`.
  mutating func knownTable(_ address: GuestPhysicalAddress, level: UInt8) -> TableTranslation?
  /// The second stage is about to be walked for the first-stage entry of `level` at `address`, or, with level 0, for the page that the
  /// first stage found.
  ///
  /// - Returns: Where to begin: `root`, or further down if a cache knows the way.
  mutating func willWalkSecondStage(
    for address: GuestPhysicalAddress, level: UInt8, from root: WalkStart<PhysicalAddress>
  ) -> WalkStart<PhysicalAddress>
  /// The walk of the second stage has ended, for a first-stage table with this translation; `nil` if it failed or was for a page.
  mutating func didWalkSecondStage(for address: GuestPhysicalAddress, level: UInt8, found: TableTranslation?)
}

extension WalkProbe where Self: ~Copyable {
  /// Every read is told.
  @inlinable public var onlyCounts: Bool { false }
  /// Does nothing.
  @inlinable public mutating func didRead(count: UInt8) {}
  /// Knows nothing.
  @inlinable public mutating func knownTable(_ address: GuestPhysicalAddress, level: UInt8) -> TableTranslation? { nil }
  /// Begins at the root.
  @inlinable public mutating func willWalkSecondStage(
    for address: GuestPhysicalAddress, level: UInt8, from root: WalkStart<PhysicalAddress>
  ) -> WalkStart<PhysicalAddress> { root }
  /// Does nothing.
  @inlinable public mutating func didWalkSecondStage(for address: GuestPhysicalAddress, level: UInt8, found: TableTranslation?) {}
}

/// A probe that observes nothing.
@frozen public struct NoProbe: WalkProbe {
  /// A probe that observes nothing.
  @inlinable public init() {}
  /// Nothing need be told one by one.
  @inlinable public var onlyCounts: Bool { true }
  /// Does nothing.
  @inlinable public mutating func willRead(_ address: PhysicalAddress, level: UInt8) {}
  /// Does nothing.
  @inlinable public mutating func willUpdate(_ address: PhysicalAddress, level: UInt8) {}
  /// Does nothing.
  @inlinable public mutating func descended<Table: Address>(level: UInt8, table: Table, rights: AccessRights) {}
}

/// The second-stage translation of a page that holds a first-stage table.
@frozen public struct TableTranslation: BitwiseCopyable, Sendable {
  /// The physical base of the page.
  public var page: PhysicalAddress
  /// The base-2 logarithm of the page's bytes.
  public var sizeLog2: UInt8
  /// The rights that the second stage gives.
  public var rights: AccessRights
  /// The second stage's leaf is not known to be dirty: it must be marked before a flag in the table is updated.
  public var needsDirtyUpdate: Bool

  /// A translation.
  @inlinable public init(page: PhysicalAddress, sizeLog2: UInt8, rights: AccessRights, needsDirtyUpdate: Bool) {
    self.page = page
    self.sizeLog2 = sizeLog2
    self.rights = rights
    self.needsDirtyUpdate = needsDirtyUpdate
  }
}
