import Hardware
import PageTables
import Testing

@testable import Translation

/// What each invalidation takes from which cache (VT-d rev 5.10 tables 23 and 24), seen by what the next walk must read again.
@Suite struct StagedInvalidationTests {
  static let input: UInt64 = 0x1234_5678_9000
  static let guest: UInt64 = 0x4000_0000
  static let page: UInt64 = 0x7_7777_7000

  /// A pipeline with pages mapped for each requester that has walked for all of them.
  func machine(_ change: (inout TranslationParameters) -> Void) throws -> StagedPipeline {
    let machine = try StagedPipeline(change)
    for requester in 1...3 as ClosedRange<UInt32> { try machine.map(Self.input, to: Self.guest, length: 0x4000, by: requester) }
    try machine.back(Self.guest, by: Self.page, length: 0x4000)
    for requester in 1...3 as ClosedRange<UInt32> { machine.request(Self.input, by: requester) }
    machine.request(Self.guest, by: 4)
    return machine
  }

  static let firstStageCaches: @Sendable (inout TranslationParameters) -> Void = {
    $0.pagingStructureCaches.first = .init()
    $0.pagingStructureCaches.nested = .init()
  }

  /// A domain, an address space, a range of inputs, whether only leaves are meant; which requesters must read everything again, and which levels
  /// stay known to the others.
  static let addressSpaceScopes: [(domain: UInt32, space: UInt32, range: ClosedRange<UInt64>?, leafOnly: Bool, reads: [UInt16])] = [
    (7, 10, nil, false, [24, 5, 1]), (7, 20, nil, false, [5, 24, 1]), (8, 30, nil, false, [5, 5, 4]), (7, 30, nil, false, [5, 5, 1]),
    (8, 10, nil, false, [5, 5, 1]), (7, 10, nil, true, [5, 5, 1]), (7, 10, input...input, false, [24, 5, 1]),
    (7, 10, input...input, true, [5, 5, 1]), (7, 10, 0...UInt64.max, false, [24, 5, 1]),
    // Another 2 MiB in the same 1 GiB: the entry of level 2 is another, those above are the same.
    (7, 10, input ^ 0x20_0000...input ^ 0x20_0000, false, [5, 5, 1]), (8, 30, input ^ 0x20_0000...input ^ 0x20_0000, false, [5, 5, 1]),
  ]

  @Test("First-stage entries go by domain, address space and input", arguments: addressSpaceScopes.indices)
  func firstStage(index: Int) throws {
    let (domain, space, range, leafOnly, reads) = Self.addressSpaceScopes[index]
    let machine = try machine(Self.firstStageCaches)
    machine.invalidate(domain: domain, addressSpace: space, range, leafOnly: leafOnly)
    // A page that the invalidation of a page concerns only in the entries above it.
    #expect((1...3).map { machine.reads(Self.input + 0x1000, by: $0) } == reads)
  }

  @Test("An invalidation of another 2 MiB leaves the entry of level 2 and takes those above")
  func upperLevels() throws {
    for requester in [1, 3] as [UInt32] {
      let machine = try machine(Self.firstStageCaches)
      let other = Self.input ^ 0x20_0000
      try machine.map(other, to: Self.guest, by: requester)
      machine.invalidate(domain: requester == 1 ? 7 : 8, addressSpace: requester * 10, other...other, leafOnly: false)
      #expect(machine.reads(other, by: requester) == (requester == 1 ? 24 : 4))
    }
  }

  @Test(
    "A page-selective invalidation of the second stage takes every first-stage entry of the domain, leaf only or not",
    arguments: [true, false])
  func pagesTakeFirstStage(leafOnly: Bool) throws {
    let machine = try machine(Self.firstStageCaches)
    machine.invalidate(domain: 7, secondStageInputs: 0...0xFFF, leafOnly: leafOnly)
    #expect((1...3).map { machine.reads(Self.input, by: $0) } == [24, 24, 1])
  }

  @Test("It takes second-stage entries above the range unless only leaves have changed", arguments: [true, false])
  func secondStage(leafOnly: Bool) throws {
    let machine = try machine { $0.pagingStructureCaches.second = .init() }
    machine.invalidate(domain: 7, secondStageInputs: Self.guest...Self.guest + 0xFFF, leafOnly: leafOnly)
    #expect(machine.reads(Self.guest, by: 4) == (leafOnly ? 1 : 4))
    let other = try self.machine { $0.pagingStructureCaches.second = .init() }
    other.invalidate(domain: 8, secondStageInputs: 0...UInt64.max, leafOnly: false)
    #expect(other.reads(Self.guest, by: 4) == 1)
  }

