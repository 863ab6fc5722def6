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
  public var isLeaf = false

  @inlinable init(
    _ status: WalkStatus, level: UInt8, rights: AccessRights, entry: UInt64, entryAddress: PhysicalAddress, page: Output
  ) {
    self.status = status
    self.level = level
    self.rights = rights
    self.entry = entry
    self.entryAddress = entryAddress
    self.page = page
  }
}

/// Told of everything that a walk does to memory, so that time and counters are laid over the walk without a second code path.
///
/// The empty probe, `NoProbe`, compiles away.
public protocol WalkProbe: ~Copyable {
  /// An entry of `level` is about to be read.
  mutating func willRead(_ address: PhysicalAddress, level: UInt8)
  /// The flags of an entry of `level` are about to be updated atomically.
  mutating func willUpdate(_ address: PhysicalAddress, level: UInt8)
  /// An entry of `level` was found to point to `table`; the levels so far leave `rights`.
  mutating func descended(level: UInt8, table: PhysicalAddress, rights: AccessRights)
}

/// A probe that observes nothing.
@frozen public struct NoProbe: WalkProbe {
  /// A probe that observes nothing.
  @inlinable public init() {}
  /// Does nothing.
  @inlinable public mutating func willRead(_ address: PhysicalAddress, level: UInt8) {}
  /// Does nothing.
  @inlinable public mutating func willUpdate(_ address: PhysicalAddress, level: UInt8) {}
  /// Does nothing.
  @inlinable public mutating func descended(level: UInt8, table: PhysicalAddress, rights: AccessRights) {}
}

/// The one page-table walker: every format and both kinds of use, functional and timed, go through it.
public enum Walker {
  /// Walks tables in physical memory for `input`.
  ///
  /// The order of checks at each entry: the read itself, presence, the format's bits; on the way down the accessed flag; at the leaf the
  /// output, the accumulated rights, then accessed and dirty flags. A lost race for a flag evaluates the entry anew.
  ///
  /// - Complexity: one memory read for each level from the start's down to the leaf's.
  @inlinable @inline(__always)
  public static func walk<
    Format: PageTableFormat, Input: Address, Output: Address, Probe: WalkProbe & ~Copyable
  >(
    _ format: Format, from start: WalkStart<PhysicalAddress>, for input: Input, demand: WalkDemand, in memory: MemoryView,
    probe: inout Probe
  ) -> Walk<Output> {
    var level = start.level
    var table = start.table
    var rights = start.rights
    while true {
      let place = table.advanced(by: format.entryOffset(input, level: level))
      probe.willRead(place, level: level)
      guard let entry = memory.read64(place) else {
        return Walk(.accessError, level: level, rights: rights, entry: 0, entryAddress: place, page: Output(rawValue: 0))
      }
      if level == 1 || format.checksRightsAtEveryLevel || !format.isPlainTable(entry) {
        var walk = Walk<Output>(.translated, level: level, rights: rights, entry: entry, entryAddress: place, page: Output(rawValue: 0))
        switch examine(&walk, format, input: input, demand: demand) {
        case .done: return walk
        case .descend: break
        case .update(let desired):
          guard format.canUpdate else {
            walk.status = .updateNotCoherent
            return walk
          }
          probe.willUpdate(place, level: level)
          switch memory.compareExchange64(place, expected: entry, desired: desired) {
          case .exchanged: walk.entry = desired
          case .different: continue
          case .aborted: walk.status = .updateFailed
          }
          if walk.status != .translated || walk.isLeaf { return walk }
        }
        rights = walk.rights
      } else {
        rights.formIntersection(format.rights(entry, level: level))
      }
      table = format.nextTable(entry, level: level)
      probe.descended(level: level, table: table, rights: rights)
      level &-= 1
    }
  }

  /// What to do after a close look at an entry.
  @usableFromInline enum Step {
    /// The walk has ended; the result says how.
    case done
    /// The entry points to the next table.
    case descend
    /// Flags are to be set, which makes the entry this; then the walk has ended, or goes on, as the entry is a leaf or not.
    case update(UInt64)
  }

  // Out of line, so that the way through plain table entries stays short; without the probe, so that it can stay in registers.
  @inlinable @inline(never) static func examine<Format: PageTableFormat, Input: Address, Output: Address>(
    _ walk: inout Walk<Output>, _ format: Format, input: Input, demand: WalkDemand
  ) -> Step {
    let kind = format.classify(walk.entry, level: walk.level)
    if kind == .notPresent {
      walk.status = .notPresent
      return .done
    }
    if kind == .malformed {
      walk.status = .malformed
      return .done
    }
    walk.rights.formIntersection(format.rights(walk.entry, level: walk.level))
    if kind == .table {
      if format.checksRightsAtEveryLevel, !walk.rights.isSuperset(of: demand.rights) {
        walk.status = .permission
        return .done
      }
      let desired = format.updated(walk.entry, isLeaf: false, dirty: false)
      return desired == walk.entry ? .descend : .update(desired)
    }
    walk.isLeaf = true
    walk.page = format.pageBase(walk.entry, level: walk.level)
    let output = walk.page.advanced(by: input.pageOffset(format.entrySizeLog2(level: walk.level)))
    let isForbidden = format.forbids(output)
    if isForbidden, format.checksOutputBeforeRights {
      walk.status = .forbiddenOutput
      return .done
    }
    if walk.rights.isDisjoint(with: [.privilegedRead, .privilegedWrite, .unprivilegedRead, .unprivilegedWrite]) {
      walk.status = .noRights
      return .done
    }
    if !walk.rights.isSuperset(of: demand.rights) {
      walk.status = .permission
      return .done
    }
    if isForbidden {
      walk.status = .forbiddenOutput
      return .done
    }
    let writable = !walk.rights.isDisjoint(with: [.privilegedWrite, .unprivilegedWrite])
    let dirty = demand.dirty == .set || (demand.dirty == .setIfWritable && writable)
    let desired = format.updated(walk.entry, isLeaf: true, dirty: dirty)
    return desired == walk.entry ? .done : .update(desired)
  }
}
