import Hardware
import PageTables
import Testing

@Suite struct WalkerTests {
  typealias Bits = VTdSecondStage.EntryBits

  @Test("A walk tells the page, the leaf, where it lies and what the levels permit")
  func result() throws {
    let path = try TablePath()
    let walk = path.walk()
    #expect(walk.status == .translated)
    #expect(walk.level == 1)
    #expect(walk.page == TablePath.page)
    #expect(walk.entry == TablePath.page.rawValue | 3)
    #expect(walk.entryAddress == path.place(1))
    #expect(walk.rights == .all)
  }

  @Test("The probe is told of every read and descent in order, with the addresses")
  func probe() throws {
    let path = try TablePath()
    path[3] = TablePath.table(2).rawValue | Bits.read
    var probe = RecordingProbe()
    _ = path.walk(probe: &probe)
    let readOnly = AccessRights(both: [.read, .execute])
    #expect(
      probe.events == [
        .read(path.place(4), level: 4), .descended(level: 4, TablePath.table(3), .all), .read(path.place(3), level: 3),
        .descended(level: 3, TablePath.table(2), readOnly), .read(path.place(2), level: 2),
        .descended(level: 2, TablePath.table(1), readOnly), .read(path.place(1), level: 1),
      ])
  }

  @Test("A walk from the middle reads nothing above and keeps the rights it starts with", arguments: UInt8(1)...4)
  func middle(level: UInt8) throws {
    let path = try TablePath()
    var probe = RecordingProbe()
    let start = WalkStart(table: TablePath.table(level), level: level, rights: AccessRights(both: .read))
    let walk = path.walk(from: start, probe: &probe)
    #expect(walk.status == .translated)
    #expect(walk.page == TablePath.page)
    #expect(walk.rights == AccessRights(both: .read))
    #expect(probe.events.first == .read(path.place(level), level: level))
    #expect(probe.events.count == 2 * Int(level) - 1)
    #expect(path.walk(WalkDemand(.write), from: start, probe: &probe).status == .permission)
  }

  @Test("An entry that nothing backs ends the walk with its address", arguments: UInt8(1)...4)
  func accessError(level: UInt8) throws {
    let path = try TablePath()
    path.physical.removeFrame(TablePath.table(level))
    let walk = path.walk()
    #expect(walk.status == .accessError)
    #expect(walk.level == level)
    #expect(walk.entryAddress == path.place(level))
    #expect(walk.entry == 0)
  }

  @Test("A bad entry ends the walk where it stands", arguments: UInt8(1)...4)
  func badEntries(level: UInt8) throws {
    let path = try TablePath()
    path[level] = ~3
    #expect(path.walk().status == .notPresent)
    #expect(path.walk().level == level)
    path[level] = path[level] | Bits.read | Bits.transientMapping
    #expect(path.walk().status == .malformed)
    #expect(path.walk().level == level)
    #expect(path.walk().entryAddress == path.place(level))
  }

  @Test("A leaf may stand at levels 1 to 3, and its page has that size", arguments: UInt8(1)...3)
  func leafLevels(level: UInt8) throws {
    let path = try TablePath()
    path[level] = 0x4000_0000 | Bits.write | (level > 1 ? Bits.pageSize : 0)
    let walk = path.walk(.write)
    #expect(walk.status == .translated)
    #expect(walk.level == level)
    #expect(walk.page == PhysicalAddress(0x4000_0000))
  }

  /// What an access needs, and which rights the levels leave.
  static let accesses: [(AccessKind, UInt64)] = [(.read, 1), (.write, 2), (.atomic, 3)]

  @Test("An access is permitted if every level permits it", arguments: accesses, UInt8(1)...4)
  func permissions(access: (kind: AccessKind, needs: UInt64), level: UInt8) throws {
    let path = try TablePath()
    for rights in 1...3 as ClosedRange<UInt64> {
      path[level] = path[level] & ~3 | rights
      let expected: WalkStatus = rights & access.needs == access.needs ? .translated : .permission
      let walk = path.walk(access.kind)
      #expect(walk.status == expected, "rights \(rights)")
      // Whichever level takes the right away, it is the leaf that ends the walk.
      #expect(walk.level == 1)
    }
  }

  @Test("Rights are checked at each level if the format says so", arguments: accesses, UInt8(1)...4)
  func permissionsAtEachLevel(access: (kind: AccessKind, needs: UInt64), level: UInt8) throws {
    let path = try TablePath(VTdSecondStage(levels: 4, features: .init(checksRightsAtEveryLevel: true)))
    for rights in 1...3 as ClosedRange<UInt64> {
      path[level] = path[level] & ~3 | rights
      let isPermitted = rights & access.needs == access.needs
      let walk = path.walk(access.kind)
      #expect(walk.status == (isPermitted ? .translated : .permission), "rights \(rights)")
      #expect(walk.level == (isPermitted ? 1 : level))
    }
  }

  @Test("Levels that share no right leave none, whatever is asked for", arguments: [AccessKind.read, .write, .atomic])
  func noRights(kind: AccessKind) throws {
    let path = try TablePath()
    path[3] = TablePath.table(2).rawValue | Bits.read
    path[1] = TablePath.page.rawValue | Bits.write
    let walk = path.walk(kind)
    #expect(walk.status == .noRights)
    #expect(walk.level == 1)
  }

  @Test("A demand of no rights is met by any page, but not by levels that leave none")
  func noDemand() throws {
    let path = try TablePath()
    let demand = WalkDemand(rights: [], dirty: .leave)
    var probe = RecordingProbe()
    path[1] = TablePath.page.rawValue | Bits.write
    #expect(path.walk(demand, probe: &probe).status == .translated)
    path[2] = TablePath.table(1).rawValue | Bits.read
    #expect(path.walk(demand, probe: &probe).status == .noRights)
  }

  @Test("Only the accessed address must be outside the interrupt range", arguments: [UInt8(2), 3])
  func interruptRangeInLargePage(level: UInt8) throws {
    let path = try TablePath()
    let size = UInt64(path.format.entrySizeLog2(level: level))
    // The large page is the one that holds FEE0_0000; the path's address is elsewhere in it.
    path[level] = (0xFEE0_0000 >> size) << size | 3 | Bits.pageSize
    let offset = TablePath.input.pageOffset(UInt8(size))
    let isInside = InterruptAddressRange.contains(PhysicalAddress((0xFEE0_0000 >> size) << size + offset))
    #expect(path.walk().status == (isInside ? .forbiddenOutput : .translated))

    let interrupt = IOVirtualAddress(TablePath.input.alignedDown(UInt8(size)).rawValue | 0xFEE0_0000 & ((1 << size) - 1))
    for (input, expected) in [(interrupt, WalkStatus.forbiddenOutput), (interrupt.advanced(by: 0xF_FFFF), .forbiddenOutput)] {
      var probe = NoProbe()
      let walk: Walk<PhysicalAddress> = Walker.walk(
        path.format, from: WalkStart(table: TablePath.table(4), level: 4), for: input, demand: WalkDemand(.read), in: path.physical.view,
        probe: &probe)
      #expect(walk.status == expected, "\(input)")
    }
  }

  /// A leaf with several things wrong, and the first that is reported.
  static let order: [(leaf: UInt64, kind: AccessKind, status: WalkStatus)] = [
    (0xFEE0_0000 | 1 << 62, .write, .notPresent),  // no rights at all, reserved bit, interrupt range
    (0xFEE0_0001 | 1 << 62, .write, .malformed),  // reserved bit, interrupt range, permission
    (0xFEE0_0001, .write, .forbiddenOutput),  // interrupt range, permission
    (0x7777_7001, .write, .permission),
  ]

  @Test("At a leaf presence comes first, then reserved bits, the output, permissions", arguments: order.indices)
  func checkOrder(index: Int) throws {
    let path = try TablePath()
    path[1] = Self.order[index].leaf
    #expect(path.walk(Self.order[index].kind).status == Self.order[index].status)
  }

  @Test("Rights lost on the way are reported after what is wrong with the leaf")
  func rightsLast() throws {
    let path = try TablePath()
    path[4] = TablePath.table(3).rawValue | Bits.read
    path[1] = 0xFEE0_0000 | Bits.write
    #expect(path.walk(.write).status == .forbiddenOutput)
    path[1] = 0x1000 | Bits.write | 1 << 62
    #expect(path.walk(.write).status == .malformed)
  }

  @Test("A demand is met by rights that include its own, and one that is of use to its privilege")
  func met() {
    #expect(WalkDemand(.read).isMet(by: .unprivilegedRead))
    #expect(!WalkDemand(.read).isMet(by: [.privilegedRead, .unprivilegedWrite]))
    #expect(WalkDemand(.read, privileged: true).isMet(by: .privilegedRead))
    // A request that needs neither right needs one of them.
    var either = WalkDemand(.read)
    either.rights = []
    #expect(either.isMet(by: .unprivilegedRead) && either.isMet(by: .unprivilegedWrite))
    #expect(!either.isMet(by: [.privilegedRead, .privilegedWrite, .unprivilegedExecute]))
    #expect(either.privileged.isMet(by: .privilegedWrite) && !either.privileged.isMet(by: .unprivilegedWrite))
  }

  @Test("A demand that may write marks a leaf dirty only if requests of its privilege may")
  func marksDirty() {
    var demand = WalkDemand(.read)
    demand.dirty = .setIfWritable
    #expect(demand.marksDirty(.unprivilegedWrite) && !demand.marksDirty([.privilegedWrite, .unprivilegedRead]))
    #expect(demand.privileged.marksDirty(.privilegedWrite) && !demand.privileged.marksDirty(.unprivilegedWrite))
    #expect(WalkDemand(.write).marksDirty([]) && !WalkDemand(.read).marksDirty(.all))
  }

  @Test("An access demands what its kind needs, for its own privilege")
  func demands() {
    let expected: [(AccessKind, AccessRights, WalkDemand.Dirty)] = [
      (.read, .unprivilegedRead, .leave), (.write, .unprivilegedWrite, .set), (.atomic, [.unprivilegedRead, .unprivilegedWrite], .set),
    ]
    for (kind, rights, dirty) in expected {
      let demand = WalkDemand(kind)
      #expect(demand.rights == rights && demand.dirty == dirty)
      #expect(demand.privileged == WalkDemand(kind, privileged: true))
    }
    #expect(WalkDemand(.read, privileged: true).rights == .privilegedRead)
    #expect(WalkDemand(.atomic, privileged: true).rights == [.privilegedRead, .privilegedWrite])
  }
}
