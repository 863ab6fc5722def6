import Endpoints
import Hardware
import Translation

/// An IOMMU that answers as a test tells it to, and notes what it is asked.
final class FakeTranslationService: AddressTranslationService {
  var completion: (TranslationRequest) -> TranslationCompletion = { request in
    TranslationCompletion(address: PhysicalAddress(request.address.rawValue + FakeTranslationService.distance), read: true, write: true)
  }
  /// How long an access takes.
  var latency = SimTime.zero
  /// Sees each completion of invalidations when it arrives.
  var onCompletion: (InvalidationCompletion) -> Void = { _ in }

  private(set) var accesses: [TranslationRequest] = []
  private(set) var translationRequests: [TranslationRequest] = []
  private(set) var pageRequests: [PageRequest] = []
  private(set) var completions: [InvalidationCompletion] = []

  /// From an address to its translation.
  static let distance: UInt64 = 0x5_0000_0000

  func translate(_ request: TranslationRequest, at time: SimTime, into response: inout TranslationResponse) {
    accesses.append(request)
    response = TranslationResponse()
    response.address = PhysicalAddress(request.address.rawValue)
    response.completion = time + latency
  }

  func complete(_ request: TranslationRequest, at time: SimTime) -> TranslationCompletion {
    translationRequests.append(request)
    return completion(request)
  }

  func receive(_ request: PageRequest, at time: SimTime) { pageRequests.append(request) }

  func receive(_ completion: InvalidationCompletion, at time: SimTime) {
    completions.append(completion)
    onCompletion(completion)
  }
}

/// A device with its services enabled, and the fake IOMMU before it.
final class EndpointUnderTest {
  static let requester = RequesterID(0x300)
  static let page = IOVirtualAddress(0x1234_5000)
  static let output = PhysicalAddress(page.rawValue + FakeTranslationService.distance)

  let service = FakeTranslationService()
  let endpoint: Endpoint<FakeTranslationService>
  var response = TranslationResponse()

  init(_ parameters: EndpointParameters = EndpointParameters()) {
    endpoint = Endpoint(Self.requester, parameters: parameters, service: service)
    endpoint.setTranslationServices(enabled: true)
    endpoint.setPageRequests(enabled: true)
  }

  @discardableResult func access(
    _ access: AccessKind = .read, at address: IOVirtualAddress = page, pasid: PASID? = nil,
    attributes: TranslationRequest.Attributes = [], time: SimTime = .zero
  ) -> AccessOutcome {
    endpoint.access(access, at: address, pasid: pasid, attributes: attributes, time: time, into: &response)
  }

  func invalidate(
    tag: UInt8 = 0, pasid: PASID? = nil, address: IOVirtualAddress = page, sizeLog2: UInt8 = 12, global: Bool = false,
    time: SimTime = .zero
  ) {
    endpoint.invalidate(
      DeviceTLBInvalidation(tag: tag, requester: Self.requester, pasid: pasid, address: address, sizeLog2: sizeLog2, global: global),
      at: time)
  }

  func respond(to group: UInt16, pasid: PASID? = nil, _ code: PageGroupResponse.Code) {
    endpoint.respond(PageGroupResponse(requester: Self.requester, pasid: pasid, group: group, code: code), at: .zero)
  }
}
