import Hardware
import PageTables
import VTdArchitecture

/// A driver for one VT-d remapping unit: brings it up, owns domains, maps, invalidates, drains faults.
///
/// It follows the software side of the specification (VT-d rev 5.10 sections 3, 6 and 7) and knows the unit by its registers, memory and interrupts
/// alone.
public final class VTdDriver: HostDriver {
  /// What an operating system decides.
  public let configuration: VTdDriverConfiguration
  /// What the unit says of itself; zeros before `bringUp`.
  public internal(set) var identity = UnitIdentity(
    version: ArchitectureVersion(rawValue: 0), capabilities: Capabilities(rawValue: 0), extended: ExtendedCapabilities(rawValue: 0),
    hostAddressWidth: 52)
  /// The structures that translation starts from.
  public internal(set) var mode: TranslationTableMode = .legacy
  /// What the driver has done so far.
  @exclusivity(unchecked) public internal(set) var activity = DriverActivity()
  /// When the oldest deferred unmap must be flushed; `never` if nothing is deferred.
  @exclusivity(unchecked) public internal(set) var nextDue = SimTime.never
  /// Whoever resolves page requests; its owner must keep it alive.
  public weak var pageFaultHandler: (any PageFaultHandler)?

  let bus: any HostBus
  let memory: MemoryView
  let tables: TableMemory

  var isRunning = false
  var rootTable = PhysicalAddress(0)
  // Without queued invalidation the registers do.
  var queue: DescriptorQueue?
  var secondStageFormat = VTdSecondStage(levels: 4)
  // Addresses of requests have at most so many bits.
  @exclusivity(unchecked) var addressWidth: UInt8 = 48

  var domainIDs = DomainIDAllocator(width: 4, reserved: 1)
  // Indexed by address space and by domain id.
  @exclusivity(unchecked) var domains: [Domain?] = []
  var domainsByID: [Domain?] = []
  var requesters: [RequesterID: Requester] = [:]
  var deviceServices: [RequesterID: DeviceServices] = [:]
  // Domains in whose pending unmaps something waits for a deferred flush.
  @exclusivity(unchecked) var deferring: [Domain] = []
  // Frames of removed address spaces that no recorded invalidation has covered yet.
  var retired: [PhysicalAddress] = []
  var freedTables: [PhysicalAddress] = []
  var faultLog: [HostFault] = []

  // Without page requests there is no queue of them.
  var pageRequestQueue: HardwareRing?
  var pageRequests: PageRequestLists
  var isHandlingPageRequests = false
  // What went wrong while an interrupt was served, for the next call that can say so.
  var unreported: HostDriverError?

  /// A driver for the unit behind the given bus, which must outlive it.
  public init(bus: any HostBus, configuration: VTdDriverConfiguration = VTdDriverConfiguration()) {
    self.bus = bus
    self.configuration = configuration
    memory = bus.memory
    tables = bus.tables
    pageRequests = PageRequestLists(limit: configuration.pageRequestLimit)
  }

  /// The domain id that hardware tags an address space's translations with.
  public func domainID(of space: AddressSpace) -> DomainID? { domain(space)?.id }

  /// Where the second-stage tables of an address space start; `nil` if it has none.
  public func secondStageTable(of space: AddressSpace) -> PhysicalAddress? { domain(space)?.secondStageRoot }

  /// Where the first-stage tables of an address space start; `nil` if it has none. Without a second stage the address is a physical one.
  public func firstStageTable(of space: AddressSpace) -> GuestPhysicalAddress? { domain(space)?.firstStage?.root }

  /// Whether an address is mapped in an address space by tables that the driver builds.
  public func isMapped(_ iova: IOVirtualAddress, in space: AddressSpace) -> Bool { domain(space)?.tables.maps(iova) ?? false }

  func domain(_ space: AddressSpace) -> Domain? {
    let index = Int(space.rawValue)
    return index < domains.count ? domains[index] : nil
  }

  func existing(_ space: AddressSpace) throws(HostDriverError) -> Domain {
    guard isRunning else { throw .notRunning }
    guard let domain = domain(space) else { throw .unknownAddressSpace(space) }
    return domain
  }

  /// Clear frames for a structure in memory.
  func allocate(sizeLog2: UInt8 = PageSizeLog2.size4K) throws(HostDriverError) -> PhysicalAddress {
    guard let block = tables.allocate(sizeLog2: sizeLog2) else { throw .outOfMemory }
    return block
  }

  /// Writes an entry so that the word with its present bit comes last.
  func store<Words: SIMD<UInt64>>(_ words: Words, at place: PhysicalAddress) {
    for index in words.indices.reversed() { memory.write64(place.advanced(by: UInt64(index) * 8), words[index]) }
  }

  /// Polls until `done`, letting time pass in between.
  func poll(_ what: String, until done: () -> Bool) throws(HostDriverError) {
    let deadline = bus.now + configuration.timeout
    while !done() {
      guard bus.pause(), bus.now <= deadline else {
        if done() { return }
        throw .timeout(what)
      }
    }
  }
}
