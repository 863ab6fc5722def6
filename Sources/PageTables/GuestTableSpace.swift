import Hardware

/// What a nested walk may do where the specification leaves it open (VT-d 5.10, 3.8).
@frozen public struct NestedRules: OptionSet, Hashable, Sendable {
  /// Bit 0 reads of first-stage tables count as writes, bit 1 a read-only table is reported as not writable.
  public var rawValue: UInt8
  /// The rules with the given bits.
  @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }
  /// With second-stage flags kept, reading a first-stage table marks the second-stage leaf dirty; otherwise only a flag update does.
  @inlinable public static var tableReadsSetDirty: NestedRules { NestedRules(rawValue: 1) }
  /// With second-stage flags kept, a first-stage table that may be read but not written is reported as not writable (77h); otherwise as
  /// not readable (75h, 76h).
  @inlinable public static var reportsUnwritableTables: NestedRules { NestedRules(rawValue: 2) }
}

/// The second stage under a first one: its tables, and how it is used.
@frozen public struct NestedStage<Format: PageTableFormat>: Sendable {
  /// The format of the second stage's tables.
  public var format: Format
  /// Where its walks start unless a cache knows better.
  public var root: WalkStart<PhysicalAddress>
  /// The highest guest physical address that it translates: 2^min(MGAW, AW) - 1.
  public var lastAddress: UInt64
  /// Whether it keeps accessed and dirty flags (PASID entry SSADE): first-stage tables must then be writable.
  public var keepsFlags: Bool
  /// What else to do.
  public var rules: NestedRules

  /// A second stage with the given tables.
  ///
  /// - Parameter addressWidth: The bits of a guest physical address that are translated, 1 to 64: the lesser of MGAW and AW.
  @inlinable public init(_ format: Format, root: PhysicalAddress, addressWidth: UInt8, keepsFlags: Bool, rules: NestedRules = []) {
    self.format = format
    self.root = WalkStart(table: root, level: format.rootLevel)
    lastAddress = UInt64.max &>> UInt64(truncatingIfNeeded: 64 &- min(64, max(1, addressWidth)))
    self.keepsFlags = keepsFlags
    self.rules = rules
  }

  /// What the read of a first-stage entry demands.
  @inlinable var tableDemand: WalkDemand {
    WalkDemand(
      rights: keepsFlags ? [.unprivilegedRead, .unprivilegedWrite] : .unprivilegedRead,
      dirty: keepsFlags && rules.contains(.tableReadsSetDirty) ? .set : .leave)
  }
}

/// Guest physical memory, which a second stage translates: every entry, and the page that is found at last, takes a walk of its tables.
@frozen public struct GuestTableSpace<Format: PageTableFormat>: TableSpace, ~Copyable {
  @usableFromInline let stage: NestedStage<Format>
  @usableFromInline let tableDemand: WalkDemand
  // The translation of the table entry located last.
  @usableFromInline var table = TableTranslation(
    page: PhysicalAddress(rawValue: 0), sizeLog2: 12, rights: [], needsDirtyUpdate: false)

  /// Why the last step failed.
  public var refusal = WalkStatus.translated
  /// Whose entry ended the walk.
  public var failingStage = FailingStage.first
  /// The walk for the page, or that which failed.
  public var second = Walk<PhysicalAddress>(
    .translated, level: 0, rights: [], entry: 0, entryAddress: PhysicalAddress(rawValue: 0))

  /// The space that a second stage translates.
  @inlinable public init(_ stage: NestedStage<Format>) {
    self.stage = stage
    tableDemand = stage.tableDemand
  }

  /// Rules about outputs apply to what the second stage makes of them.
  @inlinable public static var isPhysical: Bool { false }
  /// The highest address that the second stage translates.
  @inlinable public var lastAddress: UInt64 { stage.lastAddress }

  /// What the second stage says of the page.
  @inlinable public var grantsWrite: Bool { second.rights.contains(.unprivilegedWrite) }

