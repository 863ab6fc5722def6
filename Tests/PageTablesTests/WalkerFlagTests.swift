import Hardware
import PageTables
import Testing

/// Accessed and dirty flags: which a walk sets, when, and what if it cannot (VT-d rev 5.10 section 3.7.2).
@Suite struct WalkerFlagTests {
  typealias Bits = VTdSecondStage.EntryBits

  static let updating = VTdSecondStage(levels: 4, accessedDirty: true)

  /// The flags of the entries, from the leaf up: A, D, both or neither.
  private func flags(_ path: TablePath) -> [String] {
    (1...4).map { level in (path[level] & Bits.accessed != 0 ? "A" : "") + (path[level] & Bits.dirty != 0 ? "D" : "") }
  }

  @Test(
    "A walk sets A in every entry, and D in the leaf if it writes",
    arguments: [(.read, "A"), (.write, "AD"), (.atomic, "AD")] as [(AccessKind, String)])
  func set(kind: AccessKind, leaf: String) throws {
    let path = try TablePath(Self.updating)
    let walk = path.walk(kind)
    #expect(walk.status == .translated)
    #expect(flags(path) == [leaf, "A", "A", "A"])
    #expect(walk.entry == path[1])
  }

  @Test("Nothing is written where flags are not updated", arguments: [true, false])
  func still(coherent: Bool) throws {
    let path = try TablePath(VTdSecondStage(levels: 4, coherent: coherent))
    #expect(path.walk(.write).status == .translated)
    #expect(flags(path) == ["", "", "", ""])
  }

