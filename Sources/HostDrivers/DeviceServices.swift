import Hardware

/// The PCIe capabilities of a device that its driver wants served.
public struct DeviceServices: Hashable, Sendable {
  /// Address translation services: translation requests, translated requests, a device-TLB that is kept right.
  public var deviceTLB: Bool
  /// Requests with PASID.
  public var pasids: Bool
  /// Page requests; they need the device-TLB.
  public var pageRequests: Bool
  /// Requests without PASID are privileged.
  public var isPrivileged: Bool
  /// The physical function whose invalidations are counted together with this device's; `nil` if it is one itself.
  public var physicalFunction: RequesterID?
  /// How many invalidations the device takes at once, 1 to 31; 0 is 32.
  public var invalidateQueueDepth: UInt8

  /// What every device has: requests with PASID where the unit takes them, nothing else.
  public init(
    deviceTLB: Bool = false, pasids: Bool = true, pageRequests: Bool = false, isPrivileged: Bool = false,
    physicalFunction: RequesterID? = nil, invalidateQueueDepth: UInt8 = 0
  ) {
    self.deviceTLB = deviceTLB
    self.pasids = pasids
    self.pageRequests = pageRequests
    self.isPrivileged = isPrivileged
    self.physicalFunction = physicalFunction
    self.invalidateQueueDepth = invalidateQueueDepth
  }
}
