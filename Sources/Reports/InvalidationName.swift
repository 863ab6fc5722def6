import VTd
import VTdArchitecture

/// Invalidations for people, as in `IOTLB pages 0x1000-0x1fff of domain 3, leaves only`.
enum InvalidationName {
  static func of(_ request: InvalidationRequest) -> String {
    switch request {
    case .everything: "all caches"
    case .contexts(.all): "context cache, all"
    case .contexts(.domain(let domain)): "context cache of domain \(domain)"
    case .contexts(.requester(let requester, let mask, let domain)):
      "context cache of \(requester)" + (mask == 0 ? "" : " with function mask \(mask)") + (domain.map { " in domain \($0)" } ?? "")
    case .pasids(.global): "PASID cache, all"
    case .pasids(.domain(let domain)): "PASID cache of domain \(domain)"
    case .pasids(.pasid(let domain, let pasid)): "PASID cache of PASID \(pasid) in domain \(domain)"
    case .translations(let invalidation):
      switch invalidation.scope {
      case .global: "IOTLB, all"
      case .domain(let domain): "IOTLB of domain \(domain)"
      case .pages(let domain, let range, let leafOnly): "IOTLB \(pages(range)) of domain \(domain)\(leafOnly ? ", leaves only" : "")"
      }
    case .addressSpace(.pasid(let domain, let pasid)): "IOTLB of PASID \(pasid) in domain \(domain)"
    case .addressSpace(.pages(let domain, let pasid, let range, let leafOnly)):
      "IOTLB \(pages(range)) of PASID \(pasid) in domain \(domain)\(leafOnly ? ", leaves only" : "")"
    case .interruptEntries: "interrupt entry cache"
    case .hostPermissions: "host permissions"
    }
  }

  private static func pages(_ range: PageRange) -> String {
    range.addressMask == 0 ? "page \(range.base)" : "pages \(range.base)-\(range.last)"
  }
}
