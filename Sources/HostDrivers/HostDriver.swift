import Hardware

/// Software that programs one IOMMU through a bus, as an operating system does.
public protocol HostDriver: AddressSpaceOwner {
  /// Finds out what the unit can do, sets it up and turns translation on.
  func bringUp() throws(HostDriverError)

  /// Takes an interrupt that the unit sent; one that isn't the driver's has no effect.
  func receive(_ message: MessageSignalledInterrupt)

  /// Reads and clears every fault record of the unit, and hands out what has been read since the last call, oldest first.
  func takeFaults() -> [HostFault]

  /// Says which of a device's PCIe capabilities the unit shall serve; those of an attached device change at once.
  ///
  /// Enable a service here before the device uses it, and stop the device before it is taken away.
  func enable(_ services: DeviceServices, for requester: RequesterID) throws(HostDriverError)

  /// Whoever resolves page requests; without, every group is answered as invalid.
  var pageFaultHandler: (any PageFaultHandler)? { get set }

  /// Reads the page requests that are waiting, and answers those groups that are complete.
  func handlePageRequests() throws(HostDriverError)

  /// Answers a group whose handler had said `pending`.
  func answer(_ group: PageRequestGroup.Identity, with resolution: PageFaultResolution) throws(HostDriverError)

  /// When something that was put off becomes due; `never` if nothing is.
  var nextDue: SimTime { get }

  /// Does what is due by now.
  func runDue() throws(HostDriverError)

  /// Issues one invalidation, whatever the driver's policy.
  func invalidate(_ scope: InvalidationScope) throws(HostDriverError)

  /// What the driver has done so far.
  var activity: DriverActivity { get }
}

/// A blocked request, as a unit reported it.
public struct HostFault: Hashable, Sendable {
  /// What was asked.
  public enum Request: UInt8, Hashable, Sendable {
    /// A read.
    case read
    /// A write.
    case write
    /// An AtomicOp.
    case atomic
    /// A page request.
    case pageRequest
    /// An interrupt.
    case interrupt
  }

  /// Who asked.
  public var requester: RequesterID
  /// The PASID that the request carried, if any.
  public var pasid: PASID?
  /// The address asked for, as exactly as the unit records it; 0 for an interrupt.
  public var address: IOVirtualAddress
  /// What was asked.
  public var request: Request
  /// The unit's code (VT-d: FR; SMMUv3: event number).
  public var code: UInt8
  /// The unit's whole record, first word first.
  public var words: SIMD2<UInt64>

  /// A fault of the given particulars.
  public init(
    requester: RequesterID, pasid: PASID?, address: IOVirtualAddress, request: Request, code: UInt8, words: SIMD2<UInt64>
  ) {
    self.requester = requester
    self.pasid = pasid
    self.address = address
    self.request = request
    self.code = code
    self.words = words
  }
}

/// Counts of what a driver did.
public struct DriverActivity: Hashable, Sendable {
  /// Successful calls of `map`.
  public var maps: UInt64 = 0
  /// Calls of `unmap` that found something mapped.
  public var unmaps: UInt64 = 0
  /// Maps that replaced something.
  public var replacements: UInt64 = 0
  /// Bytes unmapped.
  public var unmappedBytes: UInt64 = 0
  /// Invalidations of cached context entries, of any scope.
  public var contextInvalidations: UInt64 = 0
  /// Invalidations of cached PASID entries, of any scope.
  public var pasidInvalidations: UInt64 = 0
  /// Invalidations of all translations.
  public var globalInvalidations: UInt64 = 0
  /// Invalidations of a domain's translations, or of those of one PASID.
  public var domainInvalidations: UInt64 = 0
  /// Invalidations of a range of pages.
  public var pageInvalidations: UInt64 = 0
  /// Invalidations of device-TLBs, of any scope.
  public var deviceTLBInvalidations: UInt64 = 0
  /// Times the driver waited for invalidations to complete.
  public var waits: UInt64 = 0
  /// Deferred flushes, of one domain or of all.
  public var deferredFlushes: UInt64 = 0
  /// Table frames given back.
  public var freedTables: UInt64 = 0
  /// Fault records read.
  public var faults: UInt64 = 0
  /// Times a unit had more faults than it could record.
  public var faultOverflows: UInt64 = 0
  /// Fault records dropped because nobody took them.
  public var droppedFaults: UInt64 = 0

  /// Page requests read, stop markers left out.
  public var pageRequests: UInt64 = 0
  /// Stop markers read.
  public var stopMarkers: UInt64 = 0
  /// Groups of page requests answered.
  public var pageGroupResponses: UInt64 = 0
  /// Page requests dropped unanswered: of groups cut short by an overflow, or more than the driver keeps of unfinished groups.
  public var droppedPageRequests: UInt64 = 0
  /// Times a unit had more page requests than its queue took.
  public var pageRequestOverflows: UInt64 = 0

  /// Nothing done yet.
  public init() {}
}
