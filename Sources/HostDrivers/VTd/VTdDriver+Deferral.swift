import Hardware
import VTdArchitecture

extension VTdDriver {
  /// Whether the page of an address of a domain has been unmapped while its invalidation is put off: a device may still use it, and nothing that it
  /// led to is used again.
  public func defersInvalidation(of address: IOVirtualAddress, in domain: DomainID) -> Bool {
    guard case .deferred = configuration.policy, Int(domain.rawValue) < domainsByID.count else { return false }
    let page = address.pageNumber(PageSizeLog2.size4K)
    return domainsByID[Int(domain.rawValue)]?.pending.overlap(first: page, last: page) ?? false
  }
}
