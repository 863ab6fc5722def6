import Testing

@testable import Hardware

@Suite struct FrameAllocatorTests {
  @Test("Frames come lowest first, and a freed one comes again before a new one")
  func order() {
    var frames = FrameAllocator(MemoryRegion(start: PhysicalAddress(0x1000), length: 0x3000))
    #expect(frames.allocate() == PhysicalAddress(0x1000))
    #expect(frames.allocate() == PhysicalAddress(0x2000))
    frames.deallocate(PhysicalAddress(0x1000))
    #expect(frames.allocate() == PhysicalAddress(0x1000))
    #expect(frames.allocate() == PhysicalAddress(0x3000))
    #expect(frames.allocate() == nil)
    #expect(frames.allocatedBytes == 0x3000)
  }

  @Test("A large block is aligned to its size, and the frames skipped before it stay available")
  func alignment() {
    var frames = FrameAllocator(MemoryRegion(start: PhysicalAddress(0x1000), length: 0x7F_F000))
    #expect(frames.allocate(sizeLog2: 21) == PhysicalAddress(0x20_0000))
    var below: Set<PhysicalAddress> = []
    for _ in 0..<511 { if let frame = frames.allocate(), frame.rawValue < 0x20_0000 { below.insert(frame) } }
    #expect(below.count == 511)
    #expect(!below.contains(PhysicalAddress(0)))
  }

  @Test("A freed large block is cut up when nothing else is left")
  func split() {
    var frames = FrameAllocator(MemoryRegion(start: PhysicalAddress(0), length: 0x20_0000))
    guard let block = frames.allocate(sizeLog2: 21) else {
      Issue.record("no block")
      return
    }
    #expect(frames.allocate() == nil)
    frames.deallocate(block, sizeLog2: 21)
    var seen: Set<PhysicalAddress> = []
    while let frame = frames.allocate() { seen.insert(frame) }
    #expect(seen.count == 512)
  }

  @Test("Sizes out of range and empty ranges give nothing")
  func nothing() {
    var empty = FrameAllocator(MemoryRegion(start: PhysicalAddress(0x1800), length: 0x700))
    #expect(empty.allocate() == nil)
    var frames = FrameAllocator(MemoryRegion(start: PhysicalAddress(0), length: 1 << 32))
    #expect(frames.allocate(sizeLog2: 11) == nil)
    #expect(frames.allocate(sizeLog2: 31) == nil)
  }
}
