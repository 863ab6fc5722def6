import Hardware

/// What the map records of an import have mapped so far, so that a translation in the log is compared with it.
///
/// Pages of different sizes may replace one another: a page counts as mapped while no later map or unmap has touched it.
struct ImportedMappings {
  /// Where a page leads, and what it permits.
  struct Target: Equatable {
    var physical: PhysicalAddress
    var permissions: Permissions
  }

  private struct Page: Hashable {
    var domain: TraceDomain
    /// The address of the page, with the base-2 logarithm of its size in the bits that are zero.
    var addressAndSize: UInt64

    init(_ domain: TraceDomain, _ address: IOVirtualAddress, _ sizeLog2: UInt8) {
      self.domain = domain
      addressAndSize = address.alignedDown(sizeLog2).rawValue | UInt64(sizeLog2)
    }
  }

  /// A page without a target was unmapped, in an order that counts for the smaller pages in it.
  private var pages: [Page: (target: Target?, order: Int)] = [:]
  /// The page sizes in use.
  private var sizes: [UInt8] = []
  private var order = 0

  /// Where the page of 2^`sizeLog2` bytes at an address leads, if it is mapped as one page.
  func target(_ domain: TraceDomain, _ address: IOVirtualAddress, sizeLog2: UInt8) -> Target? {
    guard let page = pages[Page(domain, address, sizeLog2)] else { return nil }
    for larger in sizes where larger > sizeLog2 {
      if let above = pages[Page(domain, address, larger)], above.order > page.order { return nil }
    }
    return page.target
  }

  /// Where the page that holds an address leads, whatever its size.
  func target(_ domain: TraceDomain, _ address: IOVirtualAddress) -> Target? {
    for size in sizes {
      if let found = target(domain, address, sizeLog2: size) { return found }
    }
    return nil
  }

  /// Notes that a page has been mapped.
  mutating func map(_ domain: TraceDomain, _ address: IOVirtualAddress, sizeLog2: UInt8, to target: Target) {
    if !sizes.contains(sizeLog2) { sizes.append(sizeLog2) }
    replace(domain, address, sizeLog2, by: target)
  }

  /// Notes that a page has been unmapped, and with it all in it and parts of the larger pages around it.
  mutating func unmap(_ domain: TraceDomain, _ address: IOVirtualAddress, sizeLog2: UInt8) {
    if !sizes.contains(sizeLog2) { sizes.append(sizeLog2) }
    replace(domain, address, sizeLog2, by: nil)
  }

  private mutating func replace(_ domain: TraceDomain, _ address: IOVirtualAddress, _ sizeLog2: UInt8, by target: Target?) {
    for larger in sizes where larger > sizeLog2 { pages[Page(domain, address, larger)]?.target = nil }
    order += 1
    pages[Page(domain, address, sizeLog2)] = (target, order)
  }
}
