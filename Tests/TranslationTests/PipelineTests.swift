import Hardware
import PageTables
import Testing

@testable import Translation

/// What becomes of requests, and when they are answered.
@Suite struct PipelineTests {
  typealias Latency = PipelineUnderTest.Latency

  // MARK: Hit, miss, merge

  @Test("The first request of a page misses, and waits for the lookup, the context and a read for each level")
  func miss() throws {
    let machine = try PipelineUnderTest()
    try machine.map(0x5000, to: 0x9000)
    let response = machine.request(0x5123, at: 50)
    #expect(response.outcome == .miss)
    #expect(response.address == PhysicalAddress(0x9123))
    #expect(response.completion == SimTime(nanoseconds: 50) + Latency.miss)
    #expect(response.latency.iotlb == Latency.iotlb)
    #expect(response.latency.configuration == Latency.configuration)
    #expect(response.latency.memory == Latency.pagingStructure + Latency.memory * 4)
    #expect(response.memoryReads == 4)
    #expect(response.pageSizeLog2 == 12)
    #expect(response.succeeded)
  }

  @Test("A request of a page that is cached hits, and waits for the lookup alone")
  func hit() throws {
    let machine = try PipelineUnderTest()
    try machine.map(0x5000, to: 0x9000)
    machine.request(0x5000)
    let response = machine.request(0x5FFF, at: 1000)
    #expect(response.outcome == .hit)
    #expect(response.address == PhysicalAddress(0x9FFF))
    #expect(response.completion == SimTime(nanoseconds: 1000) + Latency.iotlb)
    #expect(response.latency.total == Latency.iotlb)
    #expect(response.memoryReads == 0)
    #expect(machine.resolver.resolutions == 1)
  }

  @Test("A request that meets a walk of its page merges and waits the rest")
  func merge() throws {
    let machine = try PipelineUnderTest()
    try machine.map(0x5000, to: 0x9000)
    let first = machine.request(0x5000)
    let second = machine.request(0x5040, at: 100)
    #expect(second.outcome == .merge)
    #expect(second.address == PhysicalAddress(0x9040))
    #expect(second.completion == first.completion)
    #expect(second.latency.merge == first.completion - SimTime(nanoseconds: 100) - Latency.iotlb)
    #expect(second.memoryReads == 0)
    #expect(machine.walks == 1)
  }

  @Test("Another page, and the same page of another context, does not merge", arguments: [(0x6000, 1), (0x5000, 2)] as [(UInt64, UInt32)])
  func noMerge(address: UInt64, requester: UInt32) throws {
    let machine = try PipelineUnderTest()
    try machine.map(0x5000, to: 0x9000, length: 0x2000)
    machine.request(0x5000)
    #expect(machine.request(address, by: requester, at: 1).outcome == .miss)
    #expect(machine.walks == 2)
  }

  @Test("A fill is visible from the walk's end on, to the picosecond")
  func fillTime() throws {
    for (early, outcome) in [(1, TranslationOutcome.merge), (0, .hit)] as [(UInt64, TranslationOutcome)] {
      let machine = try PipelineUnderTest()
      try machine.map(0x5000, to: 0x9000)
      let done = machine.request(0x5000).completion
      let response = machine.request(0x5000, at: SimTime(picoseconds: done.picoseconds - early))
      #expect(response.outcome == outcome)
      // The lookup takes longer than what is left of the walk.
      #expect(response.completion == SimTime(picoseconds: done.picoseconds - early) + Latency.iotlb)
      #expect(response.latency.merge == .zero)
    }
  }

  @Test("A hit in the IOTLB is counted so, as are merges, misses and fills")
  func counters() throws {
    let machine = try PipelineUnderTest()
    try machine.map(0x5000, to: 0x9000, length: 0x2000)
    machine.request(0x5000)
    machine.request(0x5000, at: 1)
    machine.request(0x6000, at: 2)
    machine.request(0x5000, at: 1000)
    machine.request(0x7000, at: 2000)
    var expected = CacheCounters()
    expected.lookups = 5
    expected.hits = 1
    expected.merges = 1
    expected.misses = 3
    expected.fills = 2
    #expect(machine.counters == expected)
    #expect(machine.walks == 3)
    #expect(machine.walkReads == 12)
    #expect(machine.memoryReads == 12)
  }

  @Test("Without an IOTLB every request walks, or merges with one that does")
  func withoutIOTLB() throws {
    let machine = try PipelineUnderTest { $0.iotlb.geometry = .none }
    try machine.map(0x5000, to: 0x9000)
    let outcomes = [0, 1, 1000, 2000].map { machine.request(0x5000, at: $0).outcome }
    #expect(outcomes == [.miss, .merge, .miss, .miss])
  }

