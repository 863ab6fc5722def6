/// What an invalidation covers. The raw values are part of the container format.
///
/// The scopes of VT-d's descriptors (section 6.5.2) and of SMMUv3's commands (IHI 0070, chapter 4) in one list. The field in brackets
/// is what a record of the scope names beyond it.
@frozen public enum InvalidationScope: UInt8, Sendable, CaseIterable {
  /// Not an invalidation.
  case none = 0
  /// All translations of the unit.
  case global = 1
  /// All translations of an address space (domain). VT-d: domain-selective; SMMUv3: TLBI_NH_ASID.
  case domain = 2
  /// A range of an address space (domain, address, length). VT-d: page-selective-within-domain; SMMUv3: TLBI_NH_VA.
  case pages = 3
  /// All translations of a process (domain, PASID). VT-d: PASID-selective-within-domain.
  case pasid = 4
  /// A range of a process (domain, PASID, address, length). VT-d: page-selective-within-PASID.
  case pasidPages = 5
  /// Everything that a second stage takes part in (domain). SMMUv3: TLBI_S12_VMALL.
  case secondStage = 6
  /// A range of a second stage (domain, address, length). SMMUv3: TLBI_S2_IPA.
  case secondStagePages = 7
  /// A range in every address space that shares a second stage (domain, address, length). SMMUv3: TLBI_NH_VAA.
  case sharedPages = 8
  /// All cached configuration of the unit. VT-d: global context-cache invalidation; SMMUv3: CFGI_ALL.
  case contextGlobal = 9
  /// Cached configuration of all requesters of an address space (domain). VT-d: domain-selective context-cache invalidation.
  case contextDomain = 10
  /// Cached configuration of a requester (requester, `value` = function mask). VT-d: device-selective; SMMUv3: CFGI_STE, CFGI_CD_ALL.
  case contextDevice = 11
  /// All cached PASID entries.
  case pasidCacheGlobal = 12
  /// Cached PASID entries of an address space (domain).
  case pasidCacheDomain = 13
  /// One cached PASID entry (domain, PASID). SMMUv3: CFGI_CD (requester, PASID).
  case pasidCacheEntry = 14
  /// A range in a device's own cache (requester, PASID or none, address, length; a length of 0 is everything). SMMUv3: ATC_INV.
  case deviceTLB = 15
  /// A range in a device's own cache whatever the PASID (requester, address, length; a length of 0 is everything).
  case deviceTLBAllPASIDs = 16
  /// Cached interrupt-remapping entries (`value` = index, length = count; a length of 0 is all of them).
  case interruptEntries = 17

  /// The name used in text, CSV and JSON.
  public var name: StaticString {
    switch self {
    case .none: "none"
    case .global: "global"
    case .domain: "domain"
    case .pages: "pages"
    case .pasid: "pasid"
    case .pasidPages: "pasid-pages"
    case .secondStage: "second-stage"
    case .secondStagePages: "second-stage-pages"
    case .sharedPages: "shared-pages"
    case .contextGlobal: "context-global"
    case .contextDomain: "context-domain"
    case .contextDevice: "context-device"
    case .pasidCacheGlobal: "pasid-cache-global"
    case .pasidCacheDomain: "pasid-cache-domain"
    case .pasidCacheEntry: "pasid-cache-entry"
    case .deviceTLB: "device-tlb"
    case .deviceTLBAllPASIDs: "device-tlb-all-pasids"
    case .interruptEntries: "interrupt-entries"
    }
  }
}
