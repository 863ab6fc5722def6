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
  private let maximumAddressMask: UInt8
  private let domainMask: UInt16

  init(_ identity: UnitIdentity, choices: ImplementationChoices, parameters: TranslationParameters, memory: MemoryView) {
    pipeline = Pipeline(parameters, memory: memory)
    resolver = RequestContextResolver(identity, choices: choices, parameters: parameters, memory: memory)
    maximumAddressMask = identity.capabilities.maximumAddressMask
    domainMask = UInt16.mask(width: identity.capabilities.domainIDWidth)
  }

  mutating func translate(_ request: TranslationRequest, at time: SimTime) -> TranslationResponse {
    pipeline.translate(request, at: time, resolver: &resolver)
  }

  // Domain bits beyond the supported width are ignored in commands.
  private func tag(_ id: DomainID) -> UInt32 { UInt32(id.rawValue & domainMask) }
}

extension TranslationUnit: InvalidationReceiver {
  mutating func invalidate(_ descriptor: InvalidationDescriptor) {
    pipeline.finishWalks(until: now)
    switch descriptor {
    case .contextCache(let invalidation): invalidateContexts(invalidation)
    case .pasidCache(let invalidation): invalidatePASIDs(invalidation)
    case .iotlb(let invalidation): invalidateIOTLB(invalidation.scope)
    case .pasidIOTLB(let invalidation): invalidateByPASID(invalidation)
    case .deviceTLB, .pasidDeviceTLB, .interruptEntryCache, .wait, .pageGroupResponse, .hostPermission: break
    }
  }

  mutating func invalidateEverything() {
    pipeline.finishWalks(until: now)
    resolver.caches.removeContexts { _, _ in true }
    resolver.caches.removePASIDs { _, _ in true }
    pipeline.invalidateTranslations { _, _ in true }
    pipeline.invalidateSecondStageTables { _ in true }
  }

  private mutating func invalidateContexts(_ invalidation: ContextCacheInvalidation) {
    switch invalidation {
    case .global: resolver.caches.removeContexts { _, _ in true }
    case .domain(let id):
      // Scalable-mode entries carry no domain, so that any of them may be meant.
      let masked = DomainID(id.rawValue & domainMask)
      resolver.caches.removeContexts { _, domain in domain.map { $0 == masked } ?? true }
    case .device(let source, let functionMask, let id):
      let masked = DomainID(id.rawValue & domainMask)
      resolver.caches.removeContexts { requester, domain in
        ContextCacheInvalidation.covers(source, functionMask: functionMask, requester) && (domain.map { $0 == masked } ?? true)
      }
    }
  }

  private mutating func invalidatePASIDs(_ invalidation: PASIDCacheInvalidation) {
    switch invalidation {
    case .global: resolver.caches.removePASIDs { _, _ in true }
    case .domain(let id):
      let masked = DomainID(id.rawValue & domainMask)
      resolver.caches.removePASIDs { domain, _ in domain == masked }
    case .pasid(let id, let pasid):
      let masked = DomainID(id.rawValue & domainMask)
      resolver.caches.removePASIDs { $0 == masked && $1 == pasid }
    }
  }

  private mutating func invalidateIOTLB(_ scope: IOTLBInvalidation.Scope) {
    switch scope {
    case .global:
      pipeline.invalidateTranslations { _, _ in true }
      pipeline.invalidateSecondStageTables { _ in true }
    case .domain(let id): invalidateDomain(tag(id))
    case .pages(let id, let range, let leafOnly):
      // A mask beyond MAMV is not provided for; the whole domain includes whatever was meant.
      if range.addressMask > maximumAddressMask { return invalidateDomain(tag(id)) }
      invalidatePages(tag(id), range, leafOnly: leafOnly)
    }
  }

  private mutating func invalidateDomain(_ domain: UInt32) {
    pipeline.invalidateTranslations { _, entry in entry.domain == domain }
    pipeline.invalidateSecondStageTables { $0.domain == domain }
  }

  private mutating func invalidatePages(_ domain: UInt32, _ range: PageRange, leafOnly: Bool) {
    // Second-stage ranges say nothing of the addresses that a first stage translates: those entries all go.
    pipeline.invalidateTranslations { _, entry in entry.domain == domain && (entry.stages == .first || entry.stages == .nested) }
    pipeline.invalidateTranslations(of: range.addresses) { _, entry in
      entry.domain == domain && (entry.stages == .second || entry.stages == .passThrough)
    }
    if !leafOnly { pipeline.invalidateSecondStageTables(of: range.addresses) { $0.domain == domain } }
  }

  private mutating func invalidateByPASID(_ invalidation: PASIDIOTLBInvalidation) {
    switch invalidation {
    case .pasid(let id, let pasid):
      let domain = tag(id)
      pipeline.invalidateTranslations { _, entry in entry.domain == domain && entry.addressSpace == pasid.rawValue }
    case .pages(let id, let pasid, let range, leafOnly: _):
      // Only entries that a first stage made are reached by page.
      let domain = tag(id)
      pipeline.invalidateTranslations(of: range.addresses) { _, entry in
        entry.domain == domain && entry.addressSpace == pasid.rawValue && (entry.stages == .first || entry.stages == .nested)
      }
    }
  }
}
