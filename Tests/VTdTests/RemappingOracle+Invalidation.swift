import Hardware
import VTdArchitecture

extension RemappingOracle {
  /// Forgets what the specification says that a descriptor reaches (VT-d rev 5.10 tables 23 and 24).
  mutating func invalidate(_ descriptor: InvalidationDescriptor, maximumAddressMask: UInt8) {
    switch descriptor {
    case .contextCache(.global): contexts = []
    case .contextCache(.domain(let id)): contexts = contexts.filter { !isScalable && $0.domain != UInt64(id.rawValue) }
    case .contextCache(.device(let requester, let mask, let id)):
      let ignored: UInt64 = [0, 4, 6, 7][Int(mask)]
      contexts = contexts.filter {
        ($0.requester ^ UInt64(requester.rawValue)) & ~ignored != 0 || (!isScalable && $0.domain != UInt64(id.rawValue))
      }
    case .pasidCache(.global): pasids = []
    case .pasidCache(.domain(let id)): pasids = pasids.filter { $0.domain != UInt64(id.rawValue) }
    case .pasidCache(.pasid(let id, let pasid)):
      pasids = pasids.filter { $0.domain != UInt64(id.rawValue) || $0.pasid != UInt64(pasid.rawValue) }
    case .iotlb(let invalidation):
      switch invalidation.scope {
      case .global: forgetTranslations()
      case .domain(let id): forgetTranslations(id)
      case .pages(let id, let range, _) where range.addressMask > maximumAddressMask: forgetTranslations(id)
      case .pages(let id, let range, let leafOnly):
        let size = UInt64(12 + range.addressMask)
        func overlaps(_ base: UInt64, _ log2: UInt64) -> Bool { base >> max(size, log2) == range.address.rawValue >> max(size, log2) }
        translations = translations.filter { $0.domain != UInt64(id.rawValue) || !overlaps($0.base, $0.size) }
        if !leafOnly {
          tables = tables.filter { table in
            let log2 = UInt64(3 + 9 * table.level)
            return table.domain != UInt64(id.rawValue) || !overlaps(table.tag << log2, log2)
          }
        }
      }
    case .pasidIOTLB(.pasid(let id, let pasid)):
      translations = translations.filter { $0.domain != UInt64(id.rawValue) || $0.addressSpace != UInt64(pasid.rawValue) }
    default: break
    }
  }

  private mutating func forgetTranslations(_ domain: DomainID? = nil) {
    translations = translations.filter { domain != nil && $0.domain != UInt64(domain?.rawValue ?? 0) }
    tables = tables.filter { domain != nil && $0.domain != UInt64(domain?.rawValue ?? 0) }
  }

  /// Forgets everything.
  mutating func forgetEverything() {
    contexts = []
    pasids = []
    forgetTranslations()
  }
}
