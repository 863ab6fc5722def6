import Endpoints
import Hardware
import HostDrivers
import Translation
import VTd

/// The devices of a machine that have device-TLBs, each made when it is first asked for.
public final class Devices {
  /// What the unit's answers to translation requests were.
  public let services: TranslationServices
  private let unit: RemappingUnit
  private let configuration: EndpointConfiguration
  private var devices: [RequesterID: Endpoint<TranslationServices>] = [:]
  private var last: Endpoint<TranslationServices>?

  init(_ unit: RemappingUnit, _ configuration: EndpointConfiguration) {
    self.unit = unit
    self.configuration = configuration
    services = TranslationServices(unit)
  }

  /// The device of the given id if it has been asked for before.
  public func known(_ requester: RequesterID) -> Endpoint<TranslationServices>? {
    if let last, last.requester == requester { return last }
    last = devices[requester]
    return last
  }

  /// Makes a device, connects it to its unit, and has the driver and the device enable what it uses.
  public func make(_ requester: RequesterID, driver: VTdDriver) throws(HostDriverError) -> Endpoint<TranslationServices> {
    let device = Endpoint(requester, parameters: configuration.device, service: services)
    devices[requester] = device
    unit.connect(device, requesters: [requester])
    try driver.enable(
      DeviceServices(
        deviceTLB: true, pageRequests: configuration.requestsPages, invalidateQueueDepth: configuration.device.invalidationQueueDepth),
      for: requester)
    device.setTranslationServices(enabled: true)
    device.setPageRequests(enabled: configuration.requestsPages)
    return device
  }

  /// When the first device completes an invalidation; `never` if none has one under way.
  var nextCompletion: SimTime { devices.values.reduce(.never) { min($0, $1.nextCompletion) } }

  /// Lets every device complete what is due.
  func advance(to time: SimTime) {
    for device in devices.values.sorted(by: { $0.requester < $1.requester }) where device.nextCompletion <= time {
      device.advance(to: time)
    }
  }

  /// What happened in all device-TLBs together; `nil` if there are none.
  public var cacheCounters: CacheCounters? {
    devices.isEmpty ? nil : devices.values.reduce(CacheCounters()) { $0 + $1.cacheCounters }
  }

  /// What all devices together did.
  public var counters: EndpointCounters {
    devices.values.reduce(into: EndpointCounters()) { sum, device in
      let counters = device.counters
      sum.untranslatedRequests += counters.untranslatedRequests
      sum.translatedRequests += counters.translatedRequests
      sum.translationRequests += counters.translationRequests
      sum.pageRequests += counters.pageRequests
      sum.pageGroupResponses += counters.pageGroupResponses
      sum.invalidationRequests += counters.invalidationRequests
      sum.invalidationCompletions += counters.invalidationCompletions
    }
  }
}

/// The unit as devices see it, with a count of how it answers translation requests.
public final class TranslationServices: AddressTranslationService {
  /// Answers with rights, and with `untranslatedOnly`.
  public private(set) var translations: UInt64 = 0
  /// Answers of success that allow nothing.
  public private(set) var translationsWithoutRights: UInt64 = 0
  /// Answers of Unsupported Request.
  public private(set) var unsupportedRequests: UInt64 = 0
  /// Answers of Completer Abort.
  public private(set) var completerAborts: UInt64 = 0

  private let unit: RemappingUnit

  init(_ unit: RemappingUnit) { self.unit = unit }

  /// Passes an access on to the unit.
  public func translate(_ request: TranslationRequest, at time: SimTime, into response: inout TranslationResponse) {
    unit.translate(request, at: time, into: &response)
  }

  /// Passes a translation request on to the unit, and counts the answer.
  public func complete(_ request: TranslationRequest, at time: SimTime) -> TranslationCompletion {
    let completion = unit.complete(request, at: time)
    switch completion.status {
    case .success where completion.permissions.isEmpty && !completion.untranslatedOnly: translationsWithoutRights += 1
    case .success: translations += 1
    case .unsupportedRequest: unsupportedRequests += 1
    case .completerAbort: completerAborts += 1
    }
    return completion
  }

  /// Passes a page request on to the unit.
  public func receive(_ request: PageRequest, at time: SimTime) { unit.receive(request, at: time) }

  /// Passes a completion of invalidations on to the unit.
  public func receive(_ completion: InvalidationCompletion, at time: SimTime) { unit.receive(completion, at: time) }
}
