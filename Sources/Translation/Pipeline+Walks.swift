import Hardware
import PageTables

/// The walks of each stage and of both: what each leads to is left in `found` and beside it.
///
/// Each is a function of its own, so that the way down has the registers for itself.
extension Pipeline {
  @inlinable @inline(never) mutating func walkSecondStage<Format: PageTableFormat>(
    _ format: UnsafePointer<Format>, _ resolved: UnsafePointer<TranslationContext>, for address: IOVirtualAddress, demand: WalkDemand,
    at time: SimTime
  ) {
    let top = WalkStart(table: resolved.pointee.secondStageRoot, level: format.pointee.rootLevel)
    if !walkCaches.pointee.second.isPresent, walkPlainly(format, from: top, .second, for: address, demand: demand, at: time) { return }
    // Second-stage upper-level entries are shared by everybody in the domain.
    let start = walkCaches.pointee.second.deepest(format.pointee, from: top, for: address, context: UInt64(resolved.pointee.domain))
    walkClosely(format, from: start, .second, notes: walkCaches.pointee.second.isPresent, for: address, demand: demand, at: time)
  }

  @inlinable @inline(never) mutating func walkFirstStage<Format: PageTableFormat>(
    _ format: UnsafePointer<Format>, _ resolved: UnsafePointer<TranslationContext>, for address: IOVirtualAddress, demand: WalkDemand,
    at time: SimTime
  ) {
    let top = WalkStart(table: PhysicalAddress(resolved.pointee.firstStageRoot.rawValue), level: format.pointee.rootLevel)
    if !walkCaches.pointee.first.isPresent, walkPlainly(format, from: top, .first, for: address, demand: demand, at: time) { return }
    let tag = WalkCaches.tag(domain: resolved.pointee.domain, addressSpace: resolved.pointee.addressSpace)
    let start = walkCaches.pointee.first.deepest(format.pointee, from: top, for: address, context: tag)
    walkClosely(format, from: start, .first, notes: walkCaches.pointee.first.isPresent, for: address, demand: demand, at: time)
  }

  // Without caches to ask or to fill, most walks can be made before anything is set up for the others.
  @inlinable @inline(__always) mutating func walkPlainly<Format: PageTableFormat>(
    _ format: UnsafePointer<Format>, from start: WalkStart<PhysicalAddress>, _ stage: FailingStage, for address: IOVirtualAddress,
    demand: WalkDemand, at time: SimTime
  ) -> Bool {
    guard let walk = Walker.plainWalk(format.pointee, from: start, for: address, demand: demand, in: memory) else { return false }
    note(walk, format.pointee, stage: stage)
    noteEnd(
      at: port.pointee.read(count: start.level, at: time + walkCaches.pointee.latency), reads: UInt16(start.level), learned: 0)
    return true
  }

  @inlinable @inline(never) mutating func walkClosely<Format: PageTableFormat>(
    _ format: UnsafePointer<Format>, from start: WalkStart<PhysicalAddress>, _ stage: FailingStage, notes: Bool,
    for address: IOVirtualAddress, demand: WalkDemand, at time: SimTime
  ) {
    var probe = TimedProbe(
      from: time + walkCaches.pointee.latency, through: port, for: address.rawValue, stage == .first ? .first : .second, notes: notes,
      at: descents)
    let walk = Walker.walk(format.pointee, from: start, for: address, demand: demand, in: memory, probe: &probe)
    note(walk, format.pointee, stage: stage)
    noteEnd(at: probe.time, reads: probe.reads, learned: probe.descents.count)
  }

  @inlinable @inline(never) mutating func walkNested<First: PageTableFormat, Second: PageTableFormat>(
    _ first: UnsafePointer<First>, _ second: UnsafePointer<Second>, _ resolved: UnsafePointer<TranslationContext>,
    for address: IOVirtualAddress, demand: WalkDemand, at time: SimTime
  ) {
    if !walkCaches.pointee.knowsNestedWalks {
      let stage = NestedStage(
        second.pointee, root: resolved.pointee.secondStageRoot, addressWidth: resolved.pointee.guestAddressWidth,
        keepsFlags: resolved.pointee.secondStageKeepsFlags, rules: resolved.pointee.nestedRules)
      let start = WalkStart(table: resolved.pointee.firstStageRoot, level: first.pointee.rootLevel)
      if let walk = NestedWalker.plainWalk(first.pointee, from: start, through: stage, for: address, demand: demand, in: memory) {
        found.pointee.failure = WalkFailure(status: .translated, stage: .first, isTopEntry: false, rights: walk.rights)
        note(walk.page, second.pointee, sizeLog2: walk.sizeLog2, needsDirtyUpdate: walk.needsDirtyUpdate, snoop: walk.forcesSnoop)
        let reads = NestedWalker.reads(of: start.level, over: stage.root.level)
        noteEnd(
          at: port.pointee.read(count: reads, at: time + walkCaches.pointee.latency), reads: UInt16(reads), learned: 0)
        return
      }
    }
    walkNestedClosely(first, second, resolved, for: address, demand: demand, at: time)
  }

