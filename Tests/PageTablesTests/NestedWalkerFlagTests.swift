import Hardware
import PageTables
import Testing

/// Accessed and dirty flags of both stages (VT-d rev 5.10 sections 3.6.2, 3.7.2 and 3.8.1).
@Suite struct NestedWalkerFlagTests {
  typealias First = X86FirstStage.EntryBits
  typealias Second = VTdSecondStage.EntryBits
  static let keeping = VTdSecondStage(levels: 4, accessedDirty: true)

  /// A, E and D of each first-stage entry, from the root down.
  func flags(_ tables: NestedTables) -> [String] {
    tables.firstLevels.map { level in
      let entry = tables[first: level]
      return (entry & First.accessed != 0 ? "A" : "") + (entry & First.extendedAccessed != 0 ? "E" : "")
        + (entry & First.dirty != 0 ? "D" : "")
    }
  }

  /// A and D of the second stage's leaf for a guest page.
  func leafFlags(_ tables: NestedTables, _ address: GuestPhysicalAddress) -> String {
    let entry = tables[second: 1, address]
    return (entry & Second.accessed != 0 ? "A" : "") + (entry & Second.dirty != 0 ? "D" : "")
  }

  @Test("A is set in every first-stage entry used, D in the leaf that is written, EA if it is kept")
  func firstStage() throws {
    let tables = try NestedTables(presetsFlags: false)
    _ = tables.walk(.read)
    #expect(flags(tables) == ["A", "A", "A", "A"])
    _ = tables.walk(.write)
    #expect(flags(tables) == ["A", "A", "A", "AD"])
    let extended = try NestedTables(X86FirstStage(levels: 4, extendedAccessed: true), presetsFlags: false)
    _ = extended.walk(.atomic)
    #expect(flags(extended) == ["AE", "AE", "AE", "AED"])
  }

  @Test("A and EA, and D, of an entry are set by one update")
  func oneUpdate() throws {
    let tables = try NestedTables(X86FirstStage(levels: 4, extendedAccessed: true), presetsFlags: false)
    var probe = RecordingProbe()
    _ = tables.walk(WalkDemand(.write), probe: &probe)
    let updates = probe.events.filter { if case .update = $0 { true } else { false } }
    #expect(updates == [4, 3, 2, 1].map { .update(tables.place(first: $0), level: $0) })
  }