  @Test("A displaced page misses again, and the displacement is counted at the fill")
  func eviction() throws {
    let machine = try PipelineUnderTest { $0.iotlb.geometry = CacheGeometry(entries: 1) }
    try machine.map(0x5000, to: 0x9000, length: 0x2000)
    let outcomes = [(0x5000, 0), (0x6000, 1000), (0x5000, 2000), (0x5000, 3000)].map { machine.request($0.0, at: $0.1).outcome }
    #expect(outcomes == [.miss, .miss, .miss, .hit])
    #expect(machine.counters.evictions == 2)
  }

  // MARK: Large pages

  @Test("A walk of a large page serves other parts of it once it is done", arguments: [UInt64(21), 30])
  func largePage(sizeLog2: UInt64) throws {
    let machine = try PipelineUnderTest()
    try machine.map(1 << sizeLog2, to: 4 << sizeLog2, length: 1 << sizeLog2)
    let first = machine.request(1 << sizeLog2)
    #expect(first.pageSizeLog2 == UInt8(sizeLog2))
    #expect(first.memoryReads == (sizeLog2 == 21 ? 3 : 2))
    let other = machine.request((2 << sizeLog2) - 1, at: 1000)
    #expect(other.outcome == .hit)
    #expect(other.address == PhysicalAddress((5 << sizeLog2) - 1))
  }

  // MARK: Neither hit nor miss

  @Test("A request that needs no translation passes in no time and is not looked up")
  func bypass() throws {
    let machine = try PipelineUnderTest()
    machine.resolver.admission = .bypass
    let response = machine.request(0x1234_5678, at: 9)
    #expect(response.outcome == .bypass)
    #expect(response.address == PhysicalAddress(0x1234_5678))
    #expect(response.rights == .all)
    #expect(response.completion == SimTime(nanoseconds: 9))
    #expect(response.latency == LatencyBreakdown())
    #expect(machine.counters == CacheCounters())
  }

  @Test("Interrupts and requests refused at the door are not looked up")
  func refusedAtTheDoor() throws {
    let machine = try PipelineUnderTest()
    machine.resolver.admission = .interrupt
    #expect(machine.request(0xFEE0_0000).outcome == .interrupt)
    machine.resolver.admission = .fault(TranslationFault(code: 5, isReported: false))
    let response = machine.request(0)
    #expect(response.fault == TranslationFault(code: 5, isReported: false))
    #expect(!response.succeeded)
    #expect(machine.counters == CacheCounters())
    #expect(machine.memoryReads == 0)
  }

  @Test("A context that passes through costs lookup and context, and nothing is cached of it")
  func passThrough() throws {
    let machine = try PipelineUnderTest()
    machine.resolver.stages = .passThrough
    machine.resolver.forcesSnoop = true
    for time in [0, 1000] as [UInt64] {
      let response = machine.request(0x5123, at: time)
      #expect(response.outcome == .miss)
      #expect(response.address == PhysicalAddress(0x5123))
      #expect(response.snoop)
      #expect(response.latency.total == Latency.iotlb + Latency.configuration)
      #expect(response.completion == SimTime(nanoseconds: time) + response.latency.total)
    }
    #expect(machine.walks == 0)
    #expect(machine.counters.fills == 0)
  }

  // MARK: Faults

  @Test("A fault of the context ends the request when the context is known")
  func contextFault() throws {
    let machine = try PipelineUnderTest()
    machine.resolver.fault = TranslationFault(code: 2)
    let response = machine.request(0x5000)
    #expect(response.fault == TranslationFault(code: 2))
    #expect(response.completion == Latency.iotlb + Latency.configuration)
    #expect(machine.walks == 0)
  }

  @Test("A walk that fails takes the reads it made, is named by the resolver, and nothing of it is cached")
  func walkFault() throws {
    let machine = try PipelineUnderTest()
    try machine.map(0x5000, to: 0x9000, .read)
    for time in [0, 1000] as [UInt64] {
      let absent = machine.request(1 << 30, at: time)
      #expect(absent.fault?.code == 100 + UInt16(WalkStatus.notPresent.rawValue))
      #expect(absent.memoryReads == 2)
      #expect(absent.latency.memory == Latency.pagingStructure + Latency.memory * 2)
      #expect(machine.request(1 << 40, at: time).fault?.code == 1100 + UInt16(WalkStatus.notPresent.rawValue))
      #expect(machine.request(0x5000, .write, at: time).fault?.code == 100 + UInt16(WalkStatus.permission.rawValue))
    }
    #expect(machine.counters.misses == 6)
    #expect(machine.counters.fills == 0)
    #expect(machine.walks == 6)
  }

