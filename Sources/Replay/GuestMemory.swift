import Hardware
import HostDrivers

/// The memory of the guest whose devices a replay with both stages replays: every guest physical address is the physical address of the same number.
///
/// A guest has its memory from the start; a replay gives it each page when something is to lie there.
struct GuestMemory: ~Copyable {
  /// The second stage that all the guest's address spaces are nested in.
  let space: AddressSpace
  private let pageSizeLog2: UInt8
  // Indexed by guest physical address.
  private var pages: PageSet

  /// The memory behind a second-stage address space, in pages of 2^`pageSizeLog2` bytes.
  init(_ space: AddressSpace, pageSizeLog2: UInt8) {
    self.space = space
    self.pageSizeLog2 = pageSizeLog2
    pages = PageSet(pageSizeLog2: pageSizeLog2)
  }

  /// Gives the guest the pages of `length` bytes from `start` on that it does not have yet.
  mutating func provide(_ start: GuestPhysicalAddress, length: UInt64, by driver: VTdDriver) throws(HostDriverError) {
    guard length > 0 else { return }
    let end = start.rawValue.addingReportingOverflow(length - 1)
    guard !end.overflow else { throw .pageTable(.outOfRange(start.rawValue)) }
    let size: UInt64 = 1 << UInt64(pageSizeLog2)
    var page = start.alignedDown(pageSizeLog2)
    while true {
      if !pages.contains(IOVirtualAddress(page.rawValue)) {
        try driver.map(
          page, to: PhysicalAddress(page.rawValue), length: size, permissions: .readWrite, in: space, largestPageLog2: pageSizeLog2)
        pages.insert(IOVirtualAddress(page.rawValue))
      }
      guard end.partialValue - page.rawValue >= size else { return }
      page = page.advanced(by: size)
    }
  }
}
