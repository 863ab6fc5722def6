import Hardware
import PageTables
import Testing

/// Every way in which a nested walk fails, with what names the fault (VT-d rev 5.10 table 30, SFS and SSS).
@Suite struct NestedWalkerFailureTests {
  typealias First = X86FirstStage.EntryBits
  typealias Second = VTdSecondStage.EntryBits

  // MARK: First stage

  @Test("A first-stage entry that is not present ends the walk (71h)", arguments: UInt8(1)...4)
  func notPresent(level: UInt8) throws {
    let tables = try NestedTables()
    tables[first: level] = ~1
    let failure = tables.failure()
    #expect(failure.status == .notPresent && failure.stage == .first && failure.isTopEntry == (level == 4))
  }

  @Test("A reserved bit of a first-stage entry ends the walk (72h)", arguments: UInt8(1)...4)
  func malformed(level: UInt8) throws {
    let tables = try NestedTables(X86FirstStage(levels: 4, features: .init(hostAddressWidth: 46)))
    tables[first: level] |= 1 << 46
    let failure = tables.failure()
    #expect(failure.status == .malformed && failure.stage == .first)
  }

  @Test("A first-stage table where nothing is backed ends the walk (73h for the top one, else 70h)", arguments: UInt8(1)...4)
  func accessError(level: UInt8) throws {
    let tables = try NestedTables()
    tables[second: 1, tables.table(level)] = 1 << 40 | 3
    let failure = tables.failure()
    #expect(failure.status == .accessError && failure.stage == .first && failure.isTopEntry == (level == 4))
  }

  @Test("An address in any first-stage entry beyond what the second stage translates ends the walk (74h)", arguments: UInt8(1)...4)
  func beyondSecondStage(level: UInt8) throws {
    let tables = try NestedTables(addressWidth: 39)
    tables[first: level] |= 1 << 39
    for accessed in [First.accessed, 0] {
      tables[first: level] = tables[first: level] & ~First.accessed | accessed
      let walk = tables.walk()
      #expect(walk.status == .tableBeyondSecondStage && walk.stage == .first && walk.first.level == level)
      // The entry that holds the address gets no flag.
      #expect(tables[first: level] & First.accessed == accessed)
    }
  }

  @Test("The last address that the second stage translates is good", arguments: [(36, true), (35, false)] as [(UInt8, Bool)])
  func lastAddress(width: UInt8, isBeyond: Bool) throws {
    // Tables lie at 2^36 and above.
    let tables = try NestedTables(addressWidth: width)
    #expect(tables.failure().status == .tableBeyondSecondStage)
    #expect(try NestedTables(addressWidth: 37).walk().status == .translated)
  }

  /// Bits R/W and U/S of the first stage's leaf, the request, and whether it passes.
  static let permissions: [(bits: UInt64, kind: AccessKind, privileged: Bool, passes: Bool)] = [
    (0, .read, false, false), (0, .read, true, true), (2, .read, false, false), (4, .read, false, true), (4, .write, false, false),
    (4, .write, true, false), (2, .write, true, true), (6, .write, false, true), (4, .atomic, false, false), (6, .atomic, false, true),
  ]