  @Test("Reading a first-stage table sets A of the second stage; D only comes with a flag that is set in it")
  func tablePages() throws {
    let tables = try NestedTables(over: Self.keeping)
    _ = tables.walk(.read)
    for level in tables.firstLevels { #expect(leafFlags(tables, tables.table(level)) == "A") }
    tables[first: 2] &= ~First.accessed
    _ = tables.walk(.read)
    for level in tables.firstLevels { #expect(leafFlags(tables, tables.table(level)) == (level == 2 ? "AD" : "A")) }
  }

  @Test("If reads of first-stage tables count as writes, they set D")
  func tableReadsAreWrites() throws {
    let tables = try NestedTables(over: Self.keeping, rules: .tableReadsSetDirty)
    _ = tables.walk(.read)
    for level in tables.firstLevels { #expect(leafFlags(tables, tables.table(level)) == "AD") }
    #expect(leafFlags(tables, NestedTables.guestPage) == "A")
  }

  @Test("The second stage's leaf for the page is marked like that of a single stage")
  func page() throws {
    let tables = try NestedTables(over: Self.keeping)
    _ = tables.walk(.read)
    #expect(leafFlags(tables, NestedTables.guestPage) == "A")
    _ = tables.walk(.write)
    #expect(leafFlags(tables, NestedTables.guestPage) == "AD")
  }

  @Test("A write that the second stage denies marks no leaf, but what was used on the way")
  func deniedBySecond() throws {
    let tables = try NestedTables(over: Self.keeping, presetsFlags: false)
    tables[second: 1, NestedTables.guestPage] &= ~Second.write
    #expect(tables.walk(.write).status == .permission)
    #expect(flags(tables) == ["A", "A", "A", ""])
    #expect(leafFlags(tables, NestedTables.guestPage) == "")
  }

  @Test("A write that the first stage denies marks no leaf")
  func deniedByFirst() throws {
    let tables = try NestedTables(over: Self.keeping, presetsFlags: false)
    tables[first: 1] &= ~First.write
    #expect(tables.walk(.write).status == .permission)
    #expect(flags(tables) == ["A", "A", "A", ""])
    #expect(leafFlags(tables, NestedTables.guestPage) == "")
  }

  @Test("A flag that cannot be set in the leaf's table leaves the page unmarked")
  func leafTableNotWritable() throws {
    let tables = try NestedTables(over: Self.keeping)
    tables[first: 1] &= ~First.dirty
    tables.physical.view.write64(
      tables.place(second: 1, for: tables.table(1)), tables[second: 1, tables.table(1)] & ~Second.write)
    var stage = tables
    stage.stage.keepsFlags = false
    #expect(stage.walk(.write).status == .tableNotWritable)
    #expect(leafFlags(tables, NestedTables.guestPage) == "")
  }

  @Test("A translation request for writing sets D if both stages let it write", arguments: [true, false], [true, false])
  func translationRequest(first: Bool, second: Bool) throws {
    let tables = try NestedTables(over: Self.keeping, presetsFlags: false)
    if !first { tables[first: 3] &= ~First.write }
    if !second { tables[second: 2, NestedTables.guestPage] &= ~Second.write }
    var probe = RecordingProbe()
    #expect(tables.walk(WalkDemand(rights: [], dirty: .setIfWritable), probe: &probe).status == .translated)
    #expect(flags(tables) == ["A", "A", "A", first && second ? "AD" : "A"])
    #expect(leafFlags(tables, NestedTables.guestPage) == (first && second ? "AD" : "A"))
  }

  // MARK: Races

  @Test("If somebody else sets the flag first, the entry is evaluated anew and nothing is lost", arguments: UInt8(1)...4)
  func sameFlag(level: UInt8) throws {
    let tables = try NestedTables(presetsFlags: false)
    var probe = RecordingProbe { _, address in
      if address == tables.place(first: level) { tables[first: level] |= First.accessed | 1 << 52 }
    }
    let walk = tables.walk(WalkDemand(.write), probe: &probe)
    #expect(walk.status == .translated)
    #expect(walk.page == NestedTables.page)
    #expect(flags(tables) == ["A", "A", "A", "AD"])
    #expect(tables[first: level][bit: 52])
  }

  @Test("A lost race for a leaf gives what stands there now")
  func movedLeaf() throws {
    let tables = try NestedTables(presetsFlags: false)
    let other = GuestPhysicalAddress(0x6_6666_6000)
    try tables.second.map(other, to: PhysicalAddress(0x4_4444_4000), length: 4096, permissions: .readWrite)
    var probe = RecordingProbe { number, _ in if number == 3 { tables[first: 1] = other.rawValue | 7 } }
    let walk = tables.walk(WalkDemand(.write), probe: &probe)
    #expect(walk.page == PhysicalAddress(0x4_4444_4000))
    #expect(tables[first: 1] == other.rawValue | 7 | First.accessed | First.dirty)
  }

  /// What a first-stage leaf becomes while its flag is about to be set, and how the walk must end.
  static let changes: [(entry: UInt64, status: WalkStatus)] = [
    (0, .notPresent), (NestedTables.guestPage.rawValue | 5, .permission), (1 << 39 | 7, .tableBeyondSecondStage),
  ]

  @Test("A lost race for a leaf leaves what has become of it as it is if the walk now fails", arguments: changes.indices)
  func changedLeaf(index: Int) throws {
    let tables = try NestedTables(presetsFlags: false)
    var probe = RecordingProbe { number, _ in if number == 3 { tables[first: 1] = Self.changes[index].entry } }
    #expect(tables.walk(WalkDemand(.write), probe: &probe).status == Self.changes[index].status)
    #expect(tables[first: 1] == Self.changes[index].entry)
  }
}
