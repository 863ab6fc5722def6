import Hardware
import Translation
import VTd
import VTdArchitecture

/// Something that a unit has cached, by what invalidations select it by (VT-d rev 5.10 tables 17 to 20).
enum CachedThing: Hashable {
  /// A translation in the IOTLB or of a walk under way; `base` is the first address of its page.
  case translation(TranslationRequest.Sender, checks: UInt64, ContextStages, domain: UInt32, addressSpace: UInt32, base: UInt64, sizeLog2: UInt8)
  /// A context entry.
  case contextEntry(RequesterID, domain: DomainID?)
  /// A PASID table entry.
  case pasidEntry(RequesterID, PASID, domain: DomainID)
  /// A second-stage paging-structure entry.
  case tablePointer(level: UInt8, base: UInt64, domain: UInt32)

  /// The translation that an IOTLB entry is for a request.
  init(_ entry: IOTLBEntry, for request: TranslationRequest) {
    self = .translation(
      request.sender, checks: request.checks, entry.stages, domain: entry.domain, addressSpace: entry.addressSpace,
      base: request.address.alignedDown(entry.sizeLog2).rawValue, sizeLog2: entry.sizeLog2)
  }

  /// Whether an invalidation reaches this (VT-d rev 5.10 tables 23 and 24).
  func isCovered(by invalidation: InvalidationRequest) -> Bool {
    switch (self, invalidation) {
    case (_, .everything): return true
    case (.contextEntry(let requester, let domain), .contexts(let scope)):
      switch scope {
      case .all: return true
      case .domain(let id): return domain == nil || domain == id
      case .requester(let source, let mask, let id):
        return ContextCacheInvalidation.covers(source, functionMask: mask, requester) && (id == nil || domain == nil || domain == id)
      }
    case (.pasidEntry(_, let pasid, let domain), .pasids(let scope)):
      switch scope {
      case .global: return true
      case .domain(let id): return domain == id
      case .pasid(let id, let other): return domain == id && pasid == other
      }
    case (.translation(_, _, let stages, let domain, _, let base, let size), .translations(let invalidation)):
      switch invalidation.scope {
      case .global: return true
      case .domain(let id): return domain == UInt32(id.rawValue)
      case .pages(let id, let range, _):
        // A second-stage range says nothing of first-stage addresses: all of them go.
        let isByAddress = stages == .second || stages == .passThrough
        return domain == UInt32(id.rawValue) && (!isByAddress || range.overlaps(IOVirtualAddress(base), sizeLog2: size))
      }
    case (.translation(_, _, let stages, let domain, let space, let base, let size), .addressSpace(let invalidation)):
      switch invalidation {
      case .pasid(let id, let pasid): return domain == UInt32(id.rawValue) && space == pasid.rawValue
      case .pages(let id, let pasid, let range, leafOnly: _):
        return domain == UInt32(id.rawValue) && space == pasid.rawValue && (stages == .first || stages == .nested)
          && range.overlaps(IOVirtualAddress(base), sizeLog2: size)
      }
    case (.tablePointer(let level, let base, let domain), .translations(let invalidation)):
      switch invalidation.scope {
      case .global: return true
      case .domain(let id): return domain == UInt32(id.rawValue)
      case .pages(let id, let range, let leafOnly):
        return !leafOnly && domain == UInt32(id.rawValue) && range.overlaps(IOVirtualAddress(base), sizeLog2: 3 + 9 * level)
      }
    default: return false
    }
  }

  /// Whether an invalidation is of the kind that could reach this, whatever its scope.
  func isOfItsKind(_ invalidation: InvalidationRequest) -> Bool {
    switch (self, invalidation) {
    case (.contextEntry, .contexts), (.pasidEntry, .pasids), (.translation, .translations), (.translation, .addressSpace),
      (.tablePointer, .translations), (.tablePointer, .addressSpace):
      true
    default: false
    }
  }

  /// The narrowest invalidation that reaches this after a change of its own tables, or of the entries above.
  ///
  /// - Parameter configurationChanged: A context or PASID entry has changed, so that everything of the domain is concerned.
  func needed(configurationChanged: Bool) -> InvalidationRequest {
    switch self {
    case .contextEntry(let requester, let domain): return .contexts(.requester(requester, functionMask: 0, domain: domain))
    case .pasidEntry(_, let pasid, let domain): return .pasids(.pasid(domain, pasid))
    case .translation(_, _, let stages, let domain, let space, let base, let size):
      let id = DomainID(UInt16(truncatingIfNeeded: domain))
      let isFirstStage = stages == .first
      if configurationChanged { return isFirstStage ? .addressSpace(.pasid(id, PASID(space))) : .translations(IOTLBInvalidation(.domain(id))) }
      let range = PageRange(IOVirtualAddress(base), addressMask: size - 12)
      if stages == .first || stages == .nested { return .addressSpace(.pages(id, PASID(space), range, leafOnly: true)) }
      return .translations(IOTLBInvalidation(.pages(id, range, leafOnly: true)))
    case .tablePointer(let level, let base, let domain):
      let id = DomainID(UInt16(truncatingIfNeeded: domain))
      if configurationChanged { return .translations(IOTLBInvalidation(.domain(id))) }
      return .translations(IOTLBInvalidation(.pages(id, PageRange(IOVirtualAddress(base), addressMask: 9 * level - 9), leafOnly: false)))
    }
  }
}
