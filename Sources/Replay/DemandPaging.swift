import Hardware
import HostDrivers

/// The operating system of a replay: makes the pages present that devices request, at frames that nothing uses yet.
final class DemandPaging: PageFaultHandler {
  /// Makes one page of a sender present; false if that cannot be.
  private let provide: (IOVirtualAddress, RequesterID, PASID?) -> Bool

  init(_ provide: @escaping (IOVirtualAddress, RequesterID, PASID?) -> Bool) { self.provide = provide }

  func resolve(_ group: PageRequestGroup, in space: AddressSpace?) -> PageFaultResolution {
    guard space != nil else { return .invalid }
    let identity = group.identity
    return group.requests.allSatisfy { provide($0.address, identity.requester, identity.pasid) } ? .success : .invalid
  }
}