  @Test("It takes the translations of tables in the range, leaf only or not", arguments: [true, false])
  func tableTranslations(leafOnly: Bool) throws {
    let machine = try machine { $0.pagingStructureCaches.nestedTables = .unlimited }
    let table = machine.guestTable(1, for: Self.input, by: 1)
    machine.invalidate(domain: 7, secondStageInputs: table...table + 0xFFF, leafOnly: leafOnly)
    #expect((1...2).map { machine.reads(Self.input, by: $0) } == [12, 8])
    machine.invalidate(domain: 8, secondStageInputs: 0...UInt64.max, leafOnly: leafOnly)
    #expect((1...2).map { machine.reads(Self.input, by: $0) } == [8, 8])
  }

  @Test("A table in a large page of the second stage is forgotten by any address of that page")
  func tableInLargePage() throws {
    let machine = try StagedPipeline { $0.pagingStructureCaches.nestedTables = .unlimited }
    try machine.map(Self.input, to: Self.guest)
    try machine.back(Self.guest, by: Self.page)
    // The tables are seen again in a page of 2 MiB elsewhere, and the root's entry leads there.
    let window: UInt64 = 1 << 37
    try machine.back(window, by: 0, length: 1 << 21)
    let builder = try #require(machine.first[1])
    let place = builder.root.advanced(by: builder.format.entryOffset(IOVirtualAddress(Self.input), level: 4))
    let entry = try #require(machine.physical.view.read64(place))
    machine.physical.view.write64(place, entry - StagedPipeline.displacement + window)
    #expect(machine.request(Self.input).memoryReads == 23)
    #expect(machine.reads(Self.input) == 8)
    machine.invalidate(domain: 7, secondStageInputs: window + 0x1F_F000...window + 0x1F_FFFF, leafOnly: true)
    #expect(machine.reads(Self.input) == 11)
    machine.invalidate(domain: 7, secondStageInputs: window + 0x20_0000...window + 0x20_0FFF, leafOnly: true)
    #expect(machine.reads(Self.input) == 8)
  }

  @Test("Everything of a domain goes, and of no other")
  func domain() throws {
    let machine = try machine { $0.pagingStructureCaches = .init() }
    machine.invalidate(domain: 8)
    #expect((1...3).map { machine.reads(Self.input, by: $0) } == [2, 2, 4])
    machine.invalidate(domain: 7)
    #expect(machine.reads(Self.guest, by: 4) == 4)
    machine.invalidate(domain: 7)
    #expect(machine.reads(Self.input, by: 2) == 24)
    #expect(machine.reads(Self.input, by: 3) == 1)
  }

  @Test("What a walk under way has learned is forgotten like what is cached")
  func underWay() throws {
    for scope in 0..<3 {
      let machine = try StagedPipeline {
        $0.pagingStructureCaches = .init()
        $0.memory.latency = SimTime(nanoseconds: 100)
      }
      try machine.map(Self.input, to: Self.guest, length: 0x4000)
      try machine.back(Self.guest, by: Self.page, length: 0x4000)
      _ = machine.requestWithoutFill(Self.input)
      // The translation is kept, so that the walk fills what else it has.
      machine.withPipeline { pipeline in
        switch scope {
        case 0: pipeline.invalidateFirstStageTables(of: Self.input...Self.input) { $0 == 7 && $1 == 10 }
        case 1: pipeline.invalidateSecondStageTables { $0 == 7 }
        default: pipeline.invalidateTableTranslations { $0 == 7 }
        }
      }
      machine.finish()
      let counters = machine.withPipeline { pipeline in
        (
          pipeline.caches.pointee.nested.counters[0].fills, pipeline.caches.pointee.second.counters[0].fills,
          pipeline.caches.pointee.tables.counters.fills
        )
      }
      #expect((counters.0 == 0) == (scope == 0))
      #expect((counters.1 == 0) == (scope == 1))
      #expect((counters.2 == 0) == (scope == 2))
    }
  }
}
