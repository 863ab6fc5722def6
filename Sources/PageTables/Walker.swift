import Hardware

/// The one page-table walker: every format, single and nested stages, functional and timed, go through it.
public enum Walker {
  /// Walks tables in physical memory for `input`.
  ///
  /// - Complexity: one memory read for each level from the start's down to the leaf's.
  @inlinable @inline(__always)
  public static func walk<Format: PageTableFormat, Input: Address, Probe: WalkProbe & ~Copyable>(
    _ format: Format, from start: WalkStart<PhysicalAddress>, for input: Input, demand: WalkDemand, in memory: MemoryView,
    probe: inout Probe
  ) -> Walk<PhysicalAddress> {
    if !probe.onlyCounts { return walkClosely(format, from: start, for: input, demand: demand, in: memory, probe: &probe) }
    let reached = descend(format, from: start, for: input, in: memory)
    if let walk = plainLeaf(format, from: reached, for: input, demand: demand, in: memory) {
      probe.didRead(count: start.level)
      return walk
    }
    probe.didRead(count: start.level &- reached.level)
    return walkClosely(format, from: reached, for: input, demand: demand, in: memory, probe: &probe)
  }

  @inlinable @inline(never)
  static func walkClosely<Format: PageTableFormat, Input: Address, Probe: WalkProbe & ~Copyable>(
    _ format: Format, from start: WalkStart<PhysicalAddress>, for input: Input, demand: WalkDemand, in memory: MemoryView,
    probe: inout Probe
  ) -> Walk<PhysicalAddress> {
    var space = PhysicalTableSpace()
    return walk(format, from: start, for: input, demand: demand, through: &space, in: memory, probe: &probe)
  }

  /// What most walks are, with neither function calls nor more registers than there are: plain entries only, small pages.
  ///
  /// - Returns: `nil` if anything asks for a closer look; nothing has been touched then, and the walk is to be made by `walk`.
  @inlinable @inline(__always) public static func plainWalk<Format: PageTableFormat, Input: Address>(
    _ format: Format, from start: WalkStart<PhysicalAddress>, for input: Input, demand: WalkDemand, in memory: MemoryView
  ) -> Walk<PhysicalAddress>? {
    plainLeaf(format, from: descend(format, from: start, for: input, in: memory), for: input, demand: demand, in: memory)
  }

  // First down through plain tables, as far as they lead.
  @inlinable @inline(__always) static func descend<Format: PageTableFormat, Input: Address>(
    _ format: Format, from start: WalkStart<PhysicalAddress>, for input: Input, in memory: MemoryView
  ) -> WalkStart<PhysicalAddress> {
    var reached = start
    while reached.level > 1 {
      let offset = format.entryOffset(input, level: reached.level)
      guard let entry = memory.readFlat64(reached.table, offset: offset), format.isPlainTable(entry) else { break }
      reached.rights.formIntersection(format.rights(entry, level: reached.level))
      reached.table = format.nextTable(entry, level: reached.level)
      reached.level &-= 1
    }
    return reached
  }

  // Then the leaf, if there is nothing special about it either.
  @inlinable @inline(__always) static func plainLeaf<Format: PageTableFormat, Input: Address>(
    _ format: Format, from start: WalkStart<PhysicalAddress>, for input: Input, demand: WalkDemand, in memory: MemoryView
  ) -> Walk<PhysicalAddress>? {
    let offset = format.entryOffset(input, level: 1)
    guard start.level == 1, let entry = memory.readFlat64(start.table, offset: offset),
      format.isPlainLeaf(entry, dirty: demand.dirty != .leave)
    else { return nil }
    let page: PhysicalAddress = format.pageBase(entry, level: 1)
    let rights = start.rights.intersection(format.rights(entry, level: 1))
    guard demand.isMet(by: rights), !format.forbids(page) else { return nil }
    return Walk(
      .translated, level: 1, rights: rights, entry: entry, entryAddress: start.table.advanced(by: offset), page: page, isLeaf: true)
  }

