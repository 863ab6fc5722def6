import Hardware

/// The result of a nested walk: how it ended, and the translation through both stages if there is one.
@frozen public struct NestedWalk: BitwiseCopyable, Sendable {
  /// How the walk ended.
  public var status: WalkStatus
  /// Whose entry ended it.
  public var stage: FailingStage
  /// The walk of the first stage as far as it got; its page is a guest physical address.
  public var first: Walk<GuestPhysicalAddress>
  /// The walk of the second stage for the page, or that which failed.
  public var second: Walk<PhysicalAddress>
  /// What both stages permit.
  public var rights: AccessRights
  /// The physical base of the page, if there is a translation.
  public var page: PhysicalAddress
  /// The base-2 logarithm of the page's bytes: the smaller of both stages' pages; 0 if there is no translation.
  public var sizeLog2: UInt8
  /// A cached copy must not serve a write: one of the leaves is not marked dirty.
  public var needsDirtyUpdate: Bool
  /// The second stage's leaf demands that accesses be coherent.
  public var forcesSnoop: Bool

  @inlinable init(_ first: Walk<GuestPhysicalAddress>, _ second: Walk<PhysicalAddress>, endedBy stage: FailingStage) {
    status = first.status
    self.stage = stage
    self.first = first
    self.second = second
    rights = first.rights
    page = PhysicalAddress(rawValue: 0)
    sizeLog2 = 0
    needsDirtyUpdate = false
    forcesSnoop = false
  }

  // Both stages have found a page.
  @inlinable init<First: PageTableFormat, Second: PageTableFormat, Input: Address>(
    _ first: Walk<GuestPhysicalAddress>, _ second: Walk<PhysicalAddress>, _ format: First, _ stage: NestedStage<Second>, for input: Input
  ) {
    let firstSize = format.entrySizeLog2(level: first.level)
    let secondSize = stage.format.entrySizeLog2(level: second.level)
    let guest = first.page.advanced(by: input.pageOffset(firstSize))
    status = .translated
    self.stage = .first
    self.first = first
    self.second = second
    sizeLog2 = min(firstSize, secondSize)
    page = second.page.advanced(by: guest.pageOffset(secondSize)).alignedDown(sizeLog2)
    rights = first.rights.intersection(second.rights)
    needsDirtyUpdate = format.needsDirtyUpdate(first.entry) || stage.format.needsDirtyUpdate(second.entry)
    forcesSnoop = stage.format.forcesSnoop(second.entry)
  }

  /// Why this walk failed.
  ///
  /// - Parameters:
  ///   - firstRootLevel: The level of the first stage's root.
  ///   - secondRootLevel: The level of the second stage's root.
  @inlinable public func failure(firstRootLevel: UInt8, secondRootLevel: UInt8) -> WalkFailure {
    let isAboutTable = status == .tableNotReadable || status == .tableNotWritable
    let isTop = stage == .first || isAboutTable ? first.level == firstRootLevel : second.level == secondRootLevel
    return WalkFailure(status: status, stage: stage, isTopEntry: isTop, rights: rights)
  }
}

/// The nested walk: first-stage tables whose every entry, and whose page, lies in a space that a second stage translates.
public enum NestedWalker {
  /// Walks both stages for `input` (VT-d 5.10, 3.8).
  ///
  /// The walk may start below the root of the first stage, at a table that a cache knows; its second-stage translation is asked of the probe
  /// like that of any other table. The leaf's page is translated before flags are set in the leaf, so that no leaf is marked for an access
  /// that the second stage denies.
  ///
  /// - Complexity: (n + 1)(m + 1) - 1 reads of memory for n levels over m, if nothing is known beforehand.
  @inlinable @inline(__always)
  public static func walk<First: PageTableFormat, Second: PageTableFormat, Input: Address, Probe: WalkProbe & ~Copyable>(
    _ format: First, from start: WalkStart<GuestPhysicalAddress>, through stage: NestedStage<Second>, for input: Input,
    demand: WalkDemand, in memory: MemoryView, probe: inout Probe
  ) -> NestedWalk {
    var space = GuestTableSpace(stage)
    let first = Walker.walk(format, from: start, for: input, demand: demand, through: &space, in: memory, probe: &probe)
    if first.status == .translated { return NestedWalk(first, space.second, format, stage, for: input) }
    var walk = NestedWalk(first, space.second, endedBy: space.failingStage)
    if space.failingStage != .first { walk.rights = space.second.rights }
    if space.failingStage == .second { walk.rights.formIntersection(first.rights) }
    return walk
  }

  /// What most nested walks are, with neither function calls nor more registers than there are: from the root, plain entries only, small pages.
  ///
  /// - Returns: `nil` if anything asks for a closer look; nothing has been touched then, and the walk is to be made by `walk`.
  @inlinable @inline(__always) public static func plainWalk<First: PageTableFormat, Second: PageTableFormat, Input: Address>(
    _ format: First, from start: WalkStart<GuestPhysicalAddress>, through stage: NestedStage<Second>, for input: Input,
    demand: WalkDemand, in memory: MemoryView
  ) -> NestedWalk? {
    let tableDemand = stage.tableDemand
    var reached = start
    while true {
      let address = reached.table.advanced(by: format.entryOffset(input, level: reached.level))
      guard let host = Walker.plainWalk(stage.format, from: stage.root, for: address, demand: tableDemand, in: memory) else { return nil }
      guard let entry = memory.readFlat64(host.page, offset: address.pageOffset(12)) else { return nil }
      if reached.level == 1 {
        guard demand.dirty != .setIfWritable, format.isPlainLeaf(entry, dirty: demand.dirty == .set) else { return nil }
        let page: GuestPhysicalAddress = format.pageBase(entry, level: 1)
        let output = page.advanced(by: input.pageOffset(12))
        let rights = reached.rights.intersection(format.rights(entry, level: 1))
        guard demand.isMet(by: rights), output.rawValue <= stage.lastAddress else { return nil }
        let place = host.page.advanced(by: address.pageOffset(12))
        let first = Walk(.translated, level: 1, rights: rights, entry: entry, entryAddress: place, page: page, isLeaf: true)
        guard let second = Walker.plainWalk(stage.format, from: stage.root, for: output, demand: demand, in: memory) else { return nil }
        return NestedWalk(first, second, format, stage, for: input)
      }
      let next: GuestPhysicalAddress = format.nextTable(entry, level: reached.level)
      guard format.isPlainTable(entry), next.rawValue <= stage.lastAddress else { return nil }
      reached.rights.formIntersection(format.rights(entry, level: reached.level))
      reached.table = next
      reached.level &-= 1
    }
  }

  /// The reads of a walk from the root that finds small pages.
  @inlinable public static func reads(of firstLevels: UInt8, over secondLevels: UInt8) -> UInt8 {
    firstLevels &* (secondLevels &+ 1) &+ secondLevels
  }
}
