import Hardware
import PageTables
import Testing

@testable import Translation

/// Walkers, ingress, bandwidth and paging-structure caches: what makes requests wait, or saves them reads.
@Suite struct PipelineResourceTests {
  typealias Latency = PipelineUnderTest.Latency

  @Test("No more walks are under way at once than there are walkers", arguments: [1, 2, 3, 8] as [UInt32])
  func walkers(count: UInt32) throws {
    let machine = try PipelineUnderTest { $0.walkers = count }
    try machine.map(0, to: 0, length: 0x10_0000)
    let walk = Latency.pagingStructure + Latency.memory * 4
    for number in 0..<12 as Range<UInt64> {
      let response = machine.request(number << 12)
      #expect(response.latency.walkerWait == walk * (number / UInt64(count)))
      #expect(response.completion == Latency.miss + walk * (number / UInt64(count)))
    }
  }

  @Test("Hits and merges need no walker")
  func hitsNeedNoWalker() throws {
    let machine = try PipelineUnderTest { $0.walkers = 1 }
    try machine.map(0, to: 0, length: 0x3000)
    machine.request(0)
    machine.request(0x1000, at: 2000)
    let merge = machine.request(0x1000, at: 2001)
    #expect(merge.outcome == .merge)
    #expect(merge.latency.walkerWait == .zero)
    let hit = machine.request(0, at: 2002)
    #expect(hit.outcome == .hit)
    #expect(hit.latency.total == Latency.iotlb)
    #expect(machine.request(0x2000, at: 2003).latency.walkerWait > .zero)
  }

  @Test("A walker is free again when a walk has failed")
  func failedWalkFreesWalker() throws {
    let machine = try PipelineUnderTest { $0.walkers = 1 }
    try machine.map(0, to: 0)
    #expect(!machine.request(1 << 40).succeeded)
    #expect(machine.request(0).latency.walkerWait == Latency.pagingStructure + Latency.memory)
  }

  @Test("Requests start no faster than the ingress takes them")
  func ingress() throws {
    let machine = try PipelineUnderTest { $0.ingressInterval = SimTime(nanoseconds: 10) }
    try machine.map(0, to: 0)
    machine.request(0)
    let queueing = (0..<4).map { _ in machine.request(0, at: 1000).latency.queueing }
    #expect(queueing == [0, 10, 20, 30].map { SimTime(nanoseconds: $0) })
    let later = machine.request(0, at: 1055)
    #expect(later.latency.queueing == .zero)
    #expect(later.completion == SimTime(nanoseconds: 1055) + Latency.iotlb)
  }

  @Test("Walks done while a request waits at the ingress have filled the caches when it starts")
  func fillWhileQueueing() throws {
    let interval = SimTime(nanoseconds: 10)
    let machine = try PipelineUnderTest { $0.ingressInterval = interval }
    try machine.map(0, to: 0)
    let done = machine.request(0).completion
    // Too early for a hit, but for the queue.
    let time = SimTime(picoseconds: done.picoseconds - 1)
    #expect(machine.request(0, at: time).outcome == .merge)
    #expect(machine.request(0, at: time).outcome == .hit)
  }

  @Test("Reads of walks that run side by side share the bandwidth of memory")
  func bandwidth() throws {
    let machine = try PipelineUnderTest { parameters in
      parameters.memory.interval = SimTime(nanoseconds: 10)
      parameters.iotlb.latency = .zero
      parameters.pagingStructureCaches.latency = .zero
    }
    machine.resolver.time = .zero
    try machine.map(0, to: 0, length: 0x10_0000)
    // Each walk reads every 100 ns; the slots of 10 ns between take the first reads of nine more, the next round is full.
    for number in 0..<10 as Range<UInt64> {
      let response = machine.request(number << 12)
      #expect(response.latency.memory == SimTime(nanoseconds: number * 10) + Latency.memory * 4)
    }
    #expect(machine.request(10 << 12).latency.memory > Latency.memory * 8 - SimTime(nanoseconds: 100))
  }

