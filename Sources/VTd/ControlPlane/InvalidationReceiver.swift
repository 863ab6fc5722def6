import Hardware
import VTdArchitecture

/// What the unit's caches are told to forget, with the capabilities, modes and choices of the unit already applied.
///
/// Domain ids are cut to the unit's width. Scope is exact: section 6.5.2 says for each command which kinds of cache it reaches.
@frozen public enum InvalidationRequest: Hashable, Sendable {
  /// Every cache of DMA translation: contexts, PASIDs, translations, paging structures.
  case everything
  /// Context-cache entries.
  case contexts(ContextScope)
  /// PASID-cache entries.
  case pasids(PASIDCacheInvalidation)
  /// IOTLB and paging-structure entries by domain.
  case translations(IOTLBInvalidation)
  /// IOTLB and first-stage paging-structure entries by PASID.
  case addressSpace(PASIDIOTLBInvalidation)
  /// Interrupt-entry-cache entries.
  case interruptEntries(InterruptEntryCacheInvalidation)
  /// Cached host permissions (5.x).
  case hostPermissions(HostPermissionInvalidation)
}

/// Context-cache entries (VT-d rev 5.10 section 6.5.2.1).
@frozen public enum ContextScope: Hashable, Sendable {
  /// All.
  case all
  /// Those of a domain; in legacy mode only.
  case domain(DomainID)
  /// Those of a requester whose low bits `functionMask` (0 to 3) excludes, and in legacy mode of a domain.
  case requester(RequesterID, functionMask: UInt8, domain: DomainID?)
}

/// Whoever holds the caches: is told at once, and in queue order, what to forget.
public protocol InvalidationReceiver: ~Copyable {
  /// Forgets what the request covers; may forget more.
  mutating func invalidate(_ request: InvalidationRequest)
}
