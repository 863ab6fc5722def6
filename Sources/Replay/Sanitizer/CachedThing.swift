import Hardware
import Translation
import VTd
import VTdArchitecture

/// Something that a unit has cached, by what invalidations select it by (VT-d rev 5.10 tables 17 to 20).
enum CachedThing: Hashable {
  /// A translation in the IOTLB or of a walk under way; `base` is the first address of its page.
  case translation(
    TranslationRequest.Sender, checks: UInt64, ContextStages, domain: UInt32, addressSpace: UInt32, base: UInt64, sizeLog2: UInt8)
  /// A context entry.
  case contextEntry(RequesterID, domain: DomainID?)
  /// A PASID table entry.
  case pasidEntry(RequesterID, PASID, domain: DomainID)
  /// An entry of a cache that shortens walks.
  case tablePointer(WalkDescent.Cache, level: UInt8, base: UInt64, coverLog2: UInt8, domain: UInt32, addressSpace: UInt32)

  /// The translation that an IOTLB entry is for a request.
  init(_ entry: IOTLBEntry, for request: TranslationRequest) {
    self = .translation(
      request.sender, checks: request.checks, entry.stages, domain: entry.domain, addressSpace: entry.addressSpace,
      base: request.address.alignedDown(entry.sizeLog2).rawValue, sizeLog2: entry.sizeLog2)
  }

  /// An entry of a cache that shortens walks; second-stage ones are tagged by domain alone.
  init(_ pointer: TablePointer) {
    let isByDomain = pointer.cache == .second || pointer.cache == .tables
    self = .tablePointer(
      pointer.cache, level: pointer.level, base: pointer.base, coverLog2: pointer.coverLog2, domain: pointer.domain,
      addressSpace: isByDomain ? 0 : pointer.addressSpace)
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
    case (.tablePointer(let cache, _, let base, let size, let domain, _), .translations(let invalidation)):
      switch invalidation.scope {
      case .global: return true
      case .domain(let id): return domain == UInt32(id.rawValue)
      case .pages(let id, let range, let leafOnly):
        let isReached = range.overlaps(IOVirtualAddress(base), sizeLog2: size)
        return domain == UInt32(id.rawValue)
          && (cache == .second ? !leafOnly && isReached : cache == .tables ? isReached : true)
      }
    case (.tablePointer(let cache, _, let base, let size, let domain, let space), .addressSpace(let invalidation)):
      guard cache == .first || cache == .nested else { return false }
      switch invalidation {
      case .pasid(let id, let pasid): return domain == UInt32(id.rawValue) && space == pasid.rawValue
      case .pages(let id, let pasid, let range, let leafOnly):
        return !leafOnly && domain == UInt32(id.rawValue) && space == pasid.rawValue
          && range.overlaps(IOVirtualAddress(base), sizeLog2: size)
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

  /// The narrowest invalidation that reaches this after a change.
  ///
  /// - Parameter change: What has changed; `nil` if that is not known.
  func needed(after change: TableHistory.Role?) -> InvalidationRequest {
    switch self {
    case .contextEntry(let requester, let domain): return .contexts(.requester(requester, functionMask: 0, domain: domain))
    case .pasidEntry(_, let pasid, let domain): return .pasids(.pasid(domain, pasid))
    case .translation(_, _, let stages, let domain, let space, let base, let size):
      let isFirstStage = stages == .first || stages == .nested
      return Self.needed(
        after: change, domain, space, stages == .first, pages: PageRange(IOVirtualAddress(base), addressMask: size - 12),
        isFirstStage: isFirstStage, leafOnly: true)
    case .tablePointer(let cache, _, let base, let size, let domain, let space):
      let isFirstStage = cache == .first || cache == .nested
      return Self.needed(
        after: change, domain, space, cache == .first, pages: PageRange(IOVirtualAddress(base), addressMask: size - 12),
        isFirstStage: isFirstStage, leafOnly: cache == .tables)
    }
  }

  private static func needed(
    after change: TableHistory.Role?, _ domain: UInt32, _ space: UInt32, _ isOfPASID: Bool, pages: PageRange, isFirstStage: Bool,
    leafOnly: Bool
  ) -> InvalidationRequest {
    let id = DomainID(UInt16(truncatingIfNeeded: domain))
    switch change {
    case .contextEntry, .pasidEntry:
      return isOfPASID ? .addressSpace(.pasid(id, PASID(space))) : .translations(IOTLBInvalidation(.domain(id)))
    case .table(_, let addresses, isSecondStage: true) where isFirstStage:
      // The second stage under a first one: its own addresses are what is invalidated.
      let size = UInt8((addresses.upperBound - addresses.lowerBound).nonzeroBitCount)
      let range = PageRange(IOVirtualAddress(addresses.lowerBound), addressMask: size - 12)
      return .translations(IOTLBInvalidation(.pages(id, range, leafOnly: true)))
    default:
      if isFirstStage { return .addressSpace(.pages(id, PASID(space), pages, leafOnly: leafOnly)) }
      return .translations(IOTLBInvalidation(.pages(id, pages, leafOnly: leafOnly)))
    }
  }
}
