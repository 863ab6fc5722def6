import Hardware
import Translation

/// What became of a device's access.
@frozen public enum AccessOutcome: Hashable, Sendable {
  /// Its translation was cached; the response is that to the translated request.
  case hit
  /// Its translation was asked for; the response is that to the translated request.
  case miss
  /// It went out untranslated; the response is that to it.
  case untranslated
  /// Its page has been asked for, in the given group: to be tried again once that is answered.
  case awaitsPage(group: UInt16)
  /// Its page has to be asked for, and too many are: to be tried again later.
  case awaitsCredit
  /// It fails.
  case refused(AccessRefusal)
}

/// Why a device's access fails.
@frozen public enum AccessRefusal: UInt8, Hashable, Sendable, CaseIterable {
  /// The translation lacks a right, and pages cannot be asked for.
  case noPermission
  /// The translation request was answered Unsupported Request; the device does not use ATS any more.
  case unsupportedRequest
  /// The translation request was answered Completer Abort.
  case completerAbort
}

/// What a device did.
public struct EndpointCounters: Hashable, Sendable {
  /// Accesses sent without translation.
  public var untranslatedRequests: UInt64 = 0
  /// Accesses sent with addresses from completions.
  public var translatedRequests: UInt64 = 0
  /// Translations asked for.
  public var translationRequests: UInt64 = 0
  /// Page requests sent, stop markers apart.
  public var pageRequests: UInt64 = 0
  /// Answers to groups of page requests, unexpected ones included.
  public var pageGroupResponses: UInt64 = 0
  /// Invalidation requests taken.
  public var invalidationRequests: UInt64 = 0
  /// Messages that completed invalidations.
  public var invalidationCompletions: UInt64 = 0

  /// All zero.
  public init() {}
}

/// One function of a device with Address Translation Services, the Page Request Interface and PASIDs.
///
/// An access is served from the address translation cache, or after a translation request; a translation without the rights it needs makes the
/// device ask for the page, and the access is to be tried again once the answer is there. The service must be told of the device by whoever
/// connects them, and lives as long as the device.
public final class Endpoint<Service: AddressTranslationService> {
  @usableFromInline struct State: ~Copyable {
    @usableFromInline var cache: AddressTranslationCache
    @usableFromInline var counters = EndpointCounters()
    @usableFromInline var usesTranslationServices = false
    /// When the last translated request that was sent is over.
    @usableFromInline var usesEnd = SimTime.zero
    /// When the next completion of invalidations is due.
    @usableFromInline var nextCompletion = SimTime.never
    var pageRequests: PageRequestInterface
    var invalidations = PendingInvalidations()

    init(_ cache: consuming AddressTranslationCache, _ pageRequests: PageRequestInterface) {
      self.cache = cache
      self.pageRequests = pageRequests
    }
  }

  /// The function's id.
  public let requester: RequesterID
  /// What the device is like.
  public let parameters: EndpointParameters
  @usableFromInline let service: Service
  private let state: UniqueBox<State>
  // The box's content, so that the way of an access needs no exclusivity checks.
  @usableFromInline let place: UnsafeMutablePointer<State>

  /// A function after reset: neither translation services nor page requests are enabled.
  public init(_ requester: RequesterID, parameters: EndpointParameters = EndpointParameters(), service: Service) {
    self.requester = requester
    self.parameters = parameters
    self.service = service
    state = UniqueBox(
      State(
        AddressTranslationCache(parameters.cache, largestSizeLog2: parameters.largestPageLog2),
        PageRequestInterface(requester, allocation: Int(parameters.outstandingPageRequests))))
    place = state.pointer
  }

  // MARK: Accesses

  /// Makes an access in one page at `time`, and writes the whole of `response` if a request for it went out.
  ///
  /// - Parameters:
  ///   - access: What it does.
  ///   - address: Where.
  ///   - length: The bytes that are accessed, all in one page of 4 KiB.
  ///   - pasid: The process address space, if there is one.
  ///   - attributes: Privilege and execution count with a PASID only.
  ///   - time: When; not before the time of an earlier access.
  ///   - response: What the IOMMU answered.
  @inlinable public func access(
    _ access: AccessKind, at address: IOVirtualAddress, length: UInt32 = 1, pasid: PASID? = nil,
    attributes: TranslationRequest.Attributes = [], time: SimTime, into response: inout TranslationResponse
  ) -> AccessOutcome {
    if place.pointee.nextCompletion <= time { advance(to: time) }
    let request = TranslationRequest(access, at: address, length: length, by: requester, pasid: pasid, attributes: attributes)
    guard place.pointee.usesTranslationServices else { return send(untranslated: request, at: time, into: &response) }
    let space = AddressTranslationCache.Space(pasid, privileged: pasid != nil && attributes.contains(.privileged))
    if let entry = place.pointee.cache.lookup(address, in: space, for: Self.needs(request)) {
      send(translated: request, by: entry, at: time, into: &response)
      return .hit
    }
    return translate(request, in: space, at: time, into: &response)
  }

