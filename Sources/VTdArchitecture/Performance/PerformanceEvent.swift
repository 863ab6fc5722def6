/// An event that performance counters can count (VT-d rev 5.10 table 49).
public struct PerformanceEvent: Hashable, Sendable {
  /// What can narrow down the count beside requester, domain and PASID.
  public enum Filter: String, Hashable, Sendable {
    /// By kind of request: bit 0 untranslated, 1 translation, 2 translated, 4 permission prefetch.
    case addressType
    /// By level of the entry hit: bit 0 page table or 4 KiB, up to bit 4 PML5.
    case level
  }

  /// The event group, 0 to 4.
  public let group: UInt8
  /// The event's bit in the group's bitmap.
  public let mask: UInt32
  /// The name, as drivers spell it.
  public let name: String
  /// Filters of this event.
  public let filters: [Filter]

  init(_ group: UInt8, _ mask: UInt32, _ name: String, _ filters: Filter...) {
    self.group = group
    self.mask = mask
    self.name = name
    self.filters = filters
  }

  /// Every event.
  public static let all: [PerformanceEvent] = [
    PerformanceEvent(0, 0x001, "iommu_clocks"),
    PerformanceEvent(0, 0x002, "iommu_requests", .addressType),
    PerformanceEvent(0, 0x004, "pw_occupancy"),
    PerformanceEvent(0, 0x008, "ats_blocked"),
    PerformanceEvent(0, 0x020, "total_occupancy"),
    PerformanceEvent(0, 0x040, "mem_occupancy"),
    PerformanceEvent(1, 0x001, "iommu_mrds"),
    PerformanceEvent(1, 0x008, "iommu_atomic_ad_update"),
    PerformanceEvent(1, 0x020, "iommu_mem_blocked"),
    PerformanceEvent(1, 0x040, "pg_req_posted"),
    PerformanceEvent(1, 0x080, "pg_req_overflow"),
    PerformanceEvent(2, 0x001, "ctxt_cache_lookup"),
    PerformanceEvent(2, 0x002, "ctxt_cache_hit"),
    PerformanceEvent(2, 0x004, "pasid_cache_lookup"),
    PerformanceEvent(2, 0x008, "pasid_cache_hit"),
    PerformanceEvent(2, 0x010, "ss_nonleaf_lookup"),
    PerformanceEvent(2, 0x020, "ss_nonleaf_hit", .level),
    PerformanceEvent(2, 0x040, "fs_nonleaf_lookup"),
    PerformanceEvent(2, 0x080, "fs_nonleaf_hit", .level),
    PerformanceEvent(2, 0x100, "hpt_nonleaf_lookup", .addressType),
    PerformanceEvent(2, 0x200, "hpt_nonleaf_hit", .addressType, .level),
    PerformanceEvent(3, 0x001, "iotlb_lookup"),
    PerformanceEvent(3, 0x002, "iotlb_hit", .level),
    PerformanceEvent(3, 0x004, "hpt_leaf_lookup"),
    PerformanceEvent(3, 0x008, "hpt_leaf_hit", .level),
    PerformanceEvent(4, 0x001, "int_cache_lookup"),
    PerformanceEvent(4, 0x002, "int_cache_hit_nonposted"),
    PerformanceEvent(4, 0x004, "int_cache_hit_posted"),
  ]
}
