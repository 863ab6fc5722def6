import Hardware
import VTdArchitecture

extension VTdDriver {
  /// Above this many domains with something deferred, one global invalidation takes the place of one for each.
  static let globalFlushThreshold = 8

  /// Issues one invalidation, whatever the policy, and waits for it.
  public func invalidate(_ scope: InvalidationScope) throws(HostDriverError) {
    guard isRunning else { throw .notRunning }
    try perform(scope)
    release(coveredBy: scope)
  }

  /// Does now whatever invalidation has been put off.
  public func flush() throws(HostDriverError) {
    guard isRunning, !deferring.isEmpty else { return }
    let flushed = deferring
    if flushed.count > Self.globalFlushThreshold {
      try issue(.iotlb(translations(.global)))
    } else {
      for domain in flushed { try issue(.iotlb(translations(.domain(domain.id)))) }
    }
    try complete()
    activity.deferredFlushes += 1
    for domain in flushed { release(domain) }
  }

  /// Does what is due by now: a deferred flush whose time has come.
  public func runDue() throws(HostDriverError) {
    if bus.now >= nextDue { try flush() }
  }

  /// Flushes one domain's deferred unmaps.
  func flush(_ domain: Domain) throws(HostDriverError) {
    try issue(.iotlb(translations(.domain(domain.id))))
    try complete()
    activity.deferredFlushes += 1
    release(domain)
  }

  /// Issues the descriptors of a scope, in the order that caches depend on one another (VT-d rev 5.10 section 6.5), and waits.
  func perform(_ scope: InvalidationScope) throws(HostDriverError) {
    func id(_ domain: UInt32) -> DomainID { DomainID(UInt16(truncatingIfNeeded: domain)) }
    switch scope {
    case .all:
      try issue(.contextCache(.global))
      if mode == .scalable { try issue(.pasidCache(.global)) }
      try issue(.iotlb(translations(.global)))
    case .contexts: try issue(.contextCache(.global))
    case .contextsOf(let domain): try issue(.contextCache(.domain(id(domain))))
    case .context(let requester, let mask, let domain): try issue(.contextCache(.device(requester, functionMask: mask, id(domain))))
    case .translations: try issue(.iotlb(translations(.global)))
    case .translationsOf(let domain): try issue(.iotlb(translations(.domain(id(domain)))))
    case .pages(let start, let length, let domain, let leafOnly):
      guard length > 0 else { return }
      try issue(.iotlb(translations(pages(of: id(domain), PageRun(start, length: length), leafOnly: leafOnly))))
    case .pasids, .pasidsOf, .pasid, .pasidTranslations, .pasidPages:
      guard mode == .scalable else { return }
      try performPASID(scope, id)
    }
    try complete()
  }

  private func performPASID(_ scope: InvalidationScope, _ id: (UInt32) -> DomainID) throws(HostDriverError) {
    switch scope {
    case .pasids: try issue(.pasidCache(.global))
    case .pasidsOf(let domain): try issue(.pasidCache(.domain(id(domain))))
    case .pasid(let pasid, let domain): try issue(.pasidCache(.pasid(id(domain), pasid)))
    case .pasidTranslations(let pasid, let domain): try issue(.pasidIOTLB(.pasid(id(domain), pasid)))
    case .pasidPages(let start, let length, let pasid, let domain, let leafOnly):
      guard length > 0 else { return }
      try issue(.pasidIOTLB(.pages(id(domain), pasid, PageRun(start, length: length).aligned, leafOnly: leafOnly)))
    default: break
    }
  }

  /// An IOTLB invalidation that drains what the unit can drain.
  func translations(_ scope: IOTLBInvalidation.Scope) -> IOTLBInvalidation {
    IOTLBInvalidation(scope, drainReads: identity.capabilities.readDraining, drainWrites: identity.capabilities.writeDraining)
  }

  /// What covers a run of pages of a domain: the pages where the unit can select them, else the domain (VT-d rev 5.10 section 6.5.2.3).
  func pages(of id: DomainID, _ run: PageRun, leafOnly: Bool) -> IOTLBInvalidation.Scope {
    let range = run.aligned
    let capabilities = identity.capabilities
    guard capabilities.pageSelectiveInvalidation, range.addressMask <= capabilities.maximumAddressMask else { return .domain(id) }
    return .pages(id, range, leafOnly: leafOnly)
  }

  /// Gives tables and addresses back that hardware can't know any more after an invalidation.
  private func release(coveredBy scope: InvalidationScope) {
    func domain(_ id: UInt32) -> Domain? { id < domainsByID.count ? domainsByID[Int(id)] : nil }
    switch scope {
    case .all, .translations:
      for domain in domainsByID { if let domain { release(domain) } }
      for frame in retired { tables.deallocate(frame) }
      retired.removeAll()
    case .translationsOf(let id): if let domain = domain(id) { release(domain) }
    case .pages(let start, let length, let id, leafOnly: false):
      guard length > 0, let domain = domain(id), !domain.pending.isEmpty else { return }
      let run = PageRun(start, length: length)
      let covered = domain.pending.remove(within: run.first, run.last)
      giveBack(covered, to: domain)
      if domain.pending.isEmpty { release(domain) }
    default: break
    }
  }

  /// Gives back everything that waits in a domain.
  func release(_ domain: Domain) {
    giveBack(domain.pending, to: domain)
    domain.pending.removeAll()
    deferring.removeAll { $0 === domain }
    if deferring.isEmpty { nextDue = .never }
  }

  private func giveBack(_ pending: PendingUnmaps, to domain: Domain) {
    giveBack(pending.tables)
    for entry in pending.entries where entry.freesAddresses {
      domain.addresses.free(IOVirtualAddress(entry.first << 12), length: (entry.last - entry.first + 1) << 12)
    }
  }

  func giveBack(_ frames: [PhysicalAddress]) {
    for frame in frames { tables.deallocate(frame) }
    activity.freedTables += UInt64(frames.count)
  }
}