  @inlinable @inline(never) mutating func walkNestedClosely<First: PageTableFormat, Second: PageTableFormat>(
    _ first: UnsafePointer<First>, _ second: UnsafePointer<Second>, _ resolved: UnsafePointer<TranslationContext>,
    for address: IOVirtualAddress, demand: WalkDemand, at time: SimTime
  ) {
    let first = first.pointee
    let stage = NestedStage(
      second.pointee, root: resolved.pointee.secondStageRoot, addressWidth: resolved.pointee.guestAddressWidth,
      keepsFlags: resolved.pointee.secondStageKeepsFlags, rules: resolved.pointee.nestedRules)
    let tag = WalkCaches.tag(domain: resolved.pointee.domain, addressSpace: resolved.pointee.addressSpace)
    let known = walkCaches.pointee.nested.entry(first, from: first.rootLevel, for: address, context: tag)
    var start = WalkStart(table: resolved.pointee.firstStageRoot, level: first.rootLevel)
    if let known { start = WalkStart(table: known.entry.guestTable, level: known.level &- 1, rights: known.entry.rights) }
    var probe = NestedProbe(
      from: time + walkCaches.pointee.latency, through: port, caches: walkCaches, domain: resolved.pointee.domain, second: second,
      for: address, below: known?.entry, at: descents)
    let walk = NestedWalker.walk(first, from: start, through: stage, for: address, demand: demand, in: memory, probe: &probe)
    found.pointee.failure =
      walk.status == .translated
      ? WalkFailure(status: .translated, stage: .first, isTopEntry: false, rights: walk.rights)
      : walk.failure(firstRootLevel: first.rootLevel, secondRootLevel: stage.format.rootLevel)
    note(walk.page, stage.format, sizeLog2: walk.sizeLog2, needsDirtyUpdate: walk.needsDirtyUpdate, snoop: walk.forcesSnoop)
    noteEnd(at: probe.time, reads: probe.reads, learned: probe.descents.count)
  }

  @inlinable @inline(__always) mutating func note<Format: PageTableFormat>(
    _ walk: Walk<PhysicalAddress>, _ format: Format, stage: FailingStage
  ) {
    found.pointee.failure = walk.failure(stage: stage, rootLevel: format.rootLevel)
    note(
      walk.page, format, sizeLog2: format.entrySizeLog2(level: walk.level), needsDirtyUpdate: format.needsDirtyUpdate(walk.entry),
      snoop: format.forcesSnoop(walk.entry))
  }

  @inlinable @inline(__always) mutating func note<Format: PageTableFormat>(
    _ page: PhysicalAddress, _ format: Format, sizeLog2: UInt8, needsDirtyUpdate: Bool, snoop: Bool
  ) {
    var flags: IOTLBEntry.Flags = []
    if needsDirtyUpdate { flags.insert(.writeNeedsWalk) }
    if snoop { flags.insert(.snoop) }
    if sizeLog2 > 12, format.forbids(overlapping: page, sizeLog2: sizeLog2) { flags.insert(.checksOutput) }
    found.pointee.page = page
    found.pointee.sizeLog2 = sizeLog2
    found.pointee.flags = flags
  }

  @inlinable @inline(__always) mutating func noteEnd(at time: SimTime, reads: UInt16, learned: Int) {
    walks &+= 1
    walkReads &+= UInt64(reads)
    walkMemoryReads = reads
    walkEnd = time
    descentCount = learned
  }

  @usableFromInline mutating func keepDescents(in fill: UnsafeMutablePointer<MissStatus.Walk>) {
    missStatus.descents(of: UnsafePointer(fill)).update(from: descents, count: descentCount)
    fill.pointee.descentCount = UInt32(descentCount)
  }
}
