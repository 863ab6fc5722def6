import Hardware
import Testing

@testable import VTdArchitecture

@Suite struct RangeTests {
  @Test(
    "2^AM pages are aligned to their size",
    arguments: [
      (0x1234_5678, 0, 0x1234_5000, 0x1234_5FFF), (0x1234_5678, 9, 0x1220_0000, 0x123F_FFFF), (.max, 52, 0, .max), (0x1000, 63, 0, .max),
    ] as [(UInt64, UInt8, UInt64, UInt64)])
  func bounds(address: UInt64, mask: UInt8, base: UInt64, last: UInt64) {
    let range = PageRange(IOVirtualAddress(address), addressMask: mask)
    #expect(range.base == IOVirtualAddress(base))
    #expect(range.last == IOVirtualAddress(last))
  }

  @Test(
    "A run of pages overlaps the blocks that share an address with it",
    arguments: [
      (0x20_1000, 0, 0x20_0000, 21, true), (0x40_0000, 0, 0x20_0000, 21, false), (0x20_0000, 9, 0x20_5000, 12, true),
      (0x20_0000, 9, 0x1F_F000, 12, false), (0x0, 52, 0xFFFF_0000_0000_0000, 12, true), (0x1000, 0, 0x1000, 12, true),
    ] as [(UInt64, UInt8, UInt64, UInt8, Bool)])
  func overlap(address: UInt64, mask: UInt8, block: UInt64, size: UInt8, expected: Bool) {
    #expect(PageRange(IOVirtualAddress(address), addressMask: mask).overlaps(IOVirtualAddress(block), sizeLog2: size) == expected)
  }

  @Test(
    "The lowest 0 of a large range's address gives its size",
    arguments: [
      (0x1000, false, 0), (0x0000, true, 1), (0x1000, true, 2), (0x1_1000, true, 2), (0x1_3000, true, 3), (0x7FFF_FFFF_FFFF_F000, true, 52),
      (0xFFFF_FFFF_FFFF_F000, true, 52),
    ] as [(UInt64, Bool, UInt8)])
  func encoded(address: UInt64, large: Bool, mask: UInt8) {
    #expect(EncodedPageRange(address: IOVirtualAddress(address), large: large).range.addressMask == mask)
  }

  @Test("A run of pages survives its encoding", arguments: [0, 1, 2, 9, 18, 51, 52] as [UInt8])
  func roundTrip(mask: UInt8) {
    let range = PageRange(IOVirtualAddress(0xABCD_EF01_2345_6000), addressMask: mask)
    let decoded = EncodedPageRange(range).range
    #expect(decoded.base == range.base)
    #expect(decoded.last == range.last)
  }

  @Test(
    "A function mask covers the functions that differ in the bits it names", arguments: [(0, 1), (1, 2), (2, 4), (3, 8)] as [(UInt8, Int)])
  func functionMask(mask: UInt8, count: Int) {
    let covered = (0..<UInt32(0x100)).filter {
      ContextCacheInvalidation.covers(RequesterID(0x15), functionMask: mask, RequesterID($0))
    }
    #expect(covered.count == count)
    #expect(covered.contains(0x15))
    if mask == 1 { #expect(covered == [0x11, 0x15]) }
    if mask == 2 { #expect(covered == [0x11, 0x13, 0x15, 0x17]) }
  }
}
