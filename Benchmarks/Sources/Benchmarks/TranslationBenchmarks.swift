import CYardstick
import Hardware
import PageTables

/// Tables that map the same pages as the yardstick's, in the VT-d second-stage format.
final class MappedTables {
  let memory: PhysicalMemory
  let format: VTdSecondStage
  let root: PhysicalAddress

  init() throws {
    let region = MemoryRegion(start: PhysicalAddress(4096), length: 64 << 20)
    memory = try PhysicalMemory(regions: [region])
    format = VTdSecondStage(levels: 4)
    let builder = try PageTableBuilder(format, in: TableMemory(region, in: memory.view))
    root = builder.root
    try builder.map(
      IOVirtualAddress(0), to: PhysicalAddress(1 << 30), length: UInt64(yardstick_mapped_pages) << 12, permissions: .readWrite,
      largestPageLog2: PageSizeLog2.size4K)
  }

  /// The physical address of a page; 0 if nothing is mapped there.
  @inline(__always) static func walk(
    _ page: UInt64, _ format: VTdSecondStage, _ root: PhysicalAddress, _ memory: MemoryView
  ) -> PhysicalAddress {
    var probe = NoProbe()
    let walk = Walker.walk(
      format, from: WalkStart(table: root, level: format.rootLevel), for: IOVirtualAddress(page << 12), demand: WalkDemand(.read),
      in: memory, probe: &probe)
    return walk.status == .translated ? walk.page : PhysicalAddress(0)
  }
}

/// A lookup in `SetAssociativeCache`, 8 ways by 8 sets, true LRU; after a miss a walk and a fill.
struct TranslationBenchmark: Benchmark {
  let name: String
  let summary: String
  let operations: UInt64
  /// The pages that are looked up at random.
  let pages: UInt64
  let tables: MappedTables

  func run() -> UInt64? {
    var cache = SetAssociativeCache<PhysicalAddress>(CacheGeometry(entries: 64, ways: 8, policy: .leastRecentlyUsed))
    var random = Xorshift(state: yardstick_seed)
    let (format, root, memory) = (tables.format, tables.root, tables.memory.view)
    var sum: UInt64 = 0
    for _ in 0..<operations {
      let page = random.next() & (pages - 1)
      if let slot = cache.lookup(tag: page, context: 7) {
        sum &+= cache[slot].rawValue
      } else {
        let out = MappedTables.walk(page, format, root, memory)
        cache.insert(tag: page, context: 7, value: out)
        sum &+= out.rawValue
      }
    }
    return sum
  }

  func runYardstick() -> UInt64? { yardstick_translate(operations, pages) }
}

/// A walk of 4 levels by `Walker` over `VTdSecondStage`, with every check of the format.
struct WalkBenchmark: Benchmark {
  let name = "walk"
  let summary = "a walk of 4 levels, random among 262144 pages"
  let operations: UInt64
  let tables: MappedTables

  func run() -> UInt64? {
    var random = Xorshift(state: yardstick_seed)
    let (format, root, memory) = (tables.format, tables.root, tables.memory.view)
    var sum: UInt64 = 0
    for _ in 0..<operations {
      sum &+= MappedTables.walk(random.next() & UInt64(yardstick_mapped_pages - 1), format, root, memory).rawValue
    }
    return sum
  }

  func runYardstick() -> UInt64? { yardstick_walk(operations) }
}

/// The yardstick's generator of pages.
struct Xorshift {
  var state: UInt64

  mutating func next() -> UInt64 {
    state ^= state &<< 13
    state ^= state &>> 7
    state ^= state &<< 17
    return state
  }
}
