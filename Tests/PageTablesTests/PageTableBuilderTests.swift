import Hardware
import Testing

@testable import PageTables

/// Tables of their own memory, with a walk that goes through the walker.
struct TableFixture {
  let physical: PhysicalMemory
  let tables: TableMemory
  let builder: PageTableBuilder<VTdSecondStage>

  init(levels: UInt8 = 4, features: VTdSecondStage.Features = .init(), frames: UInt64 = 4096) throws {
    let region = MemoryRegion(start: PhysicalAddress(0x1000), length: frames << 12)
    physical = try PhysicalMemory(regions: [region])
    tables = TableMemory(region, in: physical.view)
    builder = try PageTableBuilder(VTdSecondStage(levels: levels, features: features), in: tables)
  }

  func walk(_ address: UInt64, _ kind: AccessKind = .read) -> Walk<PhysicalAddress> {
    var probe = NoProbe()
    return Walker.walk(
      builder.format, from: WalkStart(table: builder.root, level: builder.format.rootLevel), for: IOVirtualAddress(address),
      demand: WalkDemand(kind), in: physical.view, probe: &probe)
  }
}

@Suite struct PageTableBuilderTests {
  @Test("A range is mapped with the largest pages that alignment and length allow")
  func largestPages() throws {
    let fixture = try TableFixture()
    let start: UInt64 = 0x3FFF_F000
    try fixture.builder.map(
      IOVirtualAddress(start), to: PhysicalAddress(start), length: 0x1000 + (1 << 30) + (1 << 21) + 0x1000, permissions: .readWrite)
    #expect(fixture.walk(0x3FFF_F123).level == 1)
    #expect(fixture.walk(0x4000_0000).level == 3)
    #expect(fixture.walk(0x7FFF_FFFF).level == 3)
    #expect(fixture.walk(0x8000_0000).level == 2)
    #expect(fixture.walk(0x8020_0000).level == 1)
    #expect(fixture.walk(0x8020_1000).status == .notPresent)
  }

  @Test("No page is larger than the caller allows", arguments: [(UInt8(12), UInt8(1)), (21, 2), (30, 3)])
  func chosenSize(sizeLog2: UInt8, level: UInt8) throws {
    let fixture = try TableFixture()
    try fixture.builder.map(
      IOVirtualAddress(0), to: PhysicalAddress(0), length: 1 << 30, permissions: .readWrite, largestPageLog2: sizeLog2)
    #expect(fixture.walk(0x1234_5678).level == level)
    #expect(fixture.walk(0x1234_5678).page.rawValue == (0x1234_5678 >> UInt64(sizeLog2)) << UInt64(sizeLog2))
  }

