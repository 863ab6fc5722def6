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
      for domain in flushed { try forgetInDevices(nil, of: domain) }
    } else {
      for domain in flushed { try issueForget(nil, of: domain, leafOnly: false) }
    }
    try complete()
    activity.deferredFlushes += 1
    for domain in flushed { release(domain) }
  }

  /// Does what is due by now: a deferred flush whose time has come.
  public func runDue() throws(HostDriverError) {
    if let error = unreported {
      unreported = nil
      throw error
    }
    if bus.now >= nextDue { try flush() }
  }

  /// Makes hardware forget what it knows of a range of an address space whose tables somebody else has changed, and waits.
  public func forget(
    _ iova: IOVirtualAddress, length: UInt64?, in space: AddressSpace, leafOnly: Bool
  ) throws(HostDriverError) {
    let domain = try existing(space)
    guard length != 0, domain.stages != .passThrough else { return }
    try issueForget(length.map { PageRun(iova, length: $0) }, of: domain, leafOnly: leafOnly)
    try complete()
  }

  /// Issues what makes hardware forget a run of a domain's pages, or all of them (VT-d rev 5.10 table 28: changes of tables).
  ///
  /// - Parameter leafOnly: No pointer to a table has changed.
  func issueForget(_ run: PageRun?, of domain: Domain, leafOnly: Bool) throws(HostDriverError) {
    switch domain.stages {
    case .secondStage, .passThrough:
      try issue(.iotlb(translations(run.map { pages(of: domain.id, $0, leafOnly: leafOnly) } ?? .domain(domain.id))))
      // A range of guest physical addresses says nothing of those that the first stage translates.
      for id in domain.nested { try issue(.iotlb(translations(.domain(id)))) }
    case .firstStage, .nested:
      for pasid in domain.pasids {
        try issue(.pasidIOTLB(run.map { .pages(domain.id, pasid, $0.aligned, leafOnly: leafOnly) } ?? .pasid(domain.id, pasid)))
      }
    }
    try forgetInDevices(run, of: domain)
  }

  // The devices of nested domains know nothing of guest physical addresses either.
  private func forgetInDevices(_ run: PageRun?, of domain: Domain) throws(HostDriverError) {
    try forget(run, in: domain.deviceTLBs, of: domain)
    for id in domain.nested {
      if let nested = domainsByID[Int(id.rawValue)] { try forget(nil, in: nested.deviceTLBs, of: nested) }
    }
  }

  /// Flushes one domain's deferred unmaps.
  func flush(_ domain: Domain) throws(HostDriverError) {
    try issueForget(nil, of: domain, leafOnly: false)
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
      giveBack(retired)
      retired.removeAll()
    case .translationsOf(let id): if let domain = domain(id) { release(domain) }
    case .pages(let start, let length, let id, let leafOnly):
      guard length > 0, let domain = domain(id) else { return }
      if domain.stages == .secondStage, leafOnly { return }
      // A first stage's entries all go with any page of their domain.
      if domain.stages == .secondStage { release(PageRun(start, length: length), of: domain) } else { release(domain) }
    case .pasidTranslations(let pasid, let id):
      if let domain = domain(id), domain.stages != .secondStage, domain.pasids == [pasid] { release(domain) }
    case .pasidPages(let start, let length, let pasid, let id, leafOnly: false):
      guard length > 0, let domain = domain(id), domain.stages != .secondStage, domain.pasids == [pasid] else { return }
      release(PageRun(start, length: length), of: domain)
    default: break
    }
  }

  private func release(_ run: PageRun, of domain: Domain) {
    giveBack(domain.pending.remove(within: run.first, run.last), to: domain)
    if domain.pending.isEmpty { release(domain) }
  }

  /// Gives back everything that waits in a domain.
  func release(_ domain: Domain) {
    giveBack(domain.pending, to: domain)
    domain.pending.removeAll()
    deferring.removeAll { $0 === domain }
    if deferring.isEmpty { nextDue = .never }
  }

  private func giveBack(_ pending: PendingUnmaps, to domain: Domain) {
    giveBack(pending.tables, of: domain)
    for entry in pending.entries where entry.freesAddresses {
      domain.addresses.free(IOVirtualAddress(entry.first << 12), length: (entry.last - entry.first + 1) << 12)
    }
  }

  /// Gives back table frames of a domain: a nested one's to the parent, in whose guest physical memory they lie.
  func giveBack(_ frames: [PhysicalAddress], of domain: Domain) {
    guard let guest = domain.parent?.guestTables else { return giveBack(frames) }
    for frame in frames { guest.memory.deallocate(frame) }
    activity.freedTables += UInt64(frames.count)
  }

  func giveBack(_ frames: [PhysicalAddress]) {
    for frame in frames { tables.deallocate(frame) }
    activity.freedTables += UInt64(frames.count)
  }

  /// Keeps the frames of a removed domain until a recorded invalidation has covered them; those of a nested one stay in the parent's memory.
  func retire(_ frames: [PhysicalAddress], of domain: Domain) {
    if domain.parent == nil { retired += frames }
  }
}
