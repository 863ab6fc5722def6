import Hardware
import PageTables
import Testing

@testable import Translation

@Suite struct StagedPipelineTests {
  static let input: UInt64 = 0x1234_5678_9000
  static let guest: UInt64 = 0x4000_0000
  static let page: UInt64 = 0x7_7777_7000

  /// A pipeline with a run of four pages mapped for each requester.
  func machine(
    levels: UInt8 = 4, accessedDirty: Bool = false, _ change: (inout TranslationParameters) -> Void = { _ in }
  ) throws -> StagedPipeline {
    let machine = try StagedPipeline(levels: levels, accessedDirty: accessedDirty, change)
    for requester in 1...3 as ClosedRange<UInt32> {
      try machine.map(Self.input, to: Self.guest, length: 0x4000, by: requester)
    }
    try machine.back(Self.guest, by: Self.page, length: 0x4000)
    return machine
  }

  @Test(
    "A request goes through the stages of its context, and its page is what they make of it",
    arguments: [(1, input, page, 24), (2, input, page, 24), (3, input, guest, 4), (4, guest, page, 4)] as [(UInt32, UInt64, UInt64, UInt16)]
  )
  func stages(requester: UInt32, input: UInt64, output: UInt64, reads: UInt16) throws {
    let machine = try machine()
    let response = machine.request(input + 0x123, by: requester)
    #expect(response.address.rawValue == output + 0x123)
    #expect(response.memoryReads == reads)
    #expect(response.outcome == .miss)
    let again = machine.request(input + 0x456, by: requester)
    #expect(again.outcome == .hit)
    #expect(again.address.rawValue == output + 0x456)
  }

  /// Which caches there are, and the reads of a second page next to the first one: of both stages, of the first alone.
  static let caches: [(name: String, change: @Sendable (inout TranslationParameters) -> Void, nested: UInt16, first: UInt16)] = [
    ("none", { _ in }, 24, 4),
    ("first", { $0.pagingStructureCaches.first = .init() }, 24, 1),
    // Each walk of the second stage reads its leaf alone.
    ("second", { $0.pagingStructureCaches.second = .init() }, 9, 4),
    // The leaf of the first stage, and four levels for the page.
    ("nested", { $0.pagingStructureCaches.nested = .init() }, 5, 4),
    // The first stage's four entries, and four levels for the page.
    ("tables", { $0.pagingStructureCaches.nestedTables = .unlimited }, 8, 4),
    ("second and nested", { ($0.pagingStructureCaches.second, $0.pagingStructureCaches.nested) = (.init(), .init()) }, 2, 4),
    ("all", { $0.pagingStructureCaches = .init() }, 2, 1),
    (
      "nested above level 3",
      {
        $0.pagingStructureCaches.nested = .init(all: .none)
        $0.pagingStructureCaches.nested.level3 = .unlimited
      }, 10, 4
    ),
  ]

  @Test("A walk reads what the caches don't know", arguments: caches.indices)
  func reads(index: Int) throws {
    let (name, change, nested, first) = Self.caches[index]
    let machine = try machine { change(&$0) }
    #expect(machine.request(Self.input, by: 1).memoryReads == 24)
    #expect(machine.request(Self.input + 0x1000, by: 1).memoryReads == nested, "\(name)")
    #expect(machine.request(Self.input, by: 3).memoryReads == 4)
    #expect(machine.request(Self.input + 0x1000, by: 3).memoryReads == first, "\(name)")
    for requester in 1...3 as ClosedRange<UInt32> {
      let output = requester == 3 ? Self.guest : Self.page
      #expect(machine.request(Self.input + 0x2000, by: requester).address.rawValue == output + 0x2000)
    }
  }

  @Test("Upper-level entries of one address space serve no other, those of the second stage do")
  func tags() throws {
    let machine = try machine { $0.pagingStructureCaches.nested = .init() }
    machine.request(Self.input, by: 1)
    #expect(machine.request(Self.input, by: 2).memoryReads == 24)
    let shared = try self.machine { $0.pagingStructureCaches.second = .init() }
    shared.request(Self.input, by: 1)
    #expect(shared.request(Self.guest + 0x1000, by: 4).memoryReads == 1)
  }

  @Test("Rights that the skipped levels took away stay away", arguments: [1, 3] as [UInt32])
  func rights(requester: UInt32) throws {
    let machine = try machine { $0.pagingStructureCaches = .init() }
    let root = try #require(machine.first[requester]?.root)
    let place = root.advanced(by: X86FirstStage(levels: 4).entryOffset(IOVirtualAddress(Self.input), level: 4))
    machine.physical.view.write64(place, (machine.physical.view.read64(place) ?? 0) & ~X86FirstStage.EntryBits.write)
    #expect(machine.request(Self.input, by: requester).succeeded)
    #expect(!machine.request(Self.input + 0x1000, .write, by: requester).succeeded)
    #expect(machine.request(Self.input + 0x1000, .read, by: requester).succeeded)
  }

