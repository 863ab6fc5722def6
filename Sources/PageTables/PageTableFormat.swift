import Hardware

/// What an entry of a page table is, once its bits have been checked.
@frozen public enum EntryClass: UInt8, Sendable, Hashable {
  /// Maps nothing; its other bits mean nothing.
  case notPresent
  /// Is present but violates the format: a reserved bit, or a page size that is not supported.
  case malformed
  /// Points to the table of the next level.
  case table
  /// Maps a page or block.
  case leaf
}

/// A page-table format with everything a walk needs to know beside the tables: geometry, checks, permissions, flag updates.
///
/// A format is a small plain value made once per context from the unit's capabilities and the context's fields. The walker, the builder and
/// the validator are written once over this protocol. Levels are counted upwards from the last: the entries of level 1 map the
/// smallest pages.
public protocol PageTableFormat: Sendable {
  /// The level at which walks start, 1 to 5.
  var rootLevel: UInt8 { get }

  /// The base-2 logarithm of the bytes that one entry of `level` maps.
  func entrySizeLog2(level: UInt8) -> UInt8

  /// The byte offset, in its table, of the entry of `level` that covers `input`.
  func entryOffset<Input: Address>(_ input: Input, level: UInt8) -> UInt64

  /// What `entry` is at `level`, with every check that the format makes on its bits.
  func classify(_ entry: UInt64, level: UInt8) -> EntryClass

  /// Whether `entry` is a well-formed table entry above the last level that needs nothing more: no flag is to be set in it.
  ///
  /// What a walk mostly meets, told by as few instructions as the format allows; false for anything that is to be looked at closely.
  func isPlainTable(_ entry: UInt64) -> Bool

  /// Whether `entry` is a well-formed leaf of the last level that needs nothing more: no flag is to be set in it, and the accumulated rights
  /// are all there is to check; likewise false for anything that is to be looked at closely.
  ///
  /// - Parameter dirty: Whether the leaf must be marked dirty.
  func isPlainLeaf(_ entry: UInt64, dirty: Bool) -> Bool

  /// Where a table entry points.
  func nextTable<Table: Address>(_ entry: UInt64, level: UInt8) -> Table

  /// The base of the page that a leaf of `level` maps.
  func pageBase<Output: Address>(_ entry: UInt64, level: UInt8) -> Output

  /// The rights that `entry` leaves; a walk intersects those of all its entries.
  func rights(_ entry: UInt64, level: UInt8) -> AccessRights

  /// What the rights accumulated over all levels amount to; differs from them only where a right depends on the lack of another.
  func effectiveRights(_ accumulated: AccessRights) -> AccessRights

  /// `entry` with the flags that an access sets (accessed, and dirty in a leaf that is written), the same value if nothing is to be set.
  func updated(_ entry: UInt64, isLeaf: Bool, dirty: Bool) -> UInt64

  /// Whether hardware may update flags at all: the walk is coherent with the processors' caches.
  var canUpdate: Bool { get }

  /// Whether the format knows that a leaf is writable but not yet marked dirty, so that a cached copy must not serve a write.
  func needsDirtyUpdate(_ entry: UInt64) -> Bool

  /// Whether a translation to `output` is refused although tables permit it, such as VT-d's interrupt address range.
  func forbids<Output: Address>(_ output: Output) -> Bool

  /// Whether a refused output is reported before missing rights; formats leave the order open.
  var checksOutputBeforeRights: Bool { get }

  /// Whether part of the naturally aligned page at `base` is an output that is refused.
  func forbids<Output: Address>(overlapping base: Output, sizeLog2: UInt8) -> Bool

  /// Whether a leaf demands that accesses to its page be coherent.
  func forcesSnoop(_ entry: UInt64) -> Bool

  /// Whether rights are compared with the demand at every level rather than once at the leaf; formats leave the order open.
  var checksRightsAtEveryLevel: Bool { get }

  /// Whether the accessed flag is set in a leaf, too, that refuses the request; hardware may.
  var marksRefusingLeaves: Bool { get }

  /// A table entry of `level` that points to `table`, with full rights.
  func tableEntry<Table: Address>(_ table: Table, level: UInt8) -> UInt64

  /// A leaf of `level` for the page at `output`.
  func leafEntry<Output: Address>(_ output: Output, level: UInt8, permissions: Permissions) -> UInt64

  /// The leaf `entry` of `level` as the first of the leaves one level down that together map the same with the same rights and flags.
  func splitEntry(_ entry: UInt64, level: UInt8) -> UInt64

  /// Whether leaves may stand at `level`.
  func allowsLeaf(level: UInt8) -> Bool

  /// The number of entries in a table of `level`.
  func entryCount(level: UInt8) -> Int

  /// Whether the tables can map `input` at all.
  func covers<Input: Address>(_ input: Input) -> Bool
}

extension PageTableFormat {
  /// The accumulated rights as they are.
  @inlinable public func effectiveRights(_ accumulated: AccessRights) -> AccessRights { accumulated }

  /// The level whose leaves map pages of 2^`sizeLog2` bytes, if leaves may stand there.
  public func leafLevel(sizeLog2: UInt8) -> UInt8? {
    (1...rootLevel).first { entrySizeLog2(level: $0) == sizeLog2 && allowsLeaf(level: $0) }
  }
}