  @Test("A page that becomes mapped needs no invalidation, even while a walk that failed would still be under way")
  func mappedAfterFault() throws {
    let machine = try PipelineUnderTest()
    try machine.map(0x6000, to: 0x9000)
    #expect(!machine.request(0x5000).succeeded)
    try machine.map(0x5000, to: 0x8000)
    let response = machine.request(0x5000, at: 1)
    #expect(response.outcome == .miss)
    #expect(response.address == PhysicalAddress(0x8000))
  }

  @Test("A hit, and a merge, without the right asked for is refused as a walk would be", arguments: [true, false])
  func deniedHit(isReported: Bool) throws {
    let machine = try PipelineUnderTest()
    machine.resolver.reportsFaults = isReported
    try machine.map(0x5000, to: 0x9000, .read)
    machine.request(0x5000)
    let expected = TranslationFault(code: 100 + UInt16(WalkStatus.permission.rawValue), isReported: isReported)
    let merging = machine.request(0x5000, .write, at: 1)
    #expect(merging.fault == expected)
    let hit = machine.request(0x5000, .write, at: 1000)
    #expect(hit.outcome == .hit)
    #expect(hit.fault == expected)
    #expect(machine.request(0x5000, .read, at: 2000).succeeded)
  }

  @Test("A large page over the interrupt range serves its other addresses and refuses those")
  func interruptRangeInLargePage() throws {
    let machine = try PipelineUnderTest()
    try machine.map(0, to: 0xC000_0000, length: 1 << 30)
    #expect(machine.request(0).succeeded)
    for time in [1, 1000] as [UInt64] {
      let code = 100 + UInt16(WalkStatus.forbiddenOutput.rawValue)
      #expect(machine.request(0x3EDF_FFFF, at: time).address == PhysicalAddress(0xFEDF_FFFF))
      #expect(machine.request(0x3EE0_0000, at: time).fault?.code == code)
      #expect(machine.request(0x3EEF_FFFF, at: time).fault?.code == code)
      #expect(machine.request(0x3EF0_0000, at: time).address == PhysicalAddress(0xFEF0_0000))
    }
  }

  // MARK: Snooping and flags

  @Test("The translated access is coherent if the leaf or the context says so", arguments: [true, false], [true, false])
  func snoop(leaf: Bool, context: Bool) throws {
    let machine = try PipelineUnderTest()
    machine.resolver.forcesSnoop = context
    try machine.map(0x5000, to: 0x9000, leafBits: leaf ? VTdSecondStage.EntryBits.snoop : 0)
    for time in [0, 1, 1000] as [UInt64] { #expect(machine.request(0x5000, at: time).snoop == (leaf || context)) }
  }

  @Test("Where flags are updated, a copy filled by a read does not serve a write", arguments: [1, 1000] as [UInt64])
  func dirty(second: UInt64) throws {
    let machine = try PipelineUnderTest(VTdSecondStage(levels: 4, accessedDirty: true))
    try machine.map(0x5000, to: 0x9000)
    machine.request(0x5000, .read)
    #expect(machine.builder.lookup(IOVirtualAddress(0x5000)).entry == 0x9103)
    let write = machine.request(0x5000, .write, at: second)
    #expect(write.outcome == .miss)
    #expect(write.succeeded)
    #expect(machine.builder.lookup(IOVirtualAddress(0x5000)).entry == 0x9303)
  }

  @Test("A copy filled by a write serves writes and reads")
  func knownDirty() throws {
    let machine = try PipelineUnderTest(VTdSecondStage(levels: 4, accessedDirty: true))
    try machine.map(0x5000, to: 0x9000)
    machine.request(0x5000, .write)
    #expect(machine.request(0x5000, .write, at: 1).outcome == .merge)
    #expect(machine.request(0x5000, .write, at: 2000).outcome == .hit)
    #expect(machine.request(0x5000, .read, at: 3000).outcome == .hit)
  }

  @Test("Where flags are not updated, it does")
  func noDirty() throws {
    let machine = try PipelineUnderTest()
    try machine.map(0x5000, to: 0x9000)
    machine.request(0x5000, .read)
    #expect(machine.request(0x5000, .write, at: 1).outcome == .merge)
    #expect(machine.request(0x5000, .write, at: 1000).outcome == .hit)
  }

  @Test("Each flag that is set costs an access to memory")
  func flagLatency() throws {
    let machine = try PipelineUnderTest(VTdSecondStage(levels: 4, accessedDirty: true))
    try machine.map(0x5000, to: 0x9000)
    #expect(machine.request(0x5000).latency.memory == Latency.pagingStructure + Latency.memory * 8)
    #expect(machine.request(0x5000, .write, at: 1).latency.memory == Latency.pagingStructure + Latency.memory * 5)
    #expect(machine.memoryUpdates == 5)
  }
}
