import CYardstick
import Hardware
import PageTables

/// First-stage tables that map the same pages as the yardstick's, and second-stage tables that map their memory, and what they map to, to
/// itself.
final class StagedTables {
  let memory: PhysicalMemory
  let first: PageTableBuilder<X86FirstStage>
  let second: NestedStage<VTdSecondStage>

  init() throws {
    let region = MemoryRegion(start: PhysicalAddress(4096), length: 64 << 20)
    memory = try PhysicalMemory(regions: [region])
    let tables = TableMemory(region, in: memory.view)
    let length = UInt64(yardstick_mapped_pages) << 12
    first = try PageTableBuilder(X86FirstStage(levels: 4), in: tables)
    try first.map(
      IOVirtualAddress(0), to: PhysicalAddress(1 << 30), length: length, permissions: .readWrite, largestPageLog2: PageSizeLog2.size4K)
    let builder = try PageTableBuilder(VTdSecondStage(levels: 4), in: tables)
    for (start, length) in [(region.start.rawValue, region.length), (1 << 30, length)] {
      try builder.map(
        GuestPhysicalAddress(start), to: PhysicalAddress(start), length: length, permissions: .readWrite,
        largestPageLog2: PageSizeLog2.size4K)
    }
    second = NestedStage(builder.format, root: builder.root, addressWidth: builder.format.addressWidth, keepsFlags: false)
  }
}

/// A walk of 4 levels by `Walker` over `X86FirstStage`, with every check of the format.
struct FirstStageWalkBenchmark: Benchmark {
  let name = "walk-first"
  let summary = "a walk of 4 first-stage levels, random among 262144 pages"
  let operations: UInt64
  let tables: StagedTables

  func run() -> UInt64? {
    var random = Xorshift(state: yardstick_seed)
    let (format, root, memory) = (tables.first.format, tables.first.root, tables.memory.view)
    var sum: UInt64 = 0
    for _ in 0..<operations {
      var probe = NoProbe()
      let walk = Walker.walk(
        format, from: WalkStart(table: root, level: format.rootLevel),
        for: IOVirtualAddress((random.next() & UInt64(yardstick_mapped_pages - 1)) << 12), demand: WalkDemand(.read), in: memory,
        probe: &probe)
      if walk.status == .translated { sum &+= walk.page.rawValue }
    }
    return sum
  }

  func runYardstick() -> UInt64? { yardstick_first_stage_walk(operations) }
}

/// A walk of 4 on 4 levels by `NestedWalker`, 24 reads with every check of both formats.
struct NestedWalkBenchmark: Benchmark {
  let name = "walk-nested"
  let summary = "a walk of 4 first-stage levels over 4 second-stage levels, random among 262144 pages"
  let operations: UInt64
  let tables: StagedTables

  func run() -> UInt64? {
    var random = Xorshift(state: yardstick_seed)
    let (format, second, memory) = (tables.first.format, tables.second, tables.memory.view)
    let root = GuestPhysicalAddress(tables.first.root.rawValue)
    var sum: UInt64 = 0
    for _ in 0..<operations {
      var probe = NoProbe()
      let walk = NestedWalker.walk(
        format, from: WalkStart(table: root, level: format.rootLevel), through: second,
        for: IOVirtualAddress((random.next() & UInt64(yardstick_mapped_pages - 1)) << 12), demand: WalkDemand(.read), in: memory,
        probe: &probe)
      if walk.status == .translated { sum &+= walk.page.rawValue }
    }
    return sum
  }

  func runYardstick() -> UInt64? { yardstick_nested_walk(operations) }
}
