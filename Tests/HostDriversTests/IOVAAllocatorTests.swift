import Hardware
import Testing

@testable import HostDrivers

@Suite struct IOVAAllocatorTests {
  private static let limit = IOVirtualAddress(1 << 32)
  private func allocator() -> IOVAAllocator { IOVAAllocator(from: IOVirtualAddress(0x1000), to: Self.limit) }

  @Test("Ranges come from the top down, aligned to their size")
  func topDown() {
    var addresses = allocator()
    #expect(addresses.allocate(length: 0x1000) == IOVirtualAddress(0xFFFF_F000))
    #expect(addresses.allocate(length: 0x4000) == IOVirtualAddress(0xFFFF_8000))
    #expect(addresses.allocate(length: 0x1000) == IOVirtualAddress(0xFFFF_E000))
    // 48 pages are aligned to 64.
    #expect(addresses.allocate(length: 0x3_0000) == IOVirtualAddress(0xFFFC_0000))
    #expect(addresses.allocate(length: 1) == IOVirtualAddress(0xFFFF_D000))
  }

  @Test("The last range freed of a size is the first handed out again")
  func stack() {
    var addresses = allocator()
    let ranges = (0..<3).compactMap { _ in addresses.allocate(length: 0x2000) }
    for range in ranges { addresses.free(range, length: 0x2000) }
    #expect(addresses.allocatedBytes == 0)
    // A page of another size doesn't touch them.
    #expect(addresses.allocate(length: 0x1000) == IOVirtualAddress(0xFFFF_9000))
    #expect((0..<3).map { _ in addresses.allocate(length: 0x2000) } == ranges.reversed())
  }

  @Test("Freed ranges wait only in so many places, then they are one gap again")
  func overflow() {
    var addresses = allocator()
    let count = IOVAAllocator.cacheDepth + 10
    let ranges = (0..<count).compactMap { _ in addresses.allocate(length: 0x1000) }
    #expect(ranges.count == count)
    for range in ranges { addresses.free(range, length: 0x1000) }
    for range in ranges[..<IOVAAllocator.cacheDepth].reversed() { #expect(addresses.allocate(length: 0x1000) == range) }
    #expect(addresses.allocate(length: 0x1000) == ranges[IOVAAllocator.cacheDepth])
  }

  @Test("Reserved ranges are never handed out, cached ones neither")
  func reserved() {
    var addresses = IOVAAllocator(from: IOVirtualAddress(0), to: IOVirtualAddress(0x1_0000))
    let cached = addresses.allocate(length: 0x1000)
    if let cached { addresses.free(cached, length: 0x1000) }
    addresses.reserve(IOVirtualAddress(0xE800), length: 0x1800)
    addresses.reserve(IOVirtualAddress(0x4000), length: 0x4000)
    addresses.reserve(IOVirtualAddress(.max), length: .max)
    addresses.reserve(IOVirtualAddress(0), length: 0)
    var seen: [UInt64] = []
    while let next = addresses.allocate(length: 0x1000) { seen.append(next.rawValue >> 12) }
    #expect(seen == [13, 12, 11, 10, 9, 8, 3, 2, 1, 0])
  }

  @Test("A limit is kept, for cached ranges too")
  func below() {
    var addresses = IOVAAllocator(from: IOVirtualAddress(0x1000), to: IOVirtualAddress(1 << 48))
    let high = addresses.allocate(length: 0x1000)
    if let high { addresses.free(high, length: 0x1000) }
    #expect(addresses.allocate(length: 0x1000, below: Self.limit) == IOVirtualAddress(0xFFFF_F000))
    #expect(addresses.allocate(length: 0x1000, below: IOVirtualAddress(0x1000)) == nil)
    #expect(addresses.allocate(length: 0x1000) == high)
  }

  @Test("Lengths that can't be give nothing", arguments: [0, 1 << 32, 1 << 63, .max] as [UInt64])
  func absurd(length: UInt64) {
    var addresses = allocator()
    #expect(addresses.allocate(length: length) == nil)
    addresses.free(IOVirtualAddress(0x1000), length: length)
    #expect(addresses.allocatedBytes == 0)
    var empty = IOVAAllocator(from: IOVirtualAddress(0x1800), to: IOVirtualAddress(0x2800), granuleLog2: 12)
    #expect(empty.allocate(length: 1) == nil)
  }

  @Test("Ranges in use never overlap, are aligned, and all space comes back", arguments: 0..<UInt64(6))
  func property(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var addresses = IOVAAllocator(from: IOVirtualAddress(0x1000), to: IOVirtualAddress(0x40_0000))
    var used: [(start: UInt64, length: UInt64)] = []
    var pages: Set<UInt64> = []
    for _ in 0..<3000 {
      if random.next(below: 5) < 3 {
        let length = (1 + random.next(below: random.next(below: 4) == 0 ? 100 : 12)) << 12
        guard let start = addresses.allocate(length: length)?.rawValue else { continue }
        let size: UInt64 = 1 << UInt64(64 - (length - 1).leadingZeroBitCount)
        #expect(start % size == 0 && start >= 0x1000 && start + length <= 0x40_0000)
        for page in start >> 12..<(start + length) >> 12 { #expect(pages.insert(page).inserted) }
        used.append((start, length))
      } else if !used.isEmpty {
        let range = used.remove(at: Int(random.next(below: UInt64(used.count))))
        addresses.free(IOVirtualAddress(range.start), length: range.length)
        for page in range.start >> 12..<(range.start + range.length) >> 12 { pages.remove(page) }
      }
    }
    for range in used { addresses.free(IOVirtualAddress(range.start), length: range.length) }
    #expect(addresses.allocatedBytes == 0)
    #expect(addresses.allocate(length: 0x20_0000) == IOVirtualAddress(0x20_0000))
  }
}
