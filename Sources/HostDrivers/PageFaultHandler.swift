import Hardware

/// Whoever makes pages present that devices ask for: the operating system's memory management, a guest's, a user's.
public protocol PageFaultHandler: AnyObject {
  /// Makes the pages of a group present, by mapping in `space` or by changing tables that the driver does not own.
  ///
  /// - Parameters:
  ///   - group: The requests, in the order in which they came.
  ///   - space: Where the requests of this sender go now; `nil` if it is attached nowhere.
  /// - Returns: What the device is told; `pending` if the answer follows.
  func resolve(_ group: PageRequestGroup, in space: AddressSpace?) -> PageFaultResolution
}

/// What becomes of a group of page requests (PCIe PRG response codes).
public enum PageFaultResolution: Hashable, Sendable {
  /// The pages are present: the device may ask for their translations again.
  case success
  /// At least one page does not exist, or not with the permissions asked for.
  case invalid
  /// The device may not make page requests any more.
  case failure
  /// Somebody works at it and answers later.
  case pending
}

/// The page requests that a device sent as one group, complete.
public struct PageRequestGroup: Hashable, Sendable {
  /// What the answer names.
  public struct Identity: Hashable, Sendable {
    /// The device.
    public var requester: RequesterID
    /// The PASID that the requests carried, if any.
    public var pasid: PASID?
    /// The page-request group index, 0 to 511.
    public var index: UInt16

    /// The group of the given sender and index.
    public init(requester: RequesterID, pasid: PASID?, index: UInt16) {
      self.requester = requester
      self.pasid = pasid
      self.index = index
    }
  }

  /// A page that is asked for.
  public struct Request: Hashable, Sendable {
    /// The page's address, a multiple of 4 KiB.
    public var address: IOVirtualAddress
    /// What the device wants to do there.
    public var permissions: Permissions
    /// The device wants to do it with privilege.
    public var isPrivileged: Bool

    /// A request of the given particulars.
    public init(address: IOVirtualAddress, permissions: Permissions, isPrivileged: Bool) {
      self.address = address
      self.permissions = permissions
      self.isPrivileged = isPrivileged
    }
  }

  /// What the answer names.
  public var identity: Identity
  /// The pages.
  public var requests: [Request]

  /// A group of the given requests.
  public init(identity: Identity, requests: [Request]) {
    self.identity = identity
    self.requests = requests
  }
}
