import Hardware
import PageTables
import Testing

@Suite struct TableMemoryTests {
  private let physical: PhysicalMemory
  private let region = MemoryRegion(start: PhysicalAddress(0x10_0000), length: 64 << 12)

  init() throws { physical = try PhysicalMemory(regions: [region]) }

  @Test("A block is clear, aligned to its size and inside the range", arguments: UInt8(12)...16)
  func blocks(sizeLog2: UInt8) throws {
    for offset in stride(from: 0, to: region.length, by: 8) { physical.view.write64(region.start.advanced(by: offset), .max) }
    let tables = TableMemory(region, in: physical.view)
    _ = tables.allocate()
    let block = try #require(tables.allocate(sizeLog2: sizeLog2))
    #expect(block.isAligned(sizeLog2))
    #expect(block.distance(from: region.start) + (1 << UInt64(sizeLog2)) <= region.length)
    for offset in stride(from: 0, to: UInt64(1) << UInt64(sizeLog2), by: 8) {
      #expect(physical.view.read64(block.advanced(by: offset)) == 0)
    }
  }

  @Test("No two blocks share a frame, and the range is used to its end")
  func distinct() {
    let tables = TableMemory(region, in: physical.view)
    var frames: Set<PhysicalAddress> = []
    while let table = tables.allocate() { #expect(frames.insert(table).inserted) }
    #expect(frames.count == 64)
    #expect(tables.allocatedBytes == region.length)
    #expect(tables.allocate(sizeLog2: 13) == nil)
  }

  @Test("A block taken back is handed out again, and clear")
  func reuse() throws {
    let tables = TableMemory(region, in: physical.view)
    let table = try #require(tables.allocate())
    physical.view.write64(table.advanced(by: 0xFF8), 1)
    tables.deallocate(table)
    #expect(tables.allocatedBytes == 0)
    #expect(tables.allocate() == table)
    #expect(physical.view.read64(table.advanced(by: 0xFF8)) == 0)
  }

  @Test("Memory that nothing backs gives no table")
  func unbacked() {
    let tables = TableMemory(MemoryRegion(start: PhysicalAddress(0x4000_0000), length: 1 << 20), in: physical.view)
    #expect(tables.allocate() == nil)
  }

  @Test("A range in sparse memory gives the frames that are backed")
  func sparse() throws {
    let sparse = try PhysicalMemory()
    let start = PhysicalAddress(0x000F_FFFF_FFFF_F000)
    sparse.addFrame(start)
    let tables = TableMemory(MemoryRegion(start: start, length: 4096), in: sparse.view)
    #expect(tables.allocate() == start)
    #expect(tables.allocate() == nil)
  }
}
