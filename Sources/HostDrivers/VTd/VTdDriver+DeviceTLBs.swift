import Hardware
import VTdArchitecture

extension VTdDriver {
  /// Says which of a device's PCIe capabilities the unit shall serve: DTE, PASIDE, PRE and RID_PRIV of its context entry (VT-d rev 5.10 section
  /// 9.4), in legacy mode its translation type. Those of an attached device change at once.
  public func enable(_ services: DeviceServices, for requester: RequesterID) throws(HostDriverError) {
    guard isRunning else { throw .notRunning }
    guard requester.rawValue <= 0xFFFF else { throw .requesterOutOfRange(requester) }
    try check(services)
    let old = deviceServices[requester] ?? DeviceServices()
    deviceServices[requester] = services
    guard let state = requesters[requester] else { return }
    if !services.pasids, let pasid = state.routes.keys.first(where: { $0 != Requester.ridPASID.rawValue }) {
      deviceServices[requester] = old
      throw .alreadyAttached(requester, PASID(pasid))
    }
    for (pasid, domain) in state.routes {
      let route = Domain.Route(requester: requester, pasid: PASID(pasid))
      domain.deviceTLBs.removeAll { $0.route == route }
      if services.deviceTLB, domain.stages != .passThrough || mode == .scalable {
        domain.deviceTLBs.append(DeviceTLB(route: route, services: services))
      }
    }
    if mode == .scalable {
      store(contextEntry(of: requester, state).words, at: state.contextEntry)
    } else if let domain = state.routes[Requester.ridPASID.rawValue] {
      store(contextEntry(for: domain, requester).words, at: state.contextEntry)
    }
    guard configuration.policy != .recorded else { return }
    try forgetContext(of: requester, state, old.deviceTLB ? old : services)
    if old.pageRequests, !services.pageRequests {
      for (pasid, domain) in state.routes.sorted(by: { $0.key < $1.key }) {
        try drainPageRequests(of: Domain.Route(requester: requester, pasid: PASID(pasid)), domain, old)
      }
    }
  }

  private func check(_ services: DeviceServices) throws(HostDriverError) {
    let extended = identity.extended
    if services.deviceTLB, !extended.deviceTLB { throw .unsupported("device-TLBs (ECAP.DT)") }
    if services.deviceTLB, !extended.queuedInvalidation { throw .unsupported("device-TLBs without queued invalidation (ECAP.QI)") }
    if services.pageRequests {
      guard mode == .scalable, extended.pageRequests else { throw .unsupported("page requests (ECAP.SMTS, ECAP.PRS)") }
      guard services.deviceTLB else { throw .unsupported("page requests of a device without device-TLB") }
    }
    if services.isPrivileged {
      guard mode == .scalable, extended.requesterPrivilege else { throw .unsupported("privileged requests without PASID (ECAP.RPRIVS)") }
    }
  }

  /// What a device wants served.
  func services(of requester: RequesterID) -> DeviceServices { deviceServices[requester] ?? DeviceServices() }

  /// A context entry of scalable mode for a requester with the given PASID directory.
  func contextEntry(of requester: RequesterID, _ state: Requester) -> ScalableContextEntry {
    let services = services(of: requester)
    var context = ScalableContextEntry(directory: state.directory, directorySize: state.directorySize)
    context.deviceTLBEnabled = services.deviceTLB
    context.pasidEnabled = services.pasids && identity.extended.pasid
    context.pageRequestsEnabled = services.pageRequests
    context.requesterPrivileged = services.isPrivileged
    return context
  }

  /// Invalidates after a context entry of scalable mode has changed, or a legacy one that stays present (VT-d rev 5.10 table 28), and waits.
  func forgetContext(of requester: RequesterID, _ state: Requester, _ services: DeviceServices) throws(HostDriverError) {
    let ids = Set(state.routes.values.map(\.id)).sorted()
    try issue(.contextCache(.device(requester, functionMask: 0, mode == .scalable ? DomainID(0) : ids.first ?? DomainID(0))))
    if mode == .scalable { for id in ids { try issue(.pasidCache(.domain(id))) } }
    for id in ids { try issue(.iotlb(translations(.domain(id)))) }
    try forgetDevice(requester, services)
    try complete()
  }

  /// Issues the invalidation of everything in a device's TLB, whatever the PASID.
  func forgetDevice(_ requester: RequesterID, _ services: DeviceServices) throws(HostDriverError) {
    guard services.deviceTLB else { return }
    let invalidation = invalidation(of: requester, services, nil)
    try issue(.deviceTLB(invalidation))
    guard mode == .scalable, services.pasids, identity.extended.pasid else { return }
    try issue(.pasidDeviceTLB(PASIDDeviceTLBInvalidation(invalidation, pasid: PASID(0), global: true)))
  }

  /// Issues the invalidation of a run of pages, or of everything, in the TLBs of the devices whose requests come to a domain.
  func forget(_ run: PageRun?, in deviceTLBs: [DeviceTLB], of domain: Domain) throws(HostDriverError) {
    guard !deviceTLBs.isEmpty else { return }
    // Type 3 does not wait for type 6 by itself (VT-d rev 5.10 section 6.5.2.11).
    let withoutPASID = deviceTLBs.contains { $0.route.pasid == Requester.ridPASID }
    if withoutPASID, domain.stages != .secondStage, mode == .scalable { try issue(.wait(InvalidationWait(fence: true))) }
    for deviceTLB in deviceTLBs {
      let route = deviceTLB.route
      let invalidation = invalidation(of: route.requester, deviceTLB.services, run)
      if route.pasid == Requester.ridPASID {
        try issue(.deviceTLB(invalidation))
      } else {
        try issue(.pasidDeviceTLB(PASIDDeviceTLBInvalidation(invalidation, pasid: route.pasid)))
      }
    }
  }

  private func invalidation(of requester: RequesterID, _ services: DeviceServices, _ run: PageRun?) -> DeviceTLBInvalidation {
    // Without throttling the physical function's id is reserved.
    let throttles = identity.extended.deviceTLBInvalidationThrottle
    return DeviceTLBInvalidation(
      source: requester, physicalFunction: throttles ? services.physicalFunction : RequesterID(0),
      maximumPending: services.invalidateQueueDepth & 31, run.map { EncodedPageRange($0.aligned) } ?? .everything)
  }
}
