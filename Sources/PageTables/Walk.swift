import Hardware

/// What a walk is asked for.
@frozen public struct WalkDemand: Hashable, Sendable {
  /// What to do about the dirty flag of the leaf.
  @frozen public enum Dirty: UInt8, Sendable {
    /// Leave it: the access reads.
    case leave
    /// Set it: the access writes.
    case set
    /// Set it if the rights permit a write: a translation request that may be used for writing.
    case setIfWritable
  }

  /// Rights without which the walk faults; empty for translation requests, which report what they find.
  public var rights: AccessRights
  /// What to do about the dirty flag of the leaf.
  public var dirty: Dirty

  /// A demand for the given rights.
  @inlinable public init(rights: AccessRights, dirty: Dirty) {
    self.rights = rights
    self.dirty = dirty
  }

  /// The demand of an access of the given kind and privilege.
  @inlinable public init(_ kind: AccessKind, privileged: Bool = false) {
    rights = AccessRights(demand: Permissions(for: kind), privileged: privileged)
    dirty = kind.writes ? .set : .leave
  }
}

/// Where a walk begins: at the root, or further down if a paging-structure cache knows the way.
@frozen public struct WalkStart<Table: Address>: Hashable, Sendable {
  /// The table to read first.
  public var table: Table
  /// The level of its entries.
  public var level: UInt8
  /// The rights that the skipped levels leave.
  public var rights: AccessRights

  /// A walk from the given table.
  @inlinable public init(table: Table, level: UInt8, rights: AccessRights = .all) {
    self.table = table
    self.level = level
    self.rights = rights
  }
}

/// How a walk ended.
@frozen public enum WalkStatus: UInt8, Sendable, Hashable {
  /// A page was found, and the demand is met.
  case translated
  /// The entry could not be read: nothing backs its address.
  case accessError
  /// The entry maps nothing.
  case notPresent
  /// The entry violates the format.
  case malformed
  /// The output address is one that nothing may translate to.
  case forbiddenOutput
  /// The levels together leave no right at all.
  case noRights
  /// A right that the access demands is missing.
  case permission
  /// A flag had to be updated, and the walk is not coherent.
  case updateNotCoherent
  /// The atomic update of a flag aborted.
  case updateFailed
  /// Nested: the entry holds an address that the second stage cannot translate because it is too wide.
  case tableBeyondSecondStage
  /// Nested: the second stage does not permit reading the first-stage table.
  case tableNotReadable
  /// Nested: the second stage does not permit updating flags in the first-stage table.
  case tableNotWritable
}

/// The result of a walk: the last entry read, and the translation if there is one.
@frozen public struct Walk<Output: Address>: BitwiseCopyable, Sendable {
  /// How the walk ended; everything below speaks of the entry that ended it.
  public var status: WalkStatus
  /// The level of the last entry read.
  public var level: UInt8
  /// The rights of all entries read, intersected.
  public var rights: AccessRights
  /// The last entry read, with the flags as they are after the walk; 0 if it could not be read.
  public var entry: UInt64
  /// Where the last entry lies.
  public var entryAddress: PhysicalAddress
  /// The base of the page, if a leaf was reached.
  public var page: Output
  /// Whether the last entry read is a leaf.
  public var isLeaf: Bool

  @inlinable init(
    _ status: WalkStatus, level: UInt8, rights: AccessRights, entry: UInt64, entryAddress: PhysicalAddress,
    page: Output = Output(rawValue: 0), isLeaf: Bool = false
  ) {
    self.status = status
    self.level = level
    self.rights = rights
    self.entry = entry
    self.entryAddress = entryAddress
    self.page = page
    self.isLeaf = isLeaf
  }
}
