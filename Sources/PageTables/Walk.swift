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
  /// The rights that are of use to a request of this privilege: one of them is needed in any case.
  public var useful: AccessRights
  /// What to do about the dirty flag of the leaf.
  public var dirty: Dirty
  /// The base-2 logarithm of the bytes around the output that must all be allowed as outputs, if the page is as large as that; 0 if only the
  /// output itself is used.
  public var outputSizeLog2: UInt8 = 0

  /// A demand for the given rights, by requests of either privilege.
  @inlinable public init(rights: AccessRights, dirty: Dirty) {
    self.rights = rights
    self.dirty = dirty
    useful = .anyReadOrWrite
  }

  /// The demand of an access of the given kind and privilege.
  @inlinable public init(_ kind: AccessKind, privileged: Bool = false) {
    rights = AccessRights(demand: Permissions(for: kind), privileged: privileged)
    useful = AccessRights(demand: .readWrite, privileged: privileged)
    dirty = kind.writes ? .set : .leave
  }

  /// The same demand by a privileged request; this one is of an unprivileged one.
  @inlinable public var privileged: WalkDemand {
    var demand = self
    demand.rights = AccessRights(rawValue: rights.rawValue &>> 3)
    demand.useful = [.privilegedRead, .privilegedWrite]
    return demand
  }

  /// Whether rights are enough.
  @inlinable public func isMet(by granted: AccessRights) -> Bool {
    granted.isSuperset(of: rights) && !granted.isDisjoint(with: useful)
  }

  /// Whether the dirty flag of a leaf with the given rights is to be set.
  @inlinable public func marksDirty(_ granted: AccessRights) -> Bool {
    switch dirty {
    case .leave: false
    case .set: true
    case .setIfWritable: !granted.isDisjoint(with: useful.intersection([.privilegedWrite, .unprivilegedWrite]))
    }
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
