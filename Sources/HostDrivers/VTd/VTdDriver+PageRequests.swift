import Hardware
import VTdArchitecture

extension VTdDriver {
  /// Gives the unit its page request queue, empty, and lets it tell of requests (VT-d rev 5.10 section 7.4).
  func enablePageRequests() throws(HostDriverError) {
    let sizeLog2 = min(configuration.pageRequestQueueSizeLog2, 7)
    let base = try allocate(sizeLog2: PageSizeLog2.size4K + sizeLog2)
    pageRequestQueue = HardwareRing(base: base, entrySizeLog2: 5, lengthLog2: 7 + sizeLog2)
    bus.writeRegister64(RegisterOffset.pageRequestQueueHead, 0)
    bus.writeRegister64(RegisterOffset.pageRequestQueueTail, 0)
    bus.writeRegister64(RegisterOffset.pageRequestQueueAddress, base.rawValue | UInt64(sizeLog2))
    bus.writeRegister32(RegisterOffset.pageRequestStatus, Self.pendingRequests | Self.overflow)
    unmask(RegisterOffset.pageRequestEventControl, configuration.pageRequestMessage)
  }

  // PRS: PPR and PRO.
  private static let pendingRequests: UInt32 = 1
  private static let overflow: UInt32 = 2

  /// Reads the page requests that are waiting, and has every complete group resolved and answered (VT-d rev 5.10 section 7.4 to 7.7).
  ///
  /// An overflow has lost requests: what is there of unfinished groups is dropped, because the unit may have answered their last one itself. The
  /// device asks again for what it still needs.
  public func handlePageRequests() throws(HostDriverError) {
    guard isRunning else { throw .notRunning }
    // A handler that changes tables may be told of further requests while it does.
    guard pageRequestQueue != nil, !isHandlingPageRequests else { return }
    isHandlingPageRequests = true
    defer { isHandlingPageRequests = false }
    var answered = false
    // Every round empties the queue. Those of a device that never stops asking are left to the next interrupt.
    for _ in 0..<Self.rounds {
      // The status is cleared first, so that a request that comes meanwhile is told of.
      bus.writeRegister32(RegisterOffset.pageRequestStatus, Self.pendingRequests)
      let groups = readPageRequests()
      for group in groups { answered = try resolve(group) || answered }
      if bus.readRegister32(RegisterOffset.pageRequestStatus) & Self.overflow != 0 {
        activity.pageRequestOverflows += 1
        activity.droppedPageRequests += UInt64(pageRequests.discardUnfinished())
        bus.writeRegister32(RegisterOffset.pageRequestStatus, Self.overflow)
      }
      if groups.isEmpty, head == tail { break }
    }
    if answered { try complete() }
  }

  private static let rounds = 16
  private var head: UInt64 { bus.readRegister64(RegisterOffset.pageRequestQueueHead) }
  private var tail: UInt64 { bus.readRegister64(RegisterOffset.pageRequestQueueTail) }

  // Empties the queue and answers the groups whose last request was in it.
  private func readPageRequests() -> [PageRequestGroup] {
    guard let ring = pageRequestQueue else { return [] }
    let last = tail
    var place = head
    var groups: [PageRequestGroup] = []
    while !ring.isEmpty(head: place, tail: last) {
      let address = ring.address(place)
      let words = SIMD4<UInt64>((0..<4).map { memory.read64(address.advanced(by: $0 * 8)) ?? 0 })
      if let group = sort(PageRequestDescriptor(words: words)) { groups.append(group) }
      place = ring.next(place)
    }
    bus.writeRegister64(RegisterOffset.pageRequestQueueHead, place)
    return groups
  }

  // The group that a request completes.
  private func sort(_ descriptor: PageRequestDescriptor) -> PageRequestGroup? {
    let pasid = descriptor.pasid
    if descriptor.isStopMarker {
      activity.stopMarkers += 1
      return nil
    }
    activity.pageRequests += 1
    var permissions: Permissions = []
    if descriptor.read { permissions.insert(.read) }
    if descriptor.write { permissions.insert(.write) }
    if descriptor.execute { permissions.insert(.execute) }
    let identity = PageRequestGroup.Identity(requester: descriptor.requester, pasid: pasid, index: descriptor.group)
    let request = PageRequestGroup.Request(
      address: descriptor.address, permissions: permissions, isPrivileged: descriptor.privileged)
    if descriptor.last { return pageRequests.complete(identity, with: request) }
    if !pageRequests.append(request, to: identity) { activity.droppedPageRequests += 1 }
    return nil
  }

  // Has a group resolved; true if it was answered.
  private func resolve(_ group: PageRequestGroup) throws(HostDriverError) -> Bool {
    let route = requesters[group.identity.requester]?.routes[(group.identity.pasid ?? Requester.ridPASID).rawValue]
    let resolution = pageFaultHandler?.resolve(group, in: route?.space) ?? .invalid
    guard resolution != .pending else {
      pageRequests.postpone(group.identity)
      return false
    }
    try issueAnswer(group.identity, resolution)
    return true
  }

  /// Answers a group whose handler had said `pending`.
  public func answer(_ group: PageRequestGroup.Identity, with resolution: PageFaultResolution) throws(HostDriverError) {
    guard isRunning else { throw .notRunning }
    guard resolution != .pending else { return }
    guard pageRequests.settle(group) else { throw .unknownPageGroup(group) }
    try issueAnswer(group, resolution)
    try complete()
  }

  private func issueAnswer(_ group: PageRequestGroup.Identity, _ resolution: PageFaultResolution) throws(HostDriverError) {
    let code: UInt8 =
      switch resolution {
      case .success: 0
      case .failure: 15
      case .invalid, .pending: 1
      }
    try issue(.pageGroupResponse(PageGroupResponse(requester: group.requester, pasid: group.pasid, group: group.index, code: code)))
  }

  /// Waits until no page request of a route that has gone is on its way any more, and answers what there is (VT-d rev 5.10 section 7.9).
  ///
  /// A wait for everything before, the invalidations again, whose completion pushes the device's requests, and a wait that drains page requests;
  /// once more if the unit has answered requests itself for want of room.
  func drainPageRequests(of route: Domain.Route, _ domain: Domain, _ services: DeviceServices) throws(HostDriverError) {
    let pasid = route.pasid == Requester.ridPASID ? nil : route.pasid
    for _ in 0..<Self.rounds {
      try handlePageRequests()
      try issue(.wait(InvalidationWait(fence: true)))
      try issueForget(route, of: domain)
      try forget(nil, in: [DeviceTLB(route: route, services: services)], of: domain)
      try complete(drainsPageRequests: identity.extended.pageRequestDrain)
      let overflowed = bus.readRegister32(RegisterOffset.pageRequestStatus) & Self.overflow != 0
      try handlePageRequests()
      if !overflowed { break }
    }
    activity.droppedPageRequests += UInt64(pageRequests.discardUnfinished(route.requester, pasid))
    let owed = pageRequests.pending(route.requester, pasid)
    for group in owed where pageRequests.settle(group) { try issueAnswer(group, .invalid) }
    if !owed.isEmpty { try complete() }
  }
}
