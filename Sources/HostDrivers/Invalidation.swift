import Hardware

/// When a driver tells hardware that translations have gone.
public enum InvalidationPolicy: Hashable, Sendable {
  /// Before `unmap` returns: a device can't use what has been unmapped.
  case strict
  /// Later, many at once: after `batch` unmaps of an address space, or `timeout` after the first. Until then a device may still use what has been
  /// unmapped, and neither tables nor addresses are used again.
  case deferred(batch: Int, timeout: SimTime)
  /// Never by itself: whoever replays a recording asks for each invalidation that it holds.
  case recorded

  /// Deferred as Linux has it: 256 unmaps or 10 ms.
  public static let linuxDeferred = InvalidationPolicy.deferred(batch: 256, timeout: SimTime(nanoseconds: 10_000_000))
}

/// What an invalidation covers. Domains are numbers as hardware tags translations with (VT-d: domain id).
///
/// What a unit has no cache for needs no invalidation: such a scope has no effect.
public enum InvalidationScope: Hashable, Sendable {
  /// Every cache.
  case all
  /// Cached context entries, all of them.
  case contexts
  /// Cached context entries of a domain.
  case contextsOf(domain: UInt32)
  /// Cached context entries of a requester and of those whose low bits differ as the mask says (0 none, 1 bit 2, 2 bits 2:1, 3 bits 2:0).
  case context(RequesterID, functionMask: UInt8, domain: UInt32)
  /// Cached PASID entries, all of them.
  case pasids
  /// Cached PASID entries of a domain.
  case pasidsOf(domain: UInt32)
  /// The cached entries of one PASID.
  case pasid(PASID, domain: UInt32)
  /// All translations.
  case translations
  /// The translations of a domain.
  case translationsOf(domain: UInt32)
  /// A domain's translations of a range of second-stage addresses; `leafOnly` keeps pointers to tables cached.
  case pages(IOVirtualAddress, length: UInt64, domain: UInt32, leafOnly: Bool)
  /// The translations of one PASID.
  case pasidTranslations(PASID, domain: UInt32)
  /// One PASID's translations of a range of first-stage addresses; `leafOnly` keeps pointers to tables cached.
  case pasidPages(IOVirtualAddress, length: UInt64, PASID, domain: UInt32, leafOnly: Bool)
}