  /// Walks tables that lie in a space of their own.
  ///
  /// The order of checks at each entry: the read itself, presence, the format's bits, the width of the address; on the way down the
  /// accessed flag; at the leaf the output, the accumulated rights, then accessed and dirty flags. A lost race for a flag evaluates the
  /// entry anew.
  @inlinable @inline(__always)
  static func walk<Format: PageTableFormat, Input: Address, Space: TableSpace & ~Copyable, Probe: WalkProbe & ~Copyable>(
    _ format: Format, from start: WalkStart<Space.Output>, for input: Input, demand: WalkDemand, through space: inout Space,
    in memory: MemoryView, probe: inout Probe
  ) -> Walk<Space.Output> {
    var level = start.level
    var table = start.table
    var rights = start.rights
    while true {
      let address = table.advanced(by: format.entryOffset(input, level: level))
      guard let place = space.locate(address, level: level, in: memory, probe: &probe) else {
        return Walk(space.refusal, level: level, rights: rights, entry: 0, entryAddress: PhysicalAddress(rawValue: 0))
      }
      probe.willRead(place, level: level)
      guard let entry = memory.read64(place) else {
        return Walk(.accessError, level: level, rights: rights, entry: 0, entryAddress: place)
      }
      if level > 1 {
        // What a walk mostly meets.
        let next: Space.Output = format.nextTable(entry, level: level)
        if format.isPlainTable(entry), next.rawValue <= space.lastAddress {
          rights.formIntersection(format.rights(entry, level: level))
          table = next
          probe.descended(level: level, table: table, rights: rights)
          level &-= 1
          continue
        }
      } else if format.isPlainLeaf(entry, dirty: demand.dirty != .leave) {
        let left = rights.intersection(format.rights(entry, level: 1))
        let page: Space.Output = format.pageBase(entry, level: 1)
        let output = page.advanced(by: input.pageOffset(format.entrySizeLog2(level: 1)))
        let isRefused = Space.isPhysical ? format.forbids(output) : output.rawValue > space.lastAddress
        if !isRefused, demand.isMet(by: left) {
          let status: WalkStatus =
            space.finish(at: output, sizeLog2: 12, rights: left, demand: demand, in: memory, probe: &probe) ? .translated : space.refusal
          return Walk(status, level: 1, rights: left, entry: entry, entryAddress: place, page: page, isLeaf: true)
        }
      }

      var walk = Walk<Space.Output>(.translated, level: level, rights: rights, entry: entry, entryAddress: place)
      while true {
        var desired = examine(
          &walk, format, input: input, demand: demand, lastAddress: space.lastAddress, checksOutput: Space.isPhysical)
        guard walk.status == .translated else {
          if Space.isPhysical, walk.isLeaf, format.marksRefusingLeaves { markAccessed(&walk, format, in: memory, probe: &probe) }
          return walk
        }
        // Whether a translation request marks the leaf dirty is known at the end of the way, which may take the right to write away.
        let isOpen = walk.isLeaf && demand.dirty == .setIfWritable
        let certain = isOpen ? format.updated(walk.entry, isLeaf: true, dirty: false) : desired
        if certain != walk.entry { checkUpdate(&walk, format, through: &space) }
        guard walk.status == .translated else { return walk }
        if walk.isLeaf {
          let size = format.entrySizeLog2(level: level)
          let output = walk.page.advanced(by: input.pageOffset(size))
          var marked = walk
          if desired != certain { checkUpdate(&marked, format, through: &space) }
          var finalDemand = demand
          if marked.status != .translated { finalDemand.dirty = .leave }
          if !space.finish(at: output, sizeLog2: size, rights: walk.rights, demand: finalDemand, in: memory, probe: &probe) {
            walk.status = space.refusal
            return walk
          }
          if isOpen, !space.grantsWrite {
            desired = certain
          } else if marked.status != .translated {
            checkUpdate(&walk, format, through: &space)
            return walk
          }
        }
        if desired == walk.entry { break }
        if !space.prepareUpdate(address, level: level, in: memory, probe: &probe) {
          walk.status = space.refusal
          return walk
        }
        probe.willUpdate(place, level: level)
        switch memory.compareExchange64(place, expected: walk.entry, desired: desired) {
        case .exchanged: walk.entry = desired
        case .aborted: walk.status = .updateFailed
        case .different(let current):
          probe.willRead(place, level: level)
          walk = Walk(.translated, level: level, rights: rights, entry: current, entryAddress: place)
          continue
        }
        break
      }
      if walk.isLeaf || walk.status != .translated { return walk }
      rights = walk.rights
      table = format.nextTable(walk.entry, level: level)
      probe.descended(level: level, table: table, rights: rights)
      level &-= 1
    }
  }