  /// By a walk of the second stage that reads, unless the probe knows the way.
  @inlinable @inline(__always) public mutating func locate<Probe: WalkProbe & ~Copyable>(
    _ address: GuestPhysicalAddress, level: UInt8, in memory: MemoryView, probe: inout Probe
  ) -> PhysicalAddress? {
    if let known = probe.knownTable(address, level: level), known.rights.isSuperset(of: tableDemand.rights),
      tableDemand.dirty == .leave || !known.needsDirtyUpdate
    {
      table = known
      return known.page.advanced(by: address.pageOffset(known.sizeLog2))
    }
    let start = probe.willWalkSecondStage(for: address, level: level, from: stage.root)
    let walk = Walker.walk(stage.format, from: start, for: address, demand: tableDemand, in: memory, probe: &probe)
    if walk.status != .translated {
      probe.didWalkSecondStage(for: address, level: level, found: nil)
      refuseTable(walk)
      return nil
    }
    let sizeLog2 = stage.format.entrySizeLog2(level: walk.level)
    table = TableTranslation(
      page: walk.page, sizeLog2: sizeLog2, rights: walk.rights, needsDirtyUpdate: stage.format.needsDirtyUpdate(walk.entry))
    probe.didWalkSecondStage(for: address, level: level, found: table)
    return walk.page.advanced(by: address.pageOffset(sizeLog2))
  }

  /// If the second stage permits reading and writing the table (VT-d 5.10, 3.8.1).
  @inlinable public mutating func permitsUpdate() -> Bool {
    if table.rights.isSuperset(of: [.unprivilegedRead, .unprivilegedWrite]) { return true }
    refuse(.tableNotWritable, .secondForTable)
    return false
  }

  /// Marks the second stage's leaf dirty if it keeps flags and is not known to be marked.
  @inlinable public mutating func prepareUpdate<Probe: WalkProbe & ~Copyable>(
    _ address: GuestPhysicalAddress, level: UInt8, in memory: MemoryView, probe: inout Probe
  ) -> Bool {
    if !table.needsDirtyUpdate { return true }
    let start = probe.willWalkSecondStage(for: address, level: level, from: stage.root)
    let demand = WalkDemand(rights: [.unprivilegedRead, .unprivilegedWrite], dirty: .set)
    let walk = Walker.walk(stage.format, from: start, for: address, demand: demand, in: memory, probe: &probe)
    if walk.status != .translated {
      probe.didWalkSecondStage(for: address, level: level, found: nil)
      refuseTable(walk)
      return false
    }
    table.needsDirtyUpdate = false
    probe.didWalkSecondStage(for: address, level: level, found: table)
    return true
  }

  /// By a walk of the second stage with the demand of the request.
  @inlinable @inline(__always) public mutating func finish<Probe: WalkProbe & ~Copyable>(
    at output: GuestPhysicalAddress, sizeLog2: UInt8, rights: AccessRights, demand: WalkDemand, in memory: MemoryView, probe: inout Probe
  ) -> Bool {
    var demand = demand
    if demand.dirty == .setIfWritable, !demand.marksDirty(rights) { demand.dirty = .leave }
    // What the first stage maps in smaller pages is used in smaller pages.
    demand.outputSizeLog2 = min(demand.outputSizeLog2, sizeLog2)
    let start = probe.willWalkSecondStage(for: output, level: 0, from: stage.root)
    second = Walker.walk(stage.format, from: start, for: output, demand: demand, in: memory, probe: &probe)
    probe.didWalkSecondStage(for: output, level: 0, found: nil)
    if second.status == .translated { return true }
    refuse(second.status, .second)
    return false
  }

  @inlinable mutating func refuse(_ status: WalkStatus, _ stage: FailingStage) {
    refusal = status
    failingStage = stage
  }

  // Missing rights on a table have names of their own; whatever else is wrong with the second stage is reported as such.
  @inlinable mutating func refuseTable(_ walk: Walk<PhysicalAddress>) {
    second = walk
    guard walk.status == .permission else { return refuse(walk.status, .secondForTable) }
    let isReadable = walk.rights.contains(.unprivilegedRead)
    refuse(isReadable && stage.rules.contains(.reportsUnwritableTables) ? .tableNotWritable : .tableNotReadable, .secondForTable)
  }
}
