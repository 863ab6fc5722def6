import Hardware
import Testing

@testable import DMATrace

@Suite struct QEMUInvalidationTests {
  private let directory = TemporaryDirectory()

  private func invalidations(_ lines: [String]) throws -> [TraceRecord] {
    var reader = try QEMULogReader(path: directory.make("log", lines.map { $0 + "\n" }.joined()))
    let delivery = deliver(&reader)
    if let error = delivery.error { throw error }
    return delivery.records.map { record in
      var record = record
      record.time = .zero
      return record
    }
  }

  private static func record(
    _ scope: InvalidationScope, requester: RequesterID = RequesterID(0), pasid: PASID? = nil, address: UInt64 = 0, length: UInt64 = 0,
    attributes: TraceAttributes = [], domain: UInt32 = 0, value: UInt32 = 0
  ) -> TraceRecord {
    TraceRecord(
      operation: .invalidate, requester: requester, pasid: pasid, address: IOVirtualAddress(address), length: length,
      attributes: attributes, scope: scope, domain: TraceDomain(domain), value: value)
  }

  @Test(
    "Every invalidation line becomes a record of its scope",
    arguments: [
      ("iotlb_global iotlb invalidate global", record(.global)),
      ("iotlb_domain iotlb invalidate whole domain 0x15", record(.domain, domain: 0x15)),
      ("iotlb_pages iotlb invalidate domain 0x5 addr 0xffffd000 mask 0x0", record(.pages, address: 0xFFFF_D000, length: 4096, domain: 5)),
      // The mask is the logarithm of a number of pages, and the range is aligned to it.
      (
        "iotlb_pages iotlb invalidate domain 0x5 addr 0xffffd000 mask 0x9",
        record(.pages, address: 0xFFE0_0000, length: 0x20_0000, domain: 5)
      ),
      ("iotlb_pasid iotlb invalidate domain 0x5 pasid 0x12", record(.pasid, pasid: PASID(0x12), domain: 5)),
      (
        "iotlb_pasid_pages iotlb invalidate domain 0x5 addr 0x7000 mask 0x1 pasid 0x12",
        record(.pasidPages, pasid: PASID(0x12), address: 0x6000, length: 8192, domain: 5)
      ),
      ("cc_global context invalidate globally", record(.contextGlobal)),
      ("cc_domain context invalidate domain 0x7", record(.contextDomain, domain: 7)),
      ("cc_devices context invalidate devices sid 0x18 fmask 0x3", record(.contextDevice, requester: RequesterID(0x18), value: 3)),
      ("cc_device context invalidate device 00:03.01", record(.contextDevice, requester: RequesterID(0x19))),
      ("pasid_cache_gsi ", record(.pasidCacheGlobal)),
      ("pasid_cache_dsi Domain selective PC invalidation domain 0x9", record(.pasidCacheDomain, domain: 9)),
      ("pasid_cache_psi PASID selective PC invalidation domain 0x9 pasid 0xfffff", record(.pasidCacheEntry, pasid: .maximum, domain: 9)),
    ])
  func scopes(line: String, expected: TraceRecord) throws {
    #expect(try invalidations(["vtd_inv_desc_" + line]) == [expected])
  }

  @Test(
    "What the emulator invalidates on its own is marked so",
    arguments: [
      ("vtd_iotlb_reset IOTLB reset (reason: full)", InvalidationScope.global), ("vtd_context_cache_reset ", .contextGlobal),
      ("vtd_pasid_cache_reset ", .pasidCacheGlobal),
    ])
  func spontaneous(line: String, scope: InvalidationScope) throws {
    #expect(try invalidations([line]) == [Self.record(scope, attributes: .spontaneous)])
  }

  @Test("Lines that tell how a context invalidation is carried out make no second record")
  func details() throws {
    let devices = try invalidations([
      "vtd_inv_desc_cc_devices context invalidate devices sid 0x18 fmask 0x1", "vtd_inv_desc_cc_device context invalidate device 00:03.00",
      "vtd_inv_desc_cc_device context invalidate device 00:03.04", "vtd_inv_desc_cc_device context invalidate device 00:03.01",
    ])
    #expect(
      devices == [
        Self.record(.contextDevice, requester: RequesterID(0x18), value: 1), Self.record(.contextDevice, requester: RequesterID(0x19)),
      ])
    let domain = try invalidations([
      "vtd_inv_desc_cc_domain context invalidate domain 0x7", "vtd_inv_desc_cc_global context invalidate globally",
      "vtd_inv_desc_cc_global context invalidate globally",
    ])
    #expect(domain == [Self.record(.contextDomain, domain: 7), Self.record(.contextGlobal)])
  }

  @Test("The invalidation hint is taken from the descriptor itself")
  func hint() throws {
    let pages = "vtd_inv_desc_iotlb_pages iotlb invalidate domain 0x5 addr 0xfffbb000 mask 0x0"
    let hinted = try invalidations(["vtd_inv_desc invalidate desc type iotlb high 0xfffbb040 low 0x500f2", pages])
    #expect(hinted == [Self.record(.pages, address: 0xFFFB_B000, length: 4096, attributes: .leafOnly, domain: 5)])
    let plain = try invalidations(["vtd_inv_desc invalidate desc type iotlb high 0xfffbb000 low 0x500f2", pages])
    #expect(plain.map(\.attributes) == [[]])
    let foreign = try invalidations(["vtd_inv_desc invalidate desc type iotlb high 0xfffbc040 low 0x500f2", pages])
    #expect(foreign.map(\.attributes) == [[]])
  }

  @Test(
    "Device-TLB invalidations are taken from the descriptor, with the size that its address encodes",
    arguments: [
      ("high 0x5000 low 0x1800000003", record(.deviceTLB, requester: RequesterID(0x18), address: 0x5000, length: 4096)),
      ("high 0x4001 low 0x1800000003", record(.deviceTLB, requester: RequesterID(0x18), address: 0x4000, length: 8192)),
      ("high 0x5001 low 0x1800000003", record(.deviceTLB, requester: RequesterID(0x18), address: 0x4000, length: 16384)),
      ("high 0x7ffffffffffff001 low 0x1800000003", record(.deviceTLB, requester: RequesterID(0x18))),
      (
        "high 0x5000 low 0x7001800008", record(.deviceTLB, requester: RequesterID(0x180), pasid: PASID(0x70), address: 0x5000, length: 4096)
      ),
      (
        "high 0x4801 low 0x7001800008",
        record(.deviceTLBAllPASIDs, requester: RequesterID(0x180), address: 0x4000, length: 8192)
      ),
    ])
  func deviceTLB(words: String, expected: TraceRecord) throws {
    #expect(try invalidations(["vtd_inv_desc invalidate desc type device \(words)"]) == [expected])
  }
}