  // MARK: Paging-structure caches

  private func cached(_ levels: Set<UInt8>) throws -> PipelineUnderTest {
    let machine = try PipelineUnderTest { parameters in
      if levels.contains(2) { parameters.pagingStructureCaches.second.level2 = CacheGeometry(entries: 4) }
      if levels.contains(3) { parameters.pagingStructureCaches.second.level3 = CacheGeometry(entries: 4) }
      if levels.contains(4) { parameters.pagingStructureCaches.second.level4 = CacheGeometry(entries: 4) }
    }
    for block in [0, 1 << 21, 1 << 30, 1 << 39] as [UInt64] { try machine.map(block, to: 0x10_0000, length: 0x2000) }
    return machine
  }

  @Test(
    "A walk reads only what lies below the deepest entry that is known",
    arguments: [
      ([], [4, 4, 4, 4]), ([2], [1, 4, 4, 4]), ([3], [2, 2, 4, 4]), ([4], [3, 3, 3, 4]), ([2, 3, 4], [1, 2, 3, 4]),
      ([2, 4], [1, 3, 3, 4]),
    ] as [(Set<UInt8>, [UInt16])])
  func reads(levels: Set<UInt8>, reads: [UInt16]) throws {
    for (index, block) in ([0, 1 << 21, 1 << 30, 1 << 39] as [UInt64]).enumerated() {
      let machine = try cached(levels)
      #expect(machine.request(0).memoryReads == 4)
      let response = machine.request(block + 0x1000, at: 1000)
      #expect(response.outcome == .miss)
      #expect(response.memoryReads == reads[index])
      #expect(response.latency.memory == Latency.pagingStructure + Latency.memory * UInt64(reads[index]))
    }
  }

  @Test("Upper-level entries are known from the walk's end on, to the picosecond")
  func fillTime() throws {
    for (early, reads) in [(1, 4), (0, 1)] as [(UInt64, UInt16)] {
      let machine = try cached([2, 3, 4])
      let done = machine.request(0).completion
      #expect(machine.request(0x1000, at: SimTime(picoseconds: done.picoseconds - early)).memoryReads == reads)
    }
  }

  @Test("Requesters of one domain share upper-level entries, others do not")
  func domains() throws {
    let machine = try cached([2])
    machine.request(0)
    #expect(machine.request(0x1000, by: 2, at: 1000).memoryReads == 4)
    #expect(machine.request(0x1000, by: 1, at: 2000).memoryReads == 1)
  }

  @Test("Rights lost above a cached entry stay lost")
  func rights() throws {
    let machine = try cached([2, 3, 4])
    let top = machine.physical.view.read64(machine.builder.root) ?? 0
    machine.physical.view.write64(machine.builder.root, top & ~VTdSecondStage.EntryBits.write)
    #expect(machine.request(0).succeeded)
    let write = machine.request(0x1000, .write, at: 1000)
    #expect(write.memoryReads == 1)
    #expect(write.fault?.code == 100 + UInt16(WalkStatus.permission.rawValue))
  }

  @Test("Each level is counted apart")
  func counters() throws {
    let machine = try cached([2, 3, 4])
    machine.request(0)
    machine.request(1 << 21, at: 1000)
    machine.request(0x1000, at: 2000)
    #expect((2...5).map { machine.tableCounters($0).lookups } == [3, 2, 1, 0])
    #expect((2...5).map { machine.tableCounters($0).hits } == [1, 1, 0, 0])
    #expect((2...5).map { machine.tableCounters($0).misses } == [2, 1, 1, 0])
    machine.request(1 << 39, at: 3000)
    machine.request(0, by: 9, at: 5000)
    #expect((2...5).map { machine.tableCounters($0).fills } == [3, 2, 2, 0])
  }
}
