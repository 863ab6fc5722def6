import Hardware
import PageTables
import Testing

@testable import Translation

/// Random traces through the pipeline against models that know nothing of time, sets or hashes.
@Suite struct PipelineOracleTests {
  /// A page that a requester has cached.
  private struct Cached: Hashable {
    let requester: UInt32
    let sizeLog2: UInt8
    let page: UInt64
  }

  /// A random access.
  private struct Access {
    let address: UInt64
    let kind: AccessKind
    let requester: UInt32
  }

  /// Pages of every size and right in a small space with holes, and accesses to it of a few requesters.
  private struct World {
    var random: SplitMix64

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    /// Eight small pages under each table.
    private static func small(_ slot: UInt64) -> UInt64 { (slot >> 3) << 21 | (slot & 7) << 12 }

    mutating func map(in machine: PipelineUnderTest) throws {
      for slot in 0..<40 as Range<UInt64> {
        let permissions = Permissions(rawValue: UInt8(random.next(below: 3)) + 1)
        try machine.map(Self.small(slot), to: random.next(below: 1 << 20) << 12, permissions)
        if slot < 6 { try machine.map((slot + 8) << 21, to: random.next(below: 256) << 21, length: 1 << 21, permissions) }
        if slot < 3 { try machine.map((slot + 2) << 30, to: random.next(below: 8) << 30, length: 1 << 30, permissions) }
      }
    }

    mutating func access() -> Access {
      let size: UInt64 = [12, 12, 12, 21, 30][Int(random.next(below: 5))]
      let slot = random.next(below: size == 12 ? 44 : size == 21 ? 15 : 6)
      return Access(
        address: (size == 12 ? Self.small(slot) : slot << size) + random.next(below: 1 << size),
        kind: AccessKind.allCases[Int(random.next(below: 3))],
        requester: 1 + UInt32(random.next(below: 3)))
    }
  }

  /// What the tables say of an access: the level of the last entry read, the address, or nothing if it is refused.
  private func truth(_ access: Access, _ machine: PipelineUnderTest) -> (level: UInt8, address: UInt64?, isMapped: Bool) {
    let (entry, level) = machine.builder.lookup(IOVirtualAddress(access.address))
    let isMapped = entry & 3 != 0
    let size = UInt64(12 + 9 * (level - 1))
    let page = (entry & 0x000F_FFFF_FFFF_F000) + access.address & ((1 << size) - 1)
    let needed: UInt64 = access.kind == .read ? 1 : access.kind == .write ? 2 : 3
    let isForbidden = (0xFEE0_0000...0xFEEF_FFFF).contains(page)
    return (level, isMapped && entry & needed == needed && !isForbidden ? page : nil, isMapped)
  }

  @Test("Without time or limits, counters are those of a set of pages", arguments: 0..<UInt64(12))
  func unlimited(seed: UInt64) throws {
    try run(seed, capacity: .max)
  }

  @Test("Without time, a fully associative LRU cache counts like a list", arguments: 0..<UInt64(6), [1, 3, 8, 20, 100])
  func bounded(seed: UInt64, capacity: Int) throws {
    try run(seed, capacity: capacity)
  }

  private func run(_ seed: UInt64, capacity: Int) throws {
    let machine = try PipelineUnderTest.untimed { parameters in
      parameters.iotlb.geometry = capacity == .max ? .unlimited : CacheGeometry(entries: capacity)
    }
    var world = World(seed: seed)
    try world.map(in: machine)
    var expected = CacheCounters()
    var reads: UInt64 = 0
    // Least recently used first.
    var cached: [Cached] = []
    for _ in 0..<1500 {
      let access = world.access()
      let (level, address, isMapped) = truth(access, machine)
      let size = 12 + 9 * (level - 1)
      let page = Cached(requester: access.requester, sizeLog2: size, page: access.address >> UInt64(size))
      let response = machine.request(access.address, access.kind, by: access.requester)
      // The fill lands before the next request; nobody else needs to come for the counters to agree.
      machine.advance(to: 0)
      #expect((response.succeeded ? response.address.rawValue : nil) == address)
      expected.lookups += 1
      if isMapped, let place = cached.firstIndex(of: page) {
        cached.append(cached.remove(at: place))
        expected.hits += 1
        #expect(response.outcome == .hit)
        continue
      }
      expected.misses += 1
      reads += UInt64(machine.builder.format.rootLevel - level) + 1
      if address != nil {
        expected.fills += 1
        if cached.count == capacity {
          cached.removeFirst()
          expected.evictions += 1
        }
        cached.append(page)
      }
    }
    #expect(machine.counters == expected)
    #expect(machine.walks == expected.misses)
    #expect(machine.walkReads == reads)
    #expect(machine.memoryReads == reads)
    #expect(expected.hits > 0 && expected.fills > 20)
  }

