/// The events of QEMU's VT-d model (`hw/i386/trace-events`, file intel_iommu.c) that an import uses.
enum QEMUVTdEvent: Sendable {
  case translate, passThrough, pageHit, pageUpdate, pageWalk, fault
  case descriptor
  case iotlbGlobal, iotlbDomain, iotlbPages, iotlbPASID, iotlbPASIDPages
  case contextGlobal, contextDomain, contextDevices, contextDevice
  case pasidCacheGlobal, pasidCacheDomain, pasidCacheEntry
  case iotlbReset, contextCacheReset, pasidCacheReset

  /// The events with the arguments that are read of them, the frequent ones first.
  static let table = LogEventTable<QEMUVTdEvent>(events: [
    .init(
      kind: .translate, name: "vtd_dmar_translate",
      arguments: [
        .init(marker: " dev ", key: " bus="), .init(marker: ":", key: " slot="), .init(marker: ".", key: " func="),
        .init(marker: " iova ", key: " iova="), .init(marker: " gpa ", key: " gpa="), .init(marker: " mask ", key: " mask="),
      ]),
    .init(kind: .pageHit, name: "vtd_iotlb_page_hit", arguments: lookup),
    .init(kind: .pageUpdate, name: "vtd_iotlb_page_update", arguments: lookup),
    .init(
      kind: .descriptor, name: "vtd_inv_desc", arguments: [.init(marker: " high ", key: " hi="), .init(marker: " low ", key: " lo=")]),
    .init(kind: .iotlbPages, name: "vtd_inv_desc_iotlb_pages", arguments: [domain, address, addressMask]),
    .init(kind: .iotlbDomain, name: "vtd_inv_desc_iotlb_domain", arguments: [domain]),
    .init(kind: .iotlbGlobal, name: "vtd_inv_desc_iotlb_global"),
    .init(kind: .iotlbPASIDPages, name: "vtd_inv_desc_iotlb_pasid_pages", arguments: [domain, address, addressMask, pasid]),
    .init(kind: .iotlbPASID, name: "vtd_inv_desc_iotlb_pasid", arguments: [domain, pasid]),
    .init(kind: .contextGlobal, name: "vtd_inv_desc_cc_global"),
    .init(kind: .contextDomain, name: "vtd_inv_desc_cc_domain", arguments: [domain]),
    .init(kind: .contextDevices, name: "vtd_inv_desc_cc_devices", arguments: [source, .init(marker: " fmask ", key: " fmask=")]),
    .init(
      kind: .contextDevice, name: "vtd_inv_desc_cc_device",
      arguments: [.init(marker: " device ", key: " bus="), .init(marker: ":", key: " dev="), .init(marker: ".", key: " fn=")]),
    .init(kind: .pasidCacheGlobal, name: "vtd_inv_desc_pasid_cache_gsi"),
    .init(kind: .pasidCacheDomain, name: "vtd_inv_desc_pasid_cache_dsi", arguments: [domain]),
    .init(kind: .pasidCacheEntry, name: "vtd_inv_desc_pasid_cache_psi", arguments: [domain, pasid]),
    .init(kind: .iotlbReset, name: "vtd_iotlb_reset"),
    .init(kind: .contextCacheReset, name: "vtd_context_cache_reset"),
    .init(kind: .pasidCacheReset, name: "vtd_pasid_cache_reset"),
    .init(
      kind: .fault, name: "vtd_dmar_fault",
      arguments: [
        source, .init(marker: " fault ", key: " fault=", isDecimal: true), address,
        .init(marker: " write ", key: " is_write=", isDecimal: true),
      ]),
    // The source id of this one is left unread: older versions print it in decimal behind 0x, and the translation that follows has it.
    .init(kind: .passThrough, name: "vtd_translate_pt", arguments: [.init(marker: " iova ", key: " addr=")]),
    .init(
      kind: .pageWalk, name: "vtd_page_walk_one",
      arguments: [
        domain, .init(marker: " iova ", key: " iova="), .init(marker: " gpa ", key: " gpa="), .init(marker: " mask ", key: " mask="),
        .init(marker: " perm ", key: " perm=", isDecimal: true),
      ]),
  ])

  private typealias Argument = LogEvent<QEMUVTdEvent>.Argument
  private static let source = Argument(marker: " sid ", key: " sid=")
  private static let domain = Argument(marker: " domain ", key: " domain=")
  private static let address = Argument(marker: " addr ", key: " addr=")
  private static let addressMask = Argument(marker: " mask ", key: " mask=")
  private static let pasid = Argument(marker: " pasid ", key: " pasid=")
  private static let lookup = [
    source, Argument(marker: " iova ", key: " addr="), Argument(marker: " slpte ", key: " slpte="), domain,
  ]
}
