import Hardware
import VTdArchitecture

/// The 4 KiB pages that a range of addresses touches, by number.
struct PageRun: Hashable {
  /// The first page.
  let first: UInt64
  /// The last page.
  let last: UInt64

  /// The pages of `length` bytes (1 or more) from `start` on, at most up to the end of the address space.
  init(_ start: IOVirtualAddress, length: UInt64) {
    let end = start.rawValue.addingReportingOverflow(length &- 1)
    first = start.pageNumber(PageSizeLog2.size4K)
    last = (end.overflow ? .max : end.partialValue) >> UInt64(PageSizeLog2.size4K)
  }

  /// The smallest aligned run of a power of two pages that holds them all: what an invalidation descriptor can say.
  var aligned: PageRange {
    let mask = UInt8(64 - (first ^ last).leadingZeroBitCount)
    let base = first & (UInt64.max << UInt64(mask))
    return PageRange(IOVirtualAddress(base << UInt64(PageSizeLog2.size4K)), addressMask: mask)
  }
}
