import DMATrace
import Hardware
import HostDrivers

/// The address spaces of a replay, and who is attached to which.
///
/// Finding the space of a request is a comparison if the request before came from the same source, else a look into a hash table.
struct AddressSpaceTable: ~Copyable {
  /// An address space of the trace, and what replay knows of it.
  struct Space: ~Copyable {
    /// How the driver calls it.
    let handle: AddressSpace
    /// The domain id that its translations are tagged with, if it has one.
    let domain: UInt32?
    /// The pages that are mapped, or that the trace maps and unmaps itself.
    var pages: PageSet
  }

  private var spaces: [UniqueBox<Space>] = []
  private var byDomain: [TraceDomain: Int] = [:]
  private var bySource: [UInt64: Int] = [:]
  private var lastSource = UInt64.max
  private var last: UnsafeMutablePointer<Space>?

  private static func source(_ requester: RequesterID, _ pasid: PASID?) -> UInt64 {
    UInt64(requester.rawValue) | (pasid.map { UInt64($0.rawValue &+ 1) } ?? 0) &<< 32
  }

  /// The space that a source's requests go to; `nil` if it is not attached.
  mutating func space(_ requester: RequesterID, _ pasid: PASID?) -> UnsafeMutablePointer<Space>? {
    let source = Self.source(requester, pasid)
    return source == lastSource ? last : select(source)
  }

  /// Whether the source is the one that was asked for last, and the page of its address is mapped.
  @inline(__always) mutating func hasTouched(_ address: IOVirtualAddress, by source: UInt64) -> Bool {
    if source == lastSource, let last { return last.pointee.pages.hasBit(address) }
    return false
  }

  private mutating func select(_ source: UInt64) -> UnsafeMutablePointer<Space>? {
    lastSource = source
    last = bySource[source].map { spaces[$0].pointer }
    return last
  }

  /// The space of a domain of the trace; `nil` if there is none yet.
  func space(_ domain: TraceDomain) -> UnsafeMutablePointer<Space>? { byDomain[domain].map { spaces[$0].pointer } }

  /// Enters a space, for a domain of the trace if it has one there.
  mutating func add(_ space: consuming Space, domain: TraceDomain?) -> UnsafeMutablePointer<Space> {
    let box = UniqueBox(space)
    if let domain { byDomain[domain] = spaces.count }
    spaces.append(box)
    return box.pointer
  }

  /// Notes that a source's requests go to a space from now on, or nowhere.
  mutating func attach(_ requester: RequesterID, _ pasid: PASID?, to space: UnsafeMutablePointer<Space>?) {
    let source = Self.source(requester, pasid)
    bySource[source] = space.flatMap { wanted in spaces.firstIndex { $0.pointer == wanted } }
    lastSource = .max
  }
}
