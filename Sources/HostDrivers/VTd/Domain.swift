import Hardware
import PageTables
import VTdArchitecture

/// A domain: an address space and the id that the unit tags its translations with (VT-d rev 5.10 section 6.2.1).
///
/// The same domain id always means the same tables: every domain with tables has an id of its own, a nested one too, and pass-through domains of
/// scalable mode share one that no tables ever use.
final class Domain {
  /// The address space that callers know it as.
  let space: AddressSpace
  /// DID.
  let id: DomainID
  /// PGTT; legacy mode knows second stage and pass-through alone.
  let stages: PASIDTranslationType
  /// The tables that map and unmap change.
  let tables: DomainTables
  /// The first stage's root and flags, for whom there is one.
  let firstStage: GuestPageTable?
  /// The second-stage domain that a nested one lies in.
  let parent: Domain?

  /// The requests that are routed here.
  private(set) var routes: [Route] = []
  /// The PASIDs of these routes, each once: the tags of first-stage translations.
  private(set) var pasids: [PASID] = []
  private var routesByPASID: [PASID: Int] = [:]
  /// The domains nested in this one.
  var nested: [DomainID] = []
  /// The device-TLBs that may hold translations of this domain.
  var deviceTLBs: [DeviceTLB] = []

  /// What hardware may still know although it is unmapped.
  @exclusivity(unchecked) var pending = PendingUnmaps()
  /// Addresses to hand out, for a domain that does so.
  var addresses: IOVAAllocator
  /// Guest physical memory of nested domains' tables, of a domain that has such.
  @exclusivity(unchecked) var guestTables: GuestTables?

  /// Who sends requests: a requester, and the PASID under which the unit finds them.
  struct Route: Hashable {
    var requester: RequesterID
    /// The PASID that requests carry, or RID_PASID.
    var pasid: PASID
  }

  init(
    space: AddressSpace, id: DomainID, stages: PASIDTranslationType, tables: DomainTables, firstStage: GuestPageTable? = nil,
    parent: Domain? = nil, addresses: IOVAAllocator
  ) {
    self.space = space
    self.id = id
    self.stages = stages
    self.tables = tables
    self.firstStage = firstStage
    self.parent = parent
    self.addresses = addresses
  }

  /// Whether nobody uses the domain.
  var isIdle: Bool { routes.isEmpty && nested.isEmpty }

  /// Where the second-stage tables start that translate here, if any do.
  var secondStageRoot: PhysicalAddress? {
    if case .second(let builder) = tables { return builder.root }
    return parent?.secondStageRoot
  }

  func add(_ route: Route) {
    routes.append(route)
    routesByPASID[route.pasid, default: 0] += 1
    if routesByPASID[route.pasid] == 1 { pasids.append(route.pasid) }
  }

  func remove(_ route: Route) {
    routes.removeAll { $0 == route }
    deviceTLBs.removeAll { $0.route == route }
    routesByPASID[route.pasid, default: 1] -= 1
    guard routesByPASID[route.pasid] == 0 else { return }
    routesByPASID[route.pasid] = nil
    pasids.removeAll { $0 == route.pasid }
  }
}

/// A device-TLB, as far as one route fills it.
struct DeviceTLB: Hashable {
  /// Whose translations it holds.
  let route: Domain.Route
  /// What its device wants.
  let services: DeviceServices
}
