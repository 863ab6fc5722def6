import Endpoints
import Hardware

/// The devices of a machine: all alike.
public struct EndpointConfiguration: Hashable, Sendable {
  /// Every device has a device-TLB and translates its accesses itself; otherwise all requests go out as they are.
  public var usesDeviceTLB = false
  /// A device asks for pages that it gets no translation for.
  public var requestsPages = false
  /// What a device is like.
  public var device = EndpointParameters()

  /// Devices without device-TLB.
  public init() {}

  static let parameters: [Parameter<Self>] =
    [
      Parameter("device_tlb.enabled", "devices translate their accesses themselves (ATS)", \Self.usesDeviceTLB, .flag),
      Parameter("page_requests.enabled", "devices ask for pages that they get no translation for (PRI)", \Self.requestsPages, .flag),
    ] + EndpointParameters.parameters.lifted(to: \Self.device, under: "")
}
