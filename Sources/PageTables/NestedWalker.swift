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
    var walk = NestedWalk(first, space.second, endedBy: space.failingStage)
    guard first.status == .translated else {
      if space.failingStage != .first { walk.rights = space.second.rights }
      if space.failingStage == .second { walk.rights.formIntersection(first.rights) }
      return walk
    }
    let firstSize = format.entrySizeLog2(level: first.level)
    let secondSize = stage.format.entrySizeLog2(level: space.second.level)
    let guest = first.page.advanced(by: input.pageOffset(firstSize))
    walk.sizeLog2 = min(firstSize, secondSize)
    walk.page = space.second.page.advanced(by: guest.pageOffset(secondSize)).alignedDown(walk.sizeLog2)
    walk.rights = first.rights.intersection(space.second.rights)
    walk.needsDirtyUpdate = format.needsDirtyUpdate(first.entry) || stage.format.needsDirtyUpdate(space.second.entry)
    walk.forcesSnoop = stage.format.forcesSnoop(space.second.entry)
    return walk
  }
}
