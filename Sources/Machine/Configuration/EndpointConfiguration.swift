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
    deviceTLB + device.filter { $0.key.hasPrefix("device_tlb.") }
    + pageRequests + device.filter { $0.key.hasPrefix("page_requests.") }
    + device.filter { !$0.key.hasPrefix("device_tlb.") && !$0.key.hasPrefix("page_requests.") }

  // The keys of a section stand side by side.
  private static let device = EndpointParameters.parameters.lifted(to: \Self.device, under: "")
  private static let deviceTLB = [
    Parameter("device_tlb.enabled", "devices translate their accesses themselves (ATS)", \Self.usesDeviceTLB, .flag)
  ]
  private static let pageRequests = [
    Parameter("page_requests.enabled", "devices ask for pages that they get no translation for (PRI)", \Self.requestsPages, .flag)
  ]
}
