import Testing

@testable import Hardware

@Suite struct PhysicalMemoryTests {
  static let flat = MemoryRegion(start: PhysicalAddress(0x10_0000), length: 0x2000)

  @Test("A word written to a flat region reads back, and the last word of the region is inside it")
  func flatRegion() throws {
    let memory = try PhysicalMemory(regions: [Self.flat])
    #expect(memory.view.write64(PhysicalAddress(0x10_1FF8), 0x0123_4567_89AB_CDEF))
    #expect(memory.view.read64(PhysicalAddress(0x10_1FF8)) == 0x0123_4567_89AB_CDEF)
    #expect(memory.view.read32(PhysicalAddress(0x10_1FFC)) == 0x0123_4567)
    #expect(memory.view.read8(PhysicalAddress(0x10_1FF8)) == 0xEF)
  }

  @Test("An access to a hole aborts", arguments: [0, 0xF_FFF8, 0x10_2000, 0x4000_0000, 1 << 51, 1 << 52, UInt64.max])
  func hole(address: UInt64) throws {
    let memory = try PhysicalMemory(regions: [Self.flat])
    #expect(memory.view.read64(PhysicalAddress(address)) == nil)
    #expect(!memory.view.write64(PhysicalAddress(address), 1))
    #expect(memory.view.compareExchange64(PhysicalAddress(address), expected: 0, desired: 1) == .aborted)
  }

  @Test("A memory without flat regions aborts at every address, the host's own included")
  func empty() throws {
    let memory = try PhysicalMemory()
    #expect(memory.view.read64(PhysicalAddress(0)) == nil)
    #expect(memory.view.read8(PhysicalAddress(UInt64.max)) == nil)
  }

  @Test("A single frame can be added anywhere below 2^52 and taken away again", arguments: [0, 0x7C73_0000_0000, (1 << 52) - 4096])
  func sparseFrame(address: UInt64) throws {
    let memory = try PhysicalMemory(regions: [Self.flat])
    memory.addFrame(PhysicalAddress(address))
    #expect(memory.view.read64(PhysicalAddress(address + 4088)) == 0)
    #expect(memory.view.write64(PhysicalAddress(address + 8), 7))
    #expect(memory.view.read64(PhysicalAddress(address + 8)) == 7)
    memory.removeFrame(PhysicalAddress(address))
    #expect(memory.view.read64(PhysicalAddress(address + 8)) == nil)
  }

  @Test("A compare-exchange changes the word only if it holds the expected value")
  func compareExchange() throws {
    let memory = try PhysicalMemory(regions: [Self.flat])
    let place = PhysicalAddress(0x10_0010)
    #expect(memory.view.compareExchange64(place, expected: 0, desired: 5) == .exchanged)
    #expect(memory.view.compareExchange64(place, expected: 0, desired: 6) == .different(5))
    #expect(memory.view.read64(place) == 5)
  }

  @Test("A frame without atomics reads and writes, and aborts a compare-exchange, until it is taken away")
  func withoutAtomics() throws {
    let memory = try PhysicalMemory(regions: [MemoryRegion(start: PhysicalAddress(0x10_0000), length: 0x1000)])
    let frame = PhysicalAddress(0x5_0000_0000)
    memory.addFrame(frame, hasAtomics: false)
    #expect(memory.view.write64(frame.advanced(by: 8), 7))
    #expect(memory.view.read64(frame.advanced(by: 8)) == 7)
    #expect(memory.view.compareExchange64(frame.advanced(by: 8), expected: 7, desired: 9) == .aborted)
    #expect(memory.view.read64(frame.advanced(by: 8)) == 7)
    memory.removeFrame(frame)
    memory.addFrame(frame)
    #expect(memory.view.compareExchange64(frame, expected: 0, desired: 9) == .exchanged)
    // What is backed already stays as it is.
    memory.addFrame(frame, hasAtomics: false)
    #expect(memory.view.compareExchange64(frame, expected: 9, desired: 1) == .exchanged)
  }

  @Test("Bytes written across a frame read back, and stop at a hole")
  func bytes() throws {
    let memory = try PhysicalMemory(regions: [Self.flat])
    #expect(memory.view.writeBytes(PhysicalAddress(0x10_0FFE), [1, 2, 3, 4]))
    #expect(memory.view.readBytes(PhysicalAddress(0x10_0FFE), count: 4) == [1, 2, 3, 4])
    #expect(!memory.view.writeBytes(PhysicalAddress(0x10_1FFE), [1, 2, 3, 4]))
    #expect(memory.view.readBytes(PhysicalAddress(0x10_1FFE), count: 4) == nil)
  }

  @Test("Words written across a frame read back as words, and stop at a hole")
  func words() throws {
    let memory = try PhysicalMemory(regions: [Self.flat])
    #expect(memory.view.writeWords(PhysicalAddress(0x10_0FF0), [1, 2, 0x0102_0304_0506_0708]))
    #expect([0x10_0FF0, 0x10_0FF8, 0x10_1000].map { memory.view.read64(PhysicalAddress($0)) } == [1, 2, 0x0102_0304_0506_0708])
    #expect(memory.view.read8(PhysicalAddress(0x10_1000)) == 8)
    #expect(!memory.view.writeWords(PhysicalAddress(0x10_1FF8), [3, 4]))
    #expect(memory.view.read64(PhysicalAddress(0x10_1FF8)) == 3)
  }

  @Test("Regions that are misaligned, too large or overlapping are refused")
  func refused() {
    let odd = MemoryRegion(start: PhysicalAddress(0x800), length: 4096)
    #expect(throws: MemoryError.misplaced(odd)) { try PhysicalMemory(regions: [odd]) }
    let high = MemoryRegion(start: PhysicalAddress((1 << 52) - 4096), length: 8192)
    #expect(throws: MemoryError.misplaced(high)) { try PhysicalMemory(regions: [high]) }
    let twin = MemoryRegion(start: PhysicalAddress(0x10_1000), length: 4096)
    #expect(throws: MemoryError.overlapping(Self.flat, twin)) { try PhysicalMemory(regions: [twin, Self.flat]) }
    let huge = MemoryRegion(start: PhysicalAddress(0), length: 64 << 30)
    #expect(throws: MemoryError.tooLarge(bytes: 64 << 30)) { try PhysicalMemory(regions: [huge]) }
  }
}