  /// The rights that an access needs; a read of no bytes needs any at all.
  @inlinable static func needs(_ request: TranslationRequest) -> Permissions {
    if request.access == .read, request.attributes.contains(.zeroLength) { return [] }
    let execute = request.pasid != nil && request.attributes.contains(.execute)
    return execute ? Permissions(for: request.access).union(.execute) : Permissions(for: request.access)
  }

  @inlinable func send(untranslated request: TranslationRequest, at time: SimTime, into response: inout TranslationResponse)
    -> AccessOutcome
  {
    place.pointee.counters.untranslatedRequests &+= 1
    service.translate(request, at: time, into: &response)
    return .untranslated
  }

  @inlinable func send(
    translated request: TranslationRequest, by entry: AddressTranslationCache.Entry, at time: SimTime,
    into response: inout TranslationResponse
  ) {
    place.pointee.counters.translatedRequests &+= 1
    let output = entry.output(request.address)
    if parameters.link == .cxlCache {
      response = TranslationResponse()
      response.address = output
      response.completion = time
      response.outcome = .bypass
    } else {
      var attributes = request.attributes
      if entry.noSnoop { attributes.remove(.noSnoop) }
      let pasid = parameters.sendsPASIDWhenTranslated ? request.pasid : nil
      if pasid == nil { attributes.subtract([.privileged, .execute]) }
      let translated = TranslationRequest(
        request.access, at: IOVirtualAddress(output.rawValue), length: request.length, by: requester, pasid: pasid, kind: .translated,
        attributes: attributes)
      service.translate(translated, at: time, into: &response)
    }
    place.pointee.usesEnd = max(place.pointee.usesEnd, response.completion)
  }

  /// Asks for the translation of an access that the cache did not serve, and goes on as the completion says.
  @inlinable func translate(
    _ request: TranslationRequest, in space: AddressTranslationCache.Space, at time: SimTime, into response: inout TranslationResponse
  ) -> AccessOutcome {
    place.pointee.counters.translationRequests &+= 1
    let completion = service.complete(translationRequest(for: request), at: time)
    switch completion.status {
    case .unsupportedRequest:
      setTranslationServices(enabled: false)
      return .refused(.unsupportedRequest)
    case .completerAbort: return .refused(.completerAbort)
    case .success: break
    }
    place.pointee.cache.insert(completion, for: request.address, in: space)
    if completion.untranslatedOnly { return send(untranslated: request, at: time, into: &response) }
    guard !completion.permissions.isEmpty, completion.permissions.isSuperset(of: Self.needs(request)) else {
      return askForPage(of: request, at: time)
    }
    let offset = completion.sizeLog2 < 64 ? request.address.pageOffset(completion.sizeLog2) : request.address.rawValue
    let page = completion.address.advanced(by: offset).alignedDown(PageSizeLog2.size4K)
    let entry = AddressTranslationCache.Entry(
      page: page, permissions: completion.permissions, sizeLog2: PageSizeLog2.size4K, noSnoop: completion.noSnoop)
    send(translated: request, by: entry, at: time, into: &response)
    return .miss
  }

  // A translation request is a read on the link, whatever the access is; NW tells that no write is meant.
  @inlinable func translationRequest(for request: TranslationRequest) -> TranslationRequest {
    var attributes = request.attributes.intersection([.privileged, .execute])
    if parameters.asksWithoutWrite, request.access == .read { attributes.insert(.noWrite) }
    // On the link a translation request is a read, whatever the access.
    return TranslationRequest(
      .read, at: request.address.alignedDown(PageSizeLog2.size4K), length: 0, by: requester, pasid: request.pasid,
      kind: .translationRequest, attributes: attributes)
  }

  /// The translations that are cached, and what happened to them.
  public var cacheCounters: CacheCounters { place.pointee.cache.counters }
  /// What the device did.
  public var counters: EndpointCounters { place.pointee.counters }
  /// How many translations are cached.
  public var cachedTranslations: Int { place.pointee.cache.count }
}