  @Test("What the first stage does not permit ends the walk there (81h, 85h)", arguments: permissions.indices, UInt8(1)...4)
  func permission(index: Int, level: UInt8) throws {
    let (bits, kind, privileged, passes) = Self.permissions[index]
    let tables = try NestedTables()
    tables[first: level] = tables[first: level] & ~6 | bits
    let failure = tables.failure(kind, privileged: privileged)
    #expect(failure.status == (passes ? .translated : .permission))
    if !passes { #expect(failure.stage == .first) }
  }

  @Test("Without WPE, a privileged request writes what R/W denies others")
  func writeProtect() throws {
    let tables = try NestedTables(X86FirstStage(levels: 4, writeProtect: false))
    tables[first: 2] &= ~First.write
    #expect(tables.walk(.write, privileged: true).status == .translated)
    #expect(tables.walk(.write).status == .permission)
  }

  @Test("A first-stage flag that must be set on a walk that is not coherent ends it (90h)", arguments: UInt8(1)...4)
  func notCoherent(level: UInt8) throws {
    let tables = try NestedTables(X86FirstStage(levels: 4, coherent: false))
    #expect(tables.walk(.write).status == .translated)
    tables[first: level] &= ~First.accessed
    let failure = tables.failure()
    #expect(failure.status == .updateNotCoherent && failure.stage == .first)
  }

  @Test("An update that memory refuses ends the walk (91h)", arguments: UInt8(1)...4)
  func updateFailed(level: UInt8) throws {
    let tables = try NestedTables(presetsFlags: false)
    // The table gets a frame of its own, which can be taken away under the walk.
    let frame = PhysicalAddress(1 << 40)
    tables.physical.addFrame(frame)
    let entry = tables[first: level]
    tables[second: 1, tables.table(level)] = frame.rawValue | 3
    let place = frame.advanced(by: tables.first.format.entryOffset(NestedTables.input, level: level))
    tables.physical.view.write64(place, entry)
    var probe = RecordingProbe { _, address in if address == place { tables.physical.removeFrame(frame) } }
    let walk = tables.walk(WalkDemand(.read), probe: &probe)
    #expect(walk.status == .updateFailed && walk.stage == .first && walk.first.level == level)
  }

  // MARK: The second stage for a table

  @Test("No right to read a first-stage table ends the walk (75h for the top one, else 76h)", arguments: UInt8(1)...4)
  func tableNotReadable(level: UInt8) throws {
    let tables = try NestedTables()
    tables[second: 1, tables.table(level)] &= ~Second.read
    let failure = tables.failure()
    #expect(failure.status == .tableNotReadable && failure.stage == .secondForTable && failure.isTopEntry == (level == 4))
  }

  @Test("No right to write a first-stage table ends the walk where a flag must be set (77h)", arguments: UInt8(1)...4)
  func tableNotWritable(level: UInt8) throws {
    let tables = try NestedTables()
    tables[second: 1, tables.table(level)] &= ~Second.write
    #expect(tables.walk(.write).status == .translated)
    tables[first: level] &= ~First.accessed
    let failure = tables.failure()
    #expect(failure.status == .tableNotWritable && failure.stage == .secondForTable)
  }

  @Test("With second-stage flags kept, a first-stage table must be writable even to be read", arguments: UInt8(1)...4)
  func tableMustBeWritable(level: UInt8) throws {
    let tables = try NestedTables(over: VTdSecondStage(levels: 4, accessedDirty: true))
    tables[second: 1, tables.table(level)] &= ~Second.write
    let failure = tables.failure()
    #expect(failure.status == .tableNotReadable && failure.isTopEntry == (level == 4))
    let strict = try NestedTables(over: VTdSecondStage(levels: 4, accessedDirty: true), rules: .reportsUnwritableTables)
    strict[second: 1, strict.table(level)] &= ~Second.write
    #expect(strict.failure().status == .tableNotWritable)
    strict[second: 1, strict.table(level)] = strict[second: 1, strict.table(level)] & ~3 | Second.write
    #expect(strict.failure().status == .tableNotReadable)
  }

  /// What is done to the second stage's entry for a table, and what becomes of the walk.
  static let tableFailures: [(name: String, clear: UInt64, set: UInt64, status: WalkStatus)] = [
    ("not present", 3, 0, .notPresent), ("reserved bit", 0, 1 << 62, .malformed),
    ("interrupt range", Second.address, 0xFEE0_0000, .forbiddenOutput),
  ]

  @Test("Whatever else is wrong with the second stage of a table is its own fault", arguments: tableFailures.indices, UInt8(1)...4)
  func tableFailure(index: Int, level: UInt8) throws {
    let (_, clear, set, status) = Self.tableFailures[index]
    let tables = try NestedTables()
    tables[second: 1, tables.table(level)] = tables[second: 1, tables.table(level)] & ~clear | set
    let failure = tables.failure()
    #expect(failure.status == status && failure.stage == .secondForTable && !failure.isTopEntry)
  }

  @Test("A second-stage table where nothing is backed ends the walk (7Bh for the top one, else 78h)", arguments: UInt8(2)...4)
  func secondStageAccess(level: UInt8) throws {
    let tables = try NestedTables()
    tables[second: level, tables.table(4)] = 1 << 40 | 3
    let failure = tables.failure()
    #expect(failure.status == .accessError && failure.stage == .secondForTable && !failure.isTopEntry)
    var other = tables
    other.stage.root.table = PhysicalAddress(1 << 40)
    #expect(other.failure().isTopEntry)
  }

  @Test("A second-stage flag that must be set for a table on a walk that is not coherent ends it (7Ch)")
  func secondStageNotCoherent() throws {
    let tables = try NestedTables(over: VTdSecondStage(levels: 4, accessedDirty: true, coherent: false))
    let failure = tables.failure()
    #expect(failure.status == .updateNotCoherent && failure.stage == .secondForTable && failure.isTopEntry)
  }

  // MARK: The second stage for the page

  @Test("What the second stage lacks for the page is its own fault", arguments: tableFailures.indices)
  func pageFailure(index: Int) throws {
    let (_, clear, set, status) = Self.tableFailures[index]
    let tables = try NestedTables()
    tables[second: 1, NestedTables.guestPage] = tables[second: 1, NestedTables.guestPage] & ~clear | set
    let failure = tables.failure()
    #expect(failure.status == status && failure.stage == .second)
  }

  @Test(
    "A right that the second stage denies the page is missing (85h, 86h), and what both leave is told",
    arguments: [(AccessKind.read, 2), (.write, 1), (.atomic, 1), (.atomic, 2)] as [(AccessKind, UInt64)])
  func pagePermission(kind: AccessKind, bits: UInt64) throws {
    let tables = try NestedTables()
    tables[second: 1, NestedTables.guestPage] = NestedTables.page.rawValue | bits
    let failure = tables.failure(kind)
    #expect(failure.status == .permission && failure.stage == .second)
    #expect(failure.rights == tables.second.format.rights(bits, level: 1))
  }

  @Test("Levels of the second stage that share no right leave none (79h)")
  func noRights() throws {
    let tables = try NestedTables()
    tables[second: 2, NestedTables.guestPage] &= ~Second.write
    tables[second: 1, NestedTables.guestPage] &= ~Second.read
    let failure = tables.failure()
    #expect(failure.status == .noRights && failure.stage == .second)
  }

  @Test("What the first stage denies is reported before what the second does")
  func firstBeforeSecond() throws {
    let tables = try NestedTables()
    tables[first: 1] &= ~First.write
    tables[second: 1, NestedTables.guestPage] = 0
    #expect(tables.failure(.write).stage == .first)
    #expect(tables.failure(.read).stage == .second)
  }
}