  // The accessed flag of a leaf that refuses the request; nobody minds if it cannot be set.
  @inlinable @inline(never) static func markAccessed<Format: PageTableFormat, Output: Address, Probe: WalkProbe & ~Copyable>(
    _ walk: inout Walk<Output>, _ format: Format, in memory: MemoryView, probe: inout Probe
  ) {
    let desired = format.updated(walk.entry, isLeaf: true, dirty: false)
    guard desired != walk.entry, format.canUpdate else { return }
    probe.willUpdate(walk.entryAddress, level: walk.level)
    if case .exchanged = memory.compareExchange64(walk.entryAddress, expected: walk.entry, desired: desired) { walk.entry = desired }
  }

  // Whether the flags of an entry may be updated; the status says so.
  @inlinable static func checkUpdate<Format: PageTableFormat, Space: TableSpace & ~Copyable>(
    _ walk: inout Walk<Space.Output>, _ format: Format, through space: inout Space
  ) {
    if !space.permitsUpdate() {
      walk.status = space.refusal
    } else if !format.canUpdate {
      walk.status = .updateNotCoherent
    }
  }

  // A close look at an entry: completes the result with all that the entry says, and tells the entry with the flags set that are to be set.
  // Out of line, so that the way through plain entries stays short; without the probe, so that it can stay in registers.
  @inlinable @inline(never) static func examine<Format: PageTableFormat, Input: Address, Output: Address>(
    _ walk: inout Walk<Output>, _ format: Format, input: Input, demand: WalkDemand, lastAddress: UInt64, checksOutput: Bool
  ) -> UInt64 {
    let entry = walk.entry
    let kind = format.classify(entry, level: walk.level)
    switch kind {
    case .notPresent:
      walk.status = .notPresent
      return entry
    case .malformed:
      walk.status = .malformed
      return entry
    case .table:
      let table: Output = format.nextTable(entry, level: walk.level)
      if table.rawValue > lastAddress {
        walk.status = .tableBeyondSecondStage
        return entry
      }
      walk.rights.formIntersection(format.rights(entry, level: walk.level))
      // What entries below may still take away is not missing yet.
      if format.checksRightsAtEveryLevel, !demand.isMet(by: walk.rights.union(format.effectiveRights(walk.rights))) {
        walk.status = .permission
        return entry
      }
      return format.updated(entry, isLeaf: false, dirty: false)
    case .leaf:
      walk.isLeaf = true
      walk.page = format.pageBase(entry, level: walk.level)
      walk.rights = format.effectiveRights(walk.rights.intersection(format.rights(entry, level: walk.level)))
      walk.status = examineLeaf(walk, format, input: input, demand: demand, lastAddress: lastAddress, checksOutput: checksOutput)
      return format.updated(entry, isLeaf: true, dirty: demand.marksDirty(walk.rights))
    }
  }

  @inlinable static func examineLeaf<Format: PageTableFormat, Input: Address, Output: Address>(
    _ walk: Walk<Output>, _ format: Format, input: Input, demand: WalkDemand, lastAddress: UInt64, checksOutput: Bool
  ) -> WalkStatus {
    let size = format.entrySizeLog2(level: walk.level)
    let output = walk.page.advanced(by: input.pageOffset(size))
    if output.rawValue > lastAddress { return .tableBeyondSecondStage }
    let used = min(size, demand.outputSizeLog2)
    let isForbidden =
      checksOutput && (used == 0 ? format.forbids(output) : format.forbids(overlapping: output.alignedDown(used), sizeLog2: used))
    if isForbidden, format.checksOutputBeforeRights { return .forbiddenOutput }
    if walk.rights.isDisjoint(with: .anyReadOrWrite) { return .noRights }
    if !demand.isMet(by: walk.rights) { return .permission }
    return isForbidden ? .forbiddenOutput : .translated
  }
}