  @Test("Mapping over something fails and leaves the tables as they were")
  func atomicity() throws {
    let fixture = try TableFixture()
    try fixture.builder.map(IOVirtualAddress(0x40_2000), to: PhysicalAddress(0), length: 0x1000, permissions: .read)
    let before = fixture.tables.allocatedBytes
    #expect(throws: PageTableError.alreadyMapped(0x40_2000)) {
      try fixture.builder.map(IOVirtualAddress(0), to: PhysicalAddress(0), length: 0x50_0000, permissions: .readWrite)
    }
    #expect(fixture.tables.allocatedBytes == before)
    #expect(fixture.walk(0).status == .notPresent)
    #expect(fixture.walk(0x40_1000).status == .notPresent)
    #expect(fixture.walk(0x40_2000).status == .translated)
  }

  @Test("Unmapping tells the bytes, detaches emptied tables and keeps the others")
  func unmapFrees() throws {
    let fixture = try TableFixture()
    try fixture.builder.map(IOVirtualAddress(0x1000), to: PhysicalAddress(0x5000), length: 0x3000, permissions: .readWrite)
    var freed: [PhysicalAddress] = []
    #expect(try fixture.builder.unmap(IOVirtualAddress(0x1000), length: 0x1000, freed: &freed) == 0x1000)
    #expect(freed.isEmpty)
    #expect(fixture.walk(0x2000).page == PhysicalAddress(0x6000))
    #expect(try fixture.builder.unmap(IOVirtualAddress(0), length: 1 << 39, freed: &freed) == 0x2000)
    #expect(freed.count == 3)
    #expect(fixture.physical.view.read64(fixture.builder.root) == 0)
  }

  @Test("Unmapping part of a large page splits it and keeps the rest with its rights and bits")
  func split() throws {
    let fixture = try TableFixture()
    try fixture.builder.map(
      IOVirtualAddress(0), to: PhysicalAddress(1 << 30), length: 1 << 30, permissions: .write,
      leafBits: VTdSecondStage.EntryBits.snoop)
    var freed: [PhysicalAddress] = []
    #expect(try fixture.builder.unmap(IOVirtualAddress(0x20_3000), length: 0x1000, freed: &freed) == 0x1000)
    #expect(fixture.walk(0x20_3000, .write).status == .notPresent)
    let neighbour = fixture.walk(0x20_4000, .write)
    #expect(neighbour.status == .translated)
    #expect(neighbour.level == 1)
    #expect(neighbour.entry == (1 << 30) + 0x20_4802)
    #expect(fixture.walk(0x40_0000, .write).level == 2)
    #expect(fixture.walk(0x40_0000, .read).status == .permission)
  }

  @Test(
    "A request that cannot be mapped is refused",
    arguments: [
      (0x800, 0x1000, PageTableError.misaligned(0x800)), (0x1000, 0x800, .misaligned(0x800)), (0x1000, 0, .outOfRange(0x1000)),
      (1 << 48, 0x1000, .outOfRange(1 << 48)), ((1 << 48) - 0x1000, 0x2000, .outOfRange((1 << 48) - 0x1000)),
      (0xFFFF_FFFF_FFFF_F000, 0x2000, .outOfRange(0xFFFF_FFFF_FFFF_F000)),
    ] as [(UInt64, UInt64, PageTableError)])
  func refused(input: UInt64, length: UInt64, error: PageTableError) throws {
    let fixture = try TableFixture()
    #expect(throws: error) {
      try fixture.builder.map(IOVirtualAddress(input), to: PhysicalAddress(0), length: length, permissions: .readWrite)
    }
  }

  @Test("When tables run out, what was mapped is taken back")
  func exhaustion() throws {
    let fixture = try TableFixture(frames: 5)
    let before = fixture.tables.allocatedBytes
    #expect(throws: PageTableError.outOfTables) {
      try fixture.builder.map(
        IOVirtualAddress(0), to: PhysicalAddress(0), length: 0x60_0000, permissions: .readWrite, largestPageLog2: 12)
    }
    #expect(fixture.walk(0).status == .notPresent)
    #expect(fixture.tables.allocatedBytes == before)
    try fixture.builder.map(IOVirtualAddress(0), to: PhysicalAddress(0), length: 0x1000, permissions: .readWrite)
    #expect(fixture.walk(0).status == .translated)
  }

  @Test("Random maps and unmaps agree with a list of pages", arguments: 0..<20)
  func random(seed: UInt64) throws {
    let fixture = try TableFixture(levels: 3)
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    func next() -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state
    }
    var pages: [UInt64: UInt64] = [:]
    var freed: [PhysicalAddress] = []
    for _ in 0..<300 {
      let page = next() % 2048
      let count = next() % 700 + 1
      let target = next() % 4096
      if next() % 3 == 0 {
        let bytes = try fixture.builder.unmap(IOVirtualAddress(page << 12), length: count << 12, freed: &freed)
        var expected: UInt64 = 0
        for index in page..<page + count where pages.removeValue(forKey: index) != nil { expected += 4096 }
        #expect(bytes == expected)
      } else {
        let clear = (page..<page + count).allSatisfy { pages[$0] == nil }
        do {
          try fixture.builder.map(
            IOVirtualAddress(page << 12), to: PhysicalAddress(target << 12), length: count << 12, permissions: .readWrite)
          #expect(clear)
          for index in 0..<count { pages[page + index] = target + index }
        } catch {
          #expect(!clear)
        }
      }
      for table in freed { fixture.tables.deallocate(table) }
      freed.removeAll()
    }
    for page in 0..<UInt64(2048 + 700) {
      let walk = fixture.walk(page << 12)
      #expect((walk.status == .translated) == (pages[page] != nil))
      if let target = pages[page] {
        #expect(walk.page.advanced(by: (page << 12) & ((1 << UInt64(3 + 9 * walk.level)) - 1)).rawValue == target << 12)
      }
    }
  }
}
