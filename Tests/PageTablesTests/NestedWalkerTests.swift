import Hardware
import PageTables
import Testing

@Suite struct NestedWalkerTests {
  typealias First = X86FirstStage.EntryBits
  typealias Second = VTdSecondStage.EntryBits

  // MARK: Reads

  @Test("n levels over m take (n + 1)(m + 1) - 1 reads", arguments: [4, 5] as [UInt8], [3, 4, 5] as [UInt8])
  func reads(n: UInt8, m: UInt8) throws {
    let tables = try NestedTables(X86FirstStage(levels: n), over: VTdSecondStage(levels: m))
    #expect(tables.reads() == (Int(n) + 1) * (Int(m) + 1) - 1)
  }

  @Test("4 on 4 levels take 24 reads, 19 with a leaf of 2 MiB, 14 with one of 1 GiB", arguments: [(12, 24), (21, 19), (30, 14)])
  func largeFirstPages(sizeLog2: UInt8, reads: Int) throws {
    #expect(try NestedTables(firstPageLog2: sizeLog2).reads() == reads)
  }

  @Test("A large page of the second stage saves reads for the page only", arguments: [(12, 24), (21, 23), (30, 22)])
  func largeSecondPages(sizeLog2: UInt8, reads: Int) throws {
    #expect(try NestedTables(secondPageLog2: sizeLog2).reads() == reads)
  }

  // MARK: Result

  @Test("The page is the smaller of both stages' pages", arguments: [12, 21, 30] as [UInt8], [12, 21, 30] as [UInt8])
  func pageSize(firstLog2: UInt8, secondLog2: UInt8) throws {
    let walk = try NestedTables(firstPageLog2: firstLog2, secondPageLog2: secondLog2).walk()
    #expect(walk.status == .translated)
    #expect(walk.sizeLog2 == min(firstLog2, secondLog2))
    let output = NestedTables.page.alignedDown(secondLog2).advanced(by: NestedTables.guestPage.pageOffset(secondLog2))
    #expect(walk.page == output.alignedDown(walk.sizeLog2))
  }

  @Test("Rights are those that both stages leave", arguments: UInt64(0)...3, UInt64(1)...3)
  func rights(firstBits: UInt64, secondBits: UInt64) throws {
    let tables = try NestedTables()
    tables[first: 2] = tables[first: 2] & ~6 | firstBits << 1
    tables[second: 1, NestedTables.guestPage] = tables[second: 1, NestedTables.guestPage] & ~3 | secondBits
    var probe = RecordingProbe()
    let walk = tables.walk(WalkDemand(rights: [], dirty: .leave), probe: &probe)
    #expect(walk.status == .translated || secondBits == 2 && firstBits & 1 == 0)
    let expected = tables.first.format.rights(firstBits << 1, level: 2)
      .intersection(tables.second.format.rights(secondBits, level: 1))
    #expect(walk.rights == expected)
  }

  @Test("A clean leaf of the first stage is told, and of the second if it keeps flags")
  func dirt() throws {
    let tables = try NestedTables()
    #expect(!tables.walk().needsDirtyUpdate)
    tables[first: 1] &= ~First.dirty
    #expect(tables.walk().needsDirtyUpdate)
    #expect(!tables.walk(.write).needsDirtyUpdate)
    let keeping = try NestedTables(over: VTdSecondStage(levels: 4, accessedDirty: true))
    #expect(keeping.walk().needsDirtyUpdate)
    #expect(!keeping.walk(.write).needsDirtyUpdate)
  }

  @Test("SNP of the second stage's leaf forces snooping, that of a table's page does not")
  func snoop() throws {
    let tables = try NestedTables()
    tables[second: 1, tables.table(1)] |= Second.snoop
    #expect(!tables.walk().forcesSnoop)
    tables[second: 1, NestedTables.guestPage] |= Second.snoop
    #expect(tables.walk().forcesSnoop)
  }

