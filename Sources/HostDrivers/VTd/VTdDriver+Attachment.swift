import Hardware
import VTdArchitecture

extension VTdDriver {
  /// Routes a device's requests into an address space: those without PASID, or those with the given one.
  public func attach(_ requester: RequesterID, pasid: PASID?, to space: AddressSpace) throws(HostDriverError) {
    let domain = try existing(space)
    try check(requester, pasid)
    let key = pasid ?? Requester.ridPASID
    let services = services(of: requester)
    if pasid != nil, !services.pasids { throw .unsupported("requests with PASID of \(requester), for which they are not enabled") }
    var state: Requester
    if let known = requesters[requester] { state = known } else { state = Requester(contextEntry: try contextEntry(of: requester)) }
    guard state.routes[key.rawValue] == nil else { throw .alreadyAttached(requester, pasid) }
    if mode == .scalable {
      try enter(key, of: requester, &state, domain)
    } else {
      store(contextEntry(for: domain, requester).words, at: state.contextEntry)
    }
    state.routes[key.rawValue] = domain
    requesters[requester] = state
    let route = Domain.Route(requester: requester, pasid: key)
    domain.add(route)
    if services.deviceTLB, domain.stages != .passThrough || mode == .scalable {
      domain.deviceTLBs.append(DeviceTLB(route: route, services: services))
    }
    if identity.capabilities.cachingMode { try forgetAbsence(of: requester, key, domain) }
    try flushWriteBuffer()
  }

  /// Blocks a device's requests again: those without PASID, or those with the given one.
  ///
  /// The entry's present bit is cleared first, then caches are invalidated and page requests drained, then the rest of the entry is cleared (VT-d
  /// rev 5.10 table 28). Groups of page requests that wait for an answer get it: they are invalid now.
  public func detach(_ requester: RequesterID, pasid: PASID?) throws(HostDriverError) {
    guard isRunning else { throw .notRunning }
    try check(requester, pasid)
    let key = pasid ?? Requester.ridPASID
    guard var state = requesters[requester], let domain = state.routes[key.rawValue] else { throw .notAttached(requester, pasid) }
    let route = Domain.Route(requester: requester, pasid: key)
    let services = services(of: requester)
    state.routes[key.rawValue] = nil
    requesters[requester] = state
    if mode == .scalable {
      try leave(route, state, domain, services)
    } else {
      memory.write64(state.contextEntry, (memory.read64(state.contextEntry) ?? 0) & ~1)
      if configuration.policy != .recorded {
        try issue(.contextCache(.device(requester, functionMask: 0, domain.id)))
        try forgetTranslations(of: route, domain, services)
      }
      store(SIMD2<UInt64>.zero, at: state.contextEntry)
    }
    domain.remove(route)
    if configuration.policy != .recorded { releaseIfForgotten(domain) }
    guard state.routes.isEmpty else { return }
    if mode == .legacy {
      requesters[requester] = nil
    } else if configuration.policy != .recorded {
      try retire(requester, state, domain, services)
      requesters[requester] = nil
    }
  }

  private func check(_ requester: RequesterID, _ pasid: PASID?) throws(HostDriverError) {
    guard requester.rawValue <= 0xFFFF else { throw .requesterOutOfRange(requester) }
    guard let pasid else { return }
    guard mode == .scalable, identity.extended.pasid else { throw .unsupported("requests with PASID (ECAP.SMTS, ECAP.PASID)") }
    let limit: UInt32 = 1 << UInt32(identity.extended.pasidWidth)
    guard pasid != Requester.ridPASID, pasid.rawValue < limit else { throw .pasidOutOfRange(pasid, limit: limit) }
  }

  /// Where a requester's context entry lies; makes the context table if its bus, or half of it, has none yet.
  private func contextEntry(of requester: RequesterID) throws(HostDriverError) -> PhysicalAddress {
    let root = rootTable.advanced(by: UInt64(requester.bus) * RootEntry.byteCount)
    let function = requester.deviceFunction
    let upper = mode == .scalable && function >= 128
    let word = root.advanced(by: upper ? 8 : 0)
    var entry = ScalableRootHalf(rawValue: memory.read64(word) ?? 0)
    if !entry.present {
      // A half of a scalable root entry is laid out like the first word of a legacy one.
      entry = ScalableRootHalf(contextTable: try allocate())
      memory.write64(word, entry.rawValue)
    }
    return mode == .scalable
      ? entry.contextTable.advanced(by: UInt64(function & 0x7F) * ScalableContextEntry.byteCount)
      : entry.contextTable.advanced(by: UInt64(function) * ContextEntry.byteCount)
  }

  func contextEntry(for domain: Domain, _ requester: RequesterID) -> ContextEntry {
    guard let table = domain.secondStageRoot else {
      // Pass-through asks for the largest width (VT-d rev 5.10 section 9.3).
      return ContextEntry(type: .passThrough, width: identity.capabilities.largestSecondStageWidth, domain: domain.id)
    }
    return ContextEntry(
      type: services(of: requester).deviceTLB ? .deviceTLB : .untranslatedOnly, width: secondStageFormat.rootLevel - 2, domain: domain.id,
      secondStageTable: table)
  }

  /// Invalidates what hardware knows of a route that has gone (VT-d rev 5.10 table 28), and waits.
  func forgetTranslations(of route: Domain.Route, _ domain: Domain, _ services: DeviceServices) throws(HostDriverError) {
    try issueForget(route, of: domain)
    if services.deviceTLB { try forget(nil, in: [DeviceTLB(route: route, services: services)], of: domain) }
    try complete()
  }

  /// Issues the invalidation of the translations of a route: those of its domain if a second stage made them, else those of its PASID.
  func issueForget(_ route: Domain.Route, of domain: Domain) throws(HostDriverError) {
    switch domain.stages {
    case .passThrough where mode == .scalable: try issue(.pasidIOTLB(.pasid(domain.id, route.pasid)))
    case .firstStage: try issue(.pasidIOTLB(.pasid(domain.id, route.pasid)))
    case .secondStage, .nested, .passThrough: try issue(.iotlb(translations(.domain(domain.id))))
    }
  }

  // Whoever is left by its last route has been forgotten: each route was invalidated as it went.
  private func releaseIfForgotten(_ domain: Domain) {
    let wasWhole = domain.stages == .secondStage && domain.deviceTLBs.isEmpty && domain.nested.isEmpty
    if wasWhole || domain.isIdle { release(domain) }
  }

  // With caching mode the absence of an entry may be cached, under domain id 0 (VT-d rev 5.10 section 6.1).
  private func forgetAbsence(of requester: RequesterID, _ pasid: PASID, _ domain: Domain) throws(HostDriverError) {
    try issue(.contextCache(.device(requester, functionMask: 0, DomainID(0))))
    if mode == .scalable { try issue(.pasidCache(.pasid(DomainID(0), pasid))) }
    try issue(.iotlb(translations(.domain(domain.id))))
    try complete()
  }
}
