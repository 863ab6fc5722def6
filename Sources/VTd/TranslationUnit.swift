import Hardware
import PageTables
import Translation
import VTdArchitecture

/// The translating half of a remapping unit: its caches, and who is found in them.
///
/// What each invalidation reaches is VT-d rev 5.10 tables 23 and 24; a second-stage entry is never reached by a PASID alone, because
/// paging-structure entries of the second stage are tagged by domain only.
struct TranslationUnit: ~Copyable {
  var pipeline: Pipeline
  var resolver: RequestContextResolver
  /// The time up to which walks have filled the caches when an invalidation comes.
  var now = SimTime.zero
  /// Told of each invalidation before it takes effect, if anybody wants to know.
  var willInvalidate: ((InvalidationRequest) -> Void)?

  init(_ identity: UnitIdentity, choices: ImplementationChoices, parameters: TranslationParameters, memory: MemoryView) {
    pipeline = Pipeline(parameters, memory: memory)
    resolver = RequestContextResolver(identity, choices: choices, parameters: parameters, memory: memory)
  }

  @inline(__always) mutating func translate(_ request: TranslationRequest, at time: SimTime, into response: inout TranslationResponse) {
    pipeline.translate(request, at: time, resolver: &resolver, into: &response)
  }
}

extension TranslationUnit: InvalidationReceiver {
  mutating func invalidate(_ request: InvalidationRequest) {
    pipeline.finishWalks(until: now)
    willInvalidate?(request)
    resolver.recent.isCached = false
    switch request {
    case .everything: invalidateEverything()
    case .contexts(let scope): invalidateContexts(scope)
    case .pasids(let invalidation): invalidatePASIDs(invalidation)
    case .translations(let invalidation): invalidateTranslations(invalidation.scope)
    case .addressSpace(let invalidation): invalidateAddressSpace(invalidation)
    // No cache here holds any of this.
    case .interruptEntries, .hostPermissions: break
    }
  }

  private mutating func invalidateEverything() {
    resolver.caches.removeContexts { _, _ in true }
    resolver.caches.removePASIDs { _, _ in true }
    invalidateAllTranslations { _ in true }
  }

  private mutating func invalidateContexts(_ scope: ContextScope) {
    switch scope {
    case .all: resolver.caches.removeContexts { _, _ in true }
    // Scalable-mode entries carry no domain, so that any of them may be meant.
    case .domain(let id): resolver.caches.removeContexts { _, domain in domain.map { $0 == id } ?? true }
    case .requester(let source, let functionMask, let id):
      resolver.caches.removeContexts { requester, domain in
        ContextCacheInvalidation.covers(source, functionMask: functionMask, requester) && (id == nil || domain == nil || domain == id)
      }
    }
  }

  private mutating func invalidatePASIDs(_ invalidation: PASIDCacheInvalidation) {
    switch invalidation {
    case .global: resolver.caches.removePASIDs { _, _ in true }
    case .domain(let id): resolver.caches.removePASIDs { domain, _ in domain == id }
    case .pasid(let id, let pasid): resolver.caches.removePASIDs { $0 == id && $1 == pasid }
    }
  }

  // What each scope covers of IOTLB and paging-structure caches: VT-d rev 5.10 tables 23 and 24.
  private mutating func invalidateTranslations(_ scope: IOTLBInvalidation.Scope) {
    switch scope {
    case .global: invalidateAllTranslations { _ in true }
    case .domain(let id): invalidateAllTranslations { $0 == UInt32(id.rawValue) }
    case .pages(let id, let range, let leafOnly): invalidatePages(UInt32(id.rawValue), range, leafOnly: leafOnly)
    }
  }

  mutating func invalidateAllTranslations(of matches: (_ domain: UInt32) -> Bool) {
    pipeline.invalidateTranslations { _, entry in matches(entry.domain) }
    pipeline.invalidateFirstStageTables { domain, _ in matches(domain) }
    pipeline.invalidateSecondStageTables(where: matches)
    pipeline.invalidateTableTranslations(where: matches)
  }

  private mutating func invalidatePages(_ domain: UInt32, _ range: PageRange, leafOnly: Bool) {
    pipeline.invalidateTranslations(of: range.addresses) { _, entry in entry.domain == domain }
    // A second-stage range says nothing of the addresses that a first stage translates: all such entries of the domain go.
    pipeline.invalidateTranslations { _, entry in entry.domain == domain && (entry.stages == .first || entry.stages == .nested) }
    pipeline.invalidateFirstStageTables { other, _ in other == domain }
    pipeline.invalidateTableTranslations { $0 == domain }
    if !leafOnly { pipeline.invalidateSecondStageTables(of: range.addresses) { $0 == domain } }
  }

  private mutating func invalidateAddressSpace(_ invalidation: PASIDIOTLBInvalidation) {
    switch invalidation {
    case .pasid(let id, let pasid):
      pipeline.invalidateTranslations { _, entry in entry.domain == UInt32(id.rawValue) && entry.addressSpace == pasid.rawValue }
      pipeline.invalidateFirstStageTables { $0 == UInt32(id.rawValue) && $1 == pasid.rawValue }
    case .pages(let id, let pasid, let range, let leafOnly):
      // Only entries that a first stage made are reached by page.
      pipeline.invalidateTranslations(of: range.addresses) { _, entry in
        entry.domain == UInt32(id.rawValue) && entry.addressSpace == pasid.rawValue
          && (entry.stages == .first || entry.stages == .nested)
      }
      if !leafOnly {
        pipeline.invalidateFirstStageTables(of: range.addresses) { $0 == UInt32(id.rawValue) && $1 == pasid.rawValue }
      }
    }
  }
}

extension PageRange {
  /// Every address of the run.
  fileprivate var addresses: ClosedRange<UInt64> { base.rawValue...last.rawValue }
}