  @Test("Without time or limits, walks skip exactly the levels that earlier ones have seen", arguments: 0..<UInt64(8))
  func pagingStructures(seed: UInt64) throws {
    let machine = try PipelineUnderTest.untimed { parameters in
      parameters.iotlb.geometry = .none
      parameters.pagingStructureCaches.second.level2 = .unlimited
      parameters.pagingStructureCaches.second.level3 = .unlimited
      parameters.pagingStructureCaches.second.level4 = .unlimited
    }
    var world = World(seed: seed)
    try world.map(in: machine)
    var known: Set<Cached> = []
    for _ in 0..<1000 {
      let access = world.access()
      let (level, address, _) = truth(access, machine)
      func table(_ level: UInt8) -> Cached {
        Cached(requester: access.requester, sizeLog2: 3 + 9 * level, page: access.address >> UInt64(3 + 9 * level))
      }
      let start = (2...4).first { known.contains(table($0)) }.map { $0 - 1 } ?? 4
      let response = machine.request(access.address, access.kind, by: access.requester)
      #expect(response.memoryReads == UInt16(start - level) + 1)
      // Only a walk that ends in a translation fills; the leaf is never among what it fills.
      if address != nil, start > level { for above in level + 1...start { known.insert(table(above)) } }
    }
    #expect(known.count > 10)
  }

  @Test("A larger fully associative LRU cache hits whatever a smaller one hits", arguments: 0..<UInt64(4))
  func inclusion(seed: UInt64) throws {
    let machines = try [1, 2, 4, 8, 16, 32, 64].map { entries in
      try PipelineUnderTest.untimed { $0.iotlb.geometry = CacheGeometry(entries: entries) }
    }
    for machine in machines {
      var world = World(seed: seed)
      try world.map(in: machine)
    }
    var world = World(seed: seed + 100)
    for _ in 0..<1000 {
      let access = world.access()
      let hits = machines.map { $0.request(access.address, access.kind, by: access.requester).outcome == .hit }
      #expect(zip(hits, hits.dropFirst()).allSatisfy { !$0 || $1 })
    }
    let misses = machines.map(\.counters.misses)
    #expect(zip(misses, misses.dropFirst()).allSatisfy { $0 >= $1 })
    #expect((misses.first ?? 0) > (misses.last ?? 0))
  }

  // MARK: With time

  @Test(
    "With random parts and times, each breakdown sums to its latency and the answers are those of the tables", arguments: 0..<UInt64(30))
  func timed(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let format = VTdSecondStage(levels: 4, accessedDirty: seed % 3 == 0)
    let machine = try PipelineUnderTest(format) { $0 = Self.parameters(&random) }
    machine.resolver.time = SimTime(picoseconds: random.next(below: 50_000))
    var world = World(seed: seed)
    try world.map(in: machine)
    var now: UInt64 = 0
    let pace = random.next(below: 500_000)
    for _ in 0..<600 {
      now += random.next(below: pace + 1)
      let access = world.access()
      let response = machine.request(access.address, access.kind, by: access.requester, at: SimTime(picoseconds: now))
      let (_, address, _) = truth(access, machine)
      #expect((response.succeeded ? response.address.rawValue : nil) == address)
      #expect(response.completion - SimTime(picoseconds: now) == response.latency.total)
      // Parts that wrapped below zero would still have the right sum.
      for stage in LatencyStage.allCases {
        #expect(stage.time(in: response.latency).picoseconds <= response.latency.total.picoseconds, "\(stage)")
      }
      let sum = LatencyStage.allCases.reduce(SimTime.zero) { $0 + $1.time(in: response.latency) }
      #expect(sum == response.latency.total)
    }
    let counters = machine.counters
    #expect(counters.lookups == 600)
    #expect(counters.hits + counters.merges + counters.misses == counters.lookups)
    #expect(machine.walks == counters.misses)
  }

  private static func parameters(_ random: inout SplitMix64) -> TranslationParameters {
    func time(_ limit: UInt64) -> SimTime { SimTime(picoseconds: random.next(below: 3) == 0 ? 0 : random.next(below: limit)) }
    var parameters = TranslationParameters()
    parameters.ingressInterval = time(20_000)
    parameters.iotlb.latency = time(5000)
    parameters.iotlb.isShared = random.next(below: 2) == 0
    parameters.iotlb.geometry = CacheGeometry(entries: 8 << Int(random.next(below: 3)), ways: 4)
    if random.next(below: 2) == 0 { parameters.iotlb.large = .none }
    if random.next(below: 3) == 0 { parameters.pagingStructureCaches = .none }
    parameters.pagingStructureCaches.latency = time(5000)
    parameters.walkers = UInt32(random.next(below: 5))
    parameters.memory.latency = time(200_000)
    parameters.memory.interval = time(30_000)
    return parameters
  }
}