  @Test("A clean page serves reads from the cache; the first write walks and marks it", arguments: [1, 3] as [UInt32])
  func dirty(requester: UInt32) throws {
    let machine = try StagedPipeline()
    try machine.map(Self.input, to: Self.guest, by: requester, dirty: false)
    try machine.back(Self.guest, by: Self.page)
    machine.request(Self.input, by: requester)
    #expect(machine.request(Self.input, by: requester).outcome == .hit)
    #expect(machine.request(Self.input, .write, by: requester).outcome == .miss)
    let (entry, _) = machine.first[requester]?.lookup(IOVirtualAddress(Self.input)) ?? (0, 0)
    #expect(entry & X86FirstStage.EntryBits.dirty != 0)
    #expect(machine.request(Self.input, .write, by: requester).outcome == .hit)
  }

  @Test("A page that the second stage has not marked is not written from the cache either")
  func secondStageDirty() throws {
    let machine = try machine(accessedDirty: true)
    machine.request(Self.input)
    #expect(machine.request(Self.input, .write).outcome == .miss)
    #expect(machine.request(Self.input, .write).outcome == .hit)
    let (entry, _) = machine.second.lookup(GuestPhysicalAddress(Self.guest))
    #expect(entry & VTdSecondStage.EntryBits.dirty != 0)
  }

  @Test(
    "A cached translation of both stages is as large as the smaller page", arguments: [12, 21, 30] as [UInt8], [12, 21, 30] as [UInt8])
  func pageSizes(first: UInt8, second: UInt8) throws {
    let machine = try StagedPipeline { $0.pagingStructureCaches = .init() }
    try machine.map(0, to: 1 << 30, length: 1 << UInt64(first))
    for offset in stride(from: 0, to: min(1 << UInt64(first), 4 << UInt64(second)), by: 1 << Int(second)) as StrideTo<UInt64> {
      try machine.back(1 << 30 + offset, by: 8 << 30 + offset, length: 1 << UInt64(second))
    }
    let response = machine.request(0x123)
    #expect(response.pageSizeLog2 == min(first, second))
    #expect(response.address.rawValue == 8 << 30 + 0x123)
    let last = (UInt64(1) << UInt64(min(first, second))) - 1
    #expect(machine.request(last).outcome == .hit)
    #expect(machine.request(last).address.rawValue == 8 << 30 + last)
    if first > second {
      let next = machine.request(last + 1)
      #expect(next.outcome == .miss)
      #expect(next.address.rawValue == 8 << 30 + last + 1)
    }
  }

  @Test("Each look into the caches takes its time, and each read waits for the one before")
  func time() throws {
    let machine = try machine {
      $0.pagingStructureCaches = .init()
      $0.pagingStructureCaches.latency = SimTime(nanoseconds: 10)
      $0.memory.latency = SimTime(nanoseconds: 100)
    }
    // 24 reads, three accessed flags; one look for the first stage's entry, one for each of five walks of the second.
    #expect(machine.request(Self.input).latency.memory == SimTime(nanoseconds: 2760))
    // The nested entry leads to the table, one walk of the second stage remains.
    #expect(machine.request(Self.input + 0x1000, at: 10_000).latency.memory == SimTime(nanoseconds: 220))
  }

  @Test("A failed walk tells whose entry ended it, and fills nothing", arguments: [1, 3, 4] as [UInt32])
  func failures(requester: UInt32) throws {
    let machine = try machine { $0.pagingStructureCaches = .init() }
    let response = machine.request(0x5555_0000_0000, by: requester)
    let stage: UInt16 = requester == 4 ? 0 : 2000
    #expect(response.fault?.code == 1100 + stage + UInt16(WalkStatus.notPresent.rawValue))
    #expect(machine.counters.fills == 0)
    #expect(machine.withPipeline { $0.caches.pointee.nested.counters[2].fills } == 0)
  }

  @Test("What is learned is not known before the walk is done")
  func fillsAtTheEnd() throws {
    let machine = try machine {
      $0.pagingStructureCaches = .init()
      $0.pagingStructureCaches.latency = .zero
      $0.memory.latency = SimTime(nanoseconds: 100)
    }
    // With three accessed flags to be set.
    #expect(machine.requestWithoutFill(Self.input).completion == SimTime(nanoseconds: 2700))
    #expect(machine.requestWithoutFill(Self.input + 0x1000, at: 2699).memoryReads == 24)
    #expect(machine.requestWithoutFill(Self.input + 0x2000, at: 2700).memoryReads == 2)
  }
}