  @Test("A guest page in the interrupt range is no interrupt; only the physical address counts")
  func interruptRange() throws {
    let tables = try NestedTables()
    let guest = GuestPhysicalAddress(0xFEE0_1000)
    tables[first: 1] = tables[first: 1] & ~First.address | guest.rawValue
    try tables.second.map(guest, to: NestedTables.page, length: 4096, permissions: .readWrite)
    #expect(tables.walk().page == NestedTables.page)
    tables[second: 1, guest] = 0xFEE0_1003
    #expect(tables.failure() == WalkFailure(status: .forbiddenOutput, stage: .second, isTopEntry: false, rights: .all))
  }

  // MARK: What a cache knows

  @Test("With its first-stage tables known, a walk reads each entry and walks the second stage for the page alone")
  func knownTables() throws {
    let tables = try NestedTables()
    var probe = RecordingProbe()
    for level in 1...4 as ClosedRange<UInt8> {
      probe.knownTables[tables.table(level).pageNumber(12)] = TableTranslation(
        page: tables.place(first: level).alignedDown(12), sizeLog2: 12, rights: .all, needsDirtyUpdate: false)
    }
    #expect(tables.walk(WalkDemand(.read), probe: &probe).page == NestedTables.page)
    #expect(probe.reads == 8)
    #expect(probe.secondStageWalks.map(\.level) == [0])
  }

  @Test("A walk from the middle reads nothing above and keeps the rights it starts with", arguments: UInt8(1)...3)
  func middle(level: UInt8) throws {
    let tables = try NestedTables()
    var probe = RecordingProbe()
    let readOnly = AccessRights(both: .read)
    let start = WalkStart(table: tables.table(level), level: level, rights: readOnly)
    let walk = tables.walk(WalkDemand(.read), from: start, probe: &probe)
    #expect(walk.page == NestedTables.page)
    #expect(walk.rights == readOnly)
    #expect(probe.reads == (Int(level) + 1) * 5 - 1)
  }

  @Test("Each walk of the second stage begins where a cache says")
  func secondStageStart() throws {
    let tables = try NestedTables()
    var probe = RecordingProbe()
    let table = tables.place(second: 1, for: tables.guestPlace(3)).alignedDown(12)
    probe.secondStageStarts[tables.table(3).pageNumber(12)] = WalkStart(table: table, level: 1)
    #expect(tables.walk(WalkDemand(.read), probe: &probe).page == NestedTables.page)
    #expect(probe.reads == 21)
  }

  @Test("The probe hears what the second stage was walked for, and what it found for tables")
  func heard() throws {
    let tables = try NestedTables(over: VTdSecondStage(levels: 4, accessedDirty: true))
    var probe = RecordingProbe()
    _ = tables.walk(WalkDemand(.read), probe: &probe)
    #expect(probe.secondStageWalks.map(\.level) == [4, 3, 2, 1, 0])
    #expect(probe.secondStageWalks.prefix(4).map(\.address) == [4, 3, 2, 1].map { tables.guestPlace($0) })
    for (_, level, found) in probe.secondStageWalks.prefix(4) {
      #expect(found?.page == tables.place(first: level).alignedDown(12))
      #expect(found?.needsDirtyUpdate == true)
      #expect(found?.rights == .all)
    }
    #expect(probe.secondStageWalks.last?.found == nil)
  }

  @Test("A known table that lacks a right that reading it takes is looked up anew")
  func knownTableWithoutRights() throws {
    let tables = try NestedTables()
    var probe = RecordingProbe()
    probe.knownTables[tables.table(1).pageNumber(12)] = TableTranslation(
      page: PhysicalAddress(0), sizeLog2: 12, rights: AccessRights(both: .write), needsDirtyUpdate: false)
    #expect(tables.walk(WalkDemand(.read), probe: &probe).page == NestedTables.page)
    #expect(probe.reads == 24)
  }
}
