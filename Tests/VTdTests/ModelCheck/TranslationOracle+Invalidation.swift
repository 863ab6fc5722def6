import Hardware
import VTdArchitecture

/// What each invalidation reaches (VT-d rev 5.10 tables 23 and 24).
extension TranslationOracle {
  mutating func invalidate(_ descriptor: InvalidationDescriptor) {
    switch descriptor {
    case .contextCache(.global): contexts = []
    case .contextCache(.domain(let id)):
      contexts.removeAll { isScalable || $0.domain == UInt64(id.rawValue) }
    case .contextCache(.device(let requester, let mask, let id)):
      let ignored: UInt64 = [0, 4, 6, 7][Int(mask)]
      contexts.removeAll {
        ($0.requester ^ UInt64(requester.rawValue)) & ~ignored == 0 && (isScalable || $0.domain == UInt64(id.rawValue))
      }
    case .pasidCache(.global): pasids = []
    case .pasidCache(.domain(let id)): pasids.removeAll { $0.domain == UInt64(id.rawValue) }
    case .pasidCache(.pasid(let id, let pasid)):
      pasids.removeAll { $0.domain == UInt64(id.rawValue) && $0.pasid == UInt64(pasid.rawValue) }
    case .iotlb(let invalidation): invalidate(invalidation.scope)
    case .pasidIOTLB(.pasid(let id, let pasid)): invalidate(UInt64(id.rawValue), UInt64(pasid.rawValue))
    case .pasidIOTLB(.pages(let id, let pasid, let range, let leafOnly)):
      invalidate(UInt64(id.rawValue), UInt64(pasid.rawValue), range, leafOnly: leafOnly)
    default: break
    }
  }

  private mutating func invalidate(_ scope: IOTLBInvalidation.Scope) {
    switch scope {
    case .global:
      translations = []
      tables = []
      tablePages = []
    case .domain(let id): invalidate(domain: UInt64(id.rawValue))
    case .pages(let id, let range, _) where range.addressMask > capabilities.maximumAddressMask: invalidate(domain: UInt64(id.rawValue))
    case .pages(let id, let range, let leafOnly):
      let domain = UInt64(id.rawValue)
      // A guest physical range says nothing of the addresses that a first stage translates.
      translations.removeAll {
        $0.domain == domain && ($0.stages == .first || $0.stages == .nested || Self.overlaps(range, $0.base >> $0.size, $0.size))
      }
      tables.removeAll {
        $0.domain == domain && ($0.isFirstStage || (!leafOnly && Self.overlaps(range, $0.tag, UInt64(3 + 9 * $0.level))))
      }
      tablePages.removeAll { $0.domain == domain }
    }
  }

  private mutating func invalidate(domain: UInt64) {
    translations.removeAll { $0.domain == domain }
    tables.removeAll { $0.domain == domain }
    tablePages.removeAll { $0.domain == domain }
  }

  private mutating func invalidate(_ domain: UInt64, _ pasid: UInt64) {
    translations.removeAll { $0.domain == domain && $0.addressSpace == pasid }
    tables.removeAll { $0.isFirstStage && $0.domain == domain && $0.pasid == pasid }
  }

  private mutating func invalidate(_ domain: UInt64, _ pasid: UInt64, _ range: PageRange, leafOnly: Bool) {
    translations.removeAll {
      $0.domain == domain && $0.addressSpace == pasid && ($0.stages == .first || $0.stages == .nested)
        && Self.overlaps(range, $0.base >> $0.size, $0.size)
    }
    if leafOnly { return }
    tables.removeAll {
      $0.isFirstStage && $0.domain == domain && $0.pasid == pasid && Self.overlaps(range, $0.tag, UInt64(3 + 9 * $0.level))
    }
  }

  /// Whether a range meets the addresses whose bits from `sizeLog2` up are `tag`.
  private static func overlaps(_ range: PageRange, _ tag: UInt64, _ sizeLog2: UInt64) -> Bool {
    let size = max(UInt64(12 + range.addressMask), sizeLog2)
    return size >= 64 || (tag << sizeLog2) >> size == range.address.rawValue >> size
  }

  mutating func forgetEverything() {
    contexts = []
    pasids = []
    translations = []
    tables = []
    tablePages = []
  }
}