  @Test("Each flag is set by an update of its own entry, after its read and before the next")
  func probeOrder() throws {
    let path = try TablePath(Self.updating)
    path[3] |= Bits.accessed
    var probe = RecordingProbe()
    _ = path.walk(WalkDemand(.write), probe: &probe)
    #expect(
      probe.events == [
        .read(path.place(4), level: 4), .update(path.place(4), level: 4), .descended(level: 4, TablePath.table(3), .all),
        .read(path.place(3), level: 3), .descended(level: 3, TablePath.table(2), .all), .read(path.place(2), level: 2),
        .update(path.place(2), level: 2), .descended(level: 2, TablePath.table(1), .all), .read(path.place(1), level: 1),
        .update(path.place(1), level: 1),
      ])
  }

  @Test("Flags that are set already need no update, coherent or not", arguments: [true, false])
  func alreadySet(coherent: Bool) throws {
    let path = try TablePath(VTdSecondStage(levels: 4, accessedDirty: true, coherent: coherent))
    for level in 2...4 as ClosedRange<UInt8> { path[level] |= Bits.accessed }
    path[1] |= Bits.accessed | Bits.dirty
    var probe = RecordingProbe()
    #expect(path.walk(WalkDemand(.write), probe: &probe).status == .translated)
    #expect(!probe.events.contains { if case .update = $0 { true } else { false } })
  }

  @Test(
    "A request for a translation sets D only if the rights permit writing",
    arguments: [(1, "A"), (3, "AD"), (2, "AD")] as [(UInt64, String)])
  func setIfWritable(rights: UInt64, leaf: String) throws {
    let path = try TablePath(Self.updating)
    path[1] = TablePath.page.rawValue | rights
    var probe = RecordingProbe()
    #expect(path.walk(WalkDemand(rights: [], dirty: .setIfWritable), probe: &probe).status == .translated)
    #expect(flags(path)[0] == leaf)
  }

  /// What ends a walk at its leaf, by the leaf and the access.
  static let failures: [(leaf: UInt64, kind: AccessKind, status: WalkStatus)] = [
    (0, .read, .notPresent), (0x7777_7003 | 1 << 62, .read, .malformed), (0xFEE0_0003, .read, .forbiddenOutput),
    (0x7777_7001, .write, .permission), (0x7777_7002, .read, .permission), (0x7777_7002, .atomic, .permission),
  ]

  @Test("A walk that fails at the leaf leaves A in the entries passed and no flag in the leaf", arguments: failures.indices)
  func failedLeaf(index: Int) throws {
    let path = try TablePath(Self.updating)
    path[1] = Self.failures[index].leaf
    #expect(path.walk(Self.failures[index].kind).status == Self.failures[index].status)
    #expect(flags(path) == ["", "A", "A", "A"])
  }

  @Test("A walk that fails half-way leaves A in the entries above only", arguments: [0, 1 << 62 | 3] as [UInt64])
  func failedMiddle(entry: UInt64) throws {
    let path = try TablePath(Self.updating)
    path[2] = entry
    #expect([WalkStatus.notPresent, .malformed].contains(path.walk().status))
    #expect(flags(path) == ["", "", "A", "A"])
  }

  @Test("Levels that leave no right set no flag in the leaf")
  func noRights() throws {
    let path = try TablePath(Self.updating)
    path[2] = TablePath.table(1).rawValue | Bits.read
    path[1] = TablePath.page.rawValue | Bits.write
    #expect(path.walk(.write).status == .noRights)
    #expect(flags(path) == ["", "A", "A", "A"])
  }

  @Test("Where rights are checked at each level, the entry that denies gets no flag", arguments: UInt8(1)...4)
  func deniedOnTheWay(level: UInt8) throws {
    let features = VTdSecondStage.Features(checksRightsAtEveryLevel: true)
    let path = try TablePath(VTdSecondStage(levels: 4, features: features, accessedDirty: true))
    path[level] = path[level] & ~Bits.write
    #expect(path.walk(.write).status == .permission)
    #expect(flags(path) == (1...4).map { $0 > level ? "A" : "" })
  }

  @Test("A flag that must be set on a walk that is not coherent ends it there", arguments: UInt8(1)...4)
  func notCoherent(level: UInt8) throws {
    let path = try TablePath(VTdSecondStage(levels: 4, accessedDirty: true, coherent: false))
    for other in 1...4 as ClosedRange<UInt8> where other != level { path[other] |= Bits.accessed | (other == 1 ? Bits.dirty : 0) }
    let before = path[level]
    let walk = path.walk(.read)
    #expect(walk.status == .updateNotCoherent)
    #expect(walk.level == level)
    #expect(path[level] == before)
  }

  @Test("D that must be set on a walk that is not coherent ends it, though A is set")
  func dirtyNotCoherent() throws {
    let path = try TablePath(VTdSecondStage(levels: 4, accessedDirty: true, coherent: false))
    for level in 1...4 as ClosedRange<UInt8> { path[level] |= Bits.accessed }
    #expect(path.walk(.read).status == .translated)
    #expect(path.walk(.write).status == .updateNotCoherent)
  }

  @Test("Lacking permission is reported rather than an update that could not be made")
  func permissionBeforeUpdate() throws {
    let path = try TablePath(VTdSecondStage(levels: 4, accessedDirty: true, coherent: false))
    for level in 2...4 as ClosedRange<UInt8> { path[level] |= Bits.accessed }
    path[1] = TablePath.page.rawValue | Bits.read
    #expect(path.walk(.write).status == .permission)
  }

  // MARK: Races

  @Test("An update that memory refuses ends the walk", arguments: UInt8(1)...4)
  func aborted(level: UInt8) throws {
    let path = try TablePath(Self.updating)
    let place = path.place(level)
    var probe = RecordingProbe { _, address in if address == place { path.physical.removeFrame(place) } }
    let walk = path.walk(WalkDemand(.write), probe: &probe)
    #expect(walk.status == .updateFailed)
    #expect(walk.level == level)
    #expect(walk.entryAddress == place)
  }

  @Test("If somebody else sets the flag first, the entry is read again and nothing is lost", arguments: UInt8(1)...4)
  func sameFlag(level: UInt8) throws {
    let path = try TablePath(Self.updating)
    var probe = RecordingProbe { _, address in if address == path.place(level) { path[level] |= Bits.accessed } }
    let walk = path.walk(WalkDemand(.read), probe: &probe)
    #expect(walk.status == .translated)
    #expect(walk.page == TablePath.page)
    #expect(flags(path) == ["A", "A", "A", "A"])
    let reads = probe.events.filter { $0 == .read(path.place(level), level: level) }
    #expect(reads.count == 2)
  }

  @Test("A lost race keeps the flag that the other has set and sets the one still missing")
  func otherFlag() throws {
    let path = try TablePath(Self.updating)
    var probe = RecordingProbe { number, _ in if number == 3 { path[1] |= Bits.accessed | 1 << 52 } }
    #expect(path.walk(WalkDemand(.write), probe: &probe).status == .translated)
    #expect(path[1] == TablePath.page.rawValue | 3 | Bits.accessed | Bits.dirty | 1 << 52)
    #expect(
      probe.events.suffix(4) == [
        .read(path.place(1), level: 1), .update(path.place(1), level: 1), .read(path.place(1), level: 1), .update(path.place(1), level: 1),
      ])
  }

  /// What an entry becomes while its flag is about to be set, and how the walk must end.
  static let changes: [(entry: UInt64, status: WalkStatus)] = [
    (0, .notPresent), (0x7777_7003 | 1 << 62, .malformed), (0xFEE0_0003, .forbiddenOutput), (0x7777_7001, .permission),
  ]

  @Test("A lost race for a leaf evaluates what stands there now, and leaves it as it is", arguments: changes.indices)
  func changedLeaf(index: Int) throws {
    let path = try TablePath(Self.updating)
    var probe = RecordingProbe { number, _ in if number == 3 { path[1] = Self.changes[index].entry } }
    #expect(path.walk(WalkDemand(.write), probe: &probe).status == Self.changes[index].status)
    #expect(path[1] == Self.changes[index].entry)
  }

  @Test("A lost race for a leaf that has moved gives the new page")
  func movedLeaf() throws {
    let path = try TablePath(Self.updating)
    var probe = RecordingProbe { number, _ in if number == 3 { path[1] = 0x5555_5003 } }
    let walk = path.walk(WalkDemand(.write), probe: &probe)
    #expect(walk.page == PhysicalAddress(0x5555_5000))
    #expect(path[1] == 0x5555_5003 | Bits.accessed | Bits.dirty)
  }

  @Test("A lost race for a table entry forgets the rights that the old one left")
  func changedTable() throws {
    let path = try TablePath(Self.updating)
    path[3] = TablePath.table(2).rawValue | Bits.read
    var probe = RecordingProbe { _, address in
      if address == path.place(3), path[3] & Bits.write == 0 { path[3] = TablePath.table(2).rawValue | 3 }
    }
    let walk = path.walk(WalkDemand(.write), probe: &probe)
    #expect(walk.status == .translated)
    #expect(walk.rights == .all)
  }

  @Test("A table entry that turns into a leaf under the walk ends it there")
  func tableBecomesLeaf() throws {
    let path = try TablePath(Self.updating)
    var probe = RecordingProbe { _, address in if address == path.place(2) { path[2] = 0x4000_0003 | Bits.pageSize | Bits.accessed } }
    let walk = path.walk(WalkDemand(.read), probe: &probe)
    #expect(walk.status == .translated)
    #expect(walk.level == 2)
    #expect(walk.page == PhysicalAddress(0x4000_0000))
  }
}
