import Hardware
import Translation

/// Invalidations, page requests, and what software enables.
extension Endpoint: DevicePort {
  // MARK: Translation services

  /// The ATS capability's enable bit; a device that is answered Unsupported Request clears it itself.
  public var usesTranslationServices: Bool { place.pointee.usesTranslationServices }

  /// Sets or clears the ATS capability's enable bit; either way the cache is empty afterwards.
  public func setTranslationServices(enabled: Bool) {
    place.pointee.usesTranslationServices = enabled
    place.pointee.cache.removeAll()
  }

  /// Carries out an invalidation at once, and completes it as soon as no translated request that was sent before is under way.
  public func invalidate(_ request: DeviceTLBInvalidation, at time: SimTime) {
    place.pointee.counters.invalidationRequests += 1
    place.pointee.cache.remove(request)
    place.pointee.invalidations.append(tag: request.tag, due: max(time, place.pointee.usesEnd))
    advance(to: time)
  }

  /// When the device will have something to say of its own accord; never if nothing is under way.
  public var nextCompletion: SimTime { place.pointee.nextCompletion }

  /// Lets time go on: completes invalidations that are due.
  public func advance(to time: SimTime) {
    let tags = place.pointee.invalidations.take(at: time)
    place.pointee.nextCompletion = place.pointee.invalidations.nextDue
    guard tags != 0 else { return }
    let count = parameters.completionMessages
    let completion = InvalidationCompletion(requester: requester, tags: tags, messageCount: count)
    for _ in 0..<completion.messageCount {
      place.pointee.counters.invalidationCompletions += 1
      service.receive(completion, at: time)
    }
  }

  // MARK: Page requests

  /// The state of the page request interface.
  public var pageRequests: PageRequestInterface { place.pointee.pageRequests }

  /// Sets or clears the page request interface's enable bit.
  public func setPageRequests(enabled: Bool) { place.pointee.pageRequests.setEnabled(enabled) }

  /// Resets the page request interface, if it is disabled.
  public func resetPageRequests() { place.pointee.pageRequests.reset() }

  /// Asks for a group of pages; the index of the group, which is answered as a whole.
  @discardableResult public func request(
    _ pages: [RequestedPage], for requester: PageRequester, at time: SimTime
  ) -> Result<UInt16, PageRequestRefusal> {
    switch place.pointee.pageRequests.request(pages, for: requester) {
    case .failure(let refusal): return .failure(refusal)
    case .success(let messages):
      for message in messages {
        place.pointee.counters.pageRequests += 1
        service.receive(message, at: time)
      }
      return .success(messages.first?.group ?? 0)
    }
  }

  @usableFromInline func askForPage(of request: TranslationRequest, at time: SimTime) -> AccessOutcome {
    let page = RequestedPage(request.address, read: request.access.reads, write: request.access.writes)
    let hasPASID = request.pasid != nil
    let requester = PageRequester(
      pasid: request.pasid, execute: hasPASID && request.attributes.contains(.execute),
      privileged: hasPASID && request.attributes.contains(.privileged))
    if let group = place.pointee.pageRequests.group(for: page, requester) { return .awaitsPage(group: group) }
    switch self.request([page], for: requester, at: time) {
    case .success(let group): return .awaitsPage(group: group)
    case .failure(.limitReached): return .awaitsCredit
    case .failure: return .refused(.noPermission)
    }
  }

  /// Takes the answer to a group of page requests.
  public func respond(_ response: PageGroupResponse, at time: SimTime) {
    place.pointee.counters.pageGroupResponses += 1
    place.pointee.pageRequests.receive(response)
  }

  /// The oldest group that has been answered and not handed out, if any: accesses that await it may be tried again, if it was a success.
  public func nextAnsweredGroup() -> AnsweredGroup? { place.pointee.pageRequests.nextAnswer() }

  /// Stops using a PASID without waiting for answers: its unanswered page requests are given up, and if there can be any, a stop marker tells
  /// software that none will follow them.
  public func stopUsing(_ pasid: PASID, at time: SimTime) {
    place.pointee.pageRequests.cancel(pasid: pasid)
    guard place.pointee.pageRequests.isEnabled else { return }
    service.receive(.stopMarker(requester: requester, pasid: pasid), at: time)
  }

  /// Gives up every unanswered page request, as a device does that is reset; answers that still come are discarded.
  public func cancelPageRequests() { place.pointee.pageRequests.cancel(pasid: nil) }
}
