import Hardware
import Testing
import Translation

@testable import Endpoints

@Suite("Address translation cache") struct AddressTranslationCacheTests {
  typealias Space = AddressTranslationCache.Space
  static let page = IOVirtualAddress(0x4567_8000)
  static let plain = Space(nil)

  static func completion(_ address: UInt64 = 0x9_0000_0000, sizeLog2: UInt8 = 12, write: Bool = true, global: Bool = false)
    -> TranslationCompletion
  {
    TranslationCompletion(address: PhysicalAddress(address), sizeLog2: sizeLog2, read: true, write: write, global: global)
  }

  static func invalidation(
    _ address: IOVirtualAddress = page, sizeLog2: UInt8 = 12, pasid: PASID? = nil, global: Bool = false
  ) -> DeviceTLBInvalidation {
    DeviceTLBInvalidation(
      tag: 0, requester: RequesterID(8), pasid: pasid, address: address, sizeLog2: sizeLog2, global: global)
  }

  @Test("A translation serves every address of its page and none beside it", arguments: [12, 13, 21, 30, 39] as [UInt8])
  func extent(sizeLog2: UInt8) throws {
    var cache = AddressTranslationCache(.unlimited)
    cache.insert(Self.completion(0x80 << 39, sizeLog2: sizeLog2), for: Self.page, in: Self.plain)
    let base = Self.page.alignedDown(sizeLog2)
    let size: UInt64 = 1 << UInt64(sizeLog2)
    let last = cache.lookup(base.advanced(by: size - 1), in: Self.plain, for: .read)
    #expect(last?.output(base.advanced(by: size - 1)) == PhysicalAddress(0x80 << 39 + size - 1))
    #expect(cache.lookup(base, in: Self.plain, for: .read)?.output(base) == PhysicalAddress(0x80 << 39))
    #expect(cache.lookup(base.advanced(by: size), in: Self.plain, for: .read) == nil)
  }

  @Test("A translation of everything is kept in its larger half")
  func everything() {
    var cache = AddressTranslationCache(.unlimited)
    cache.insert(Self.completion(0, sizeLog2: 64), for: IOVirtualAddress(1 << 63 | 0x1000), in: Self.plain)
    let address = IOVirtualAddress(1 << 63 | 0x7777)
    #expect(cache.lookup(address, in: Self.plain, for: .read)?.output(address) == PhysicalAddress(1 << 63 | 0x7777))
    #expect(cache.lookup(IOVirtualAddress(0x1000), in: Self.plain, for: .read) == nil)
  }

  @Test("Of a page larger than an entry the piece around the address is kept")
  func pieces() {
    var cache = AddressTranslationCache(.unlimited, largestSizeLog2: 12)
    cache.insert(Self.completion(0x4000_0000, sizeLog2: 21), for: Self.page, in: Self.plain)
    #expect(cache.lookup(Self.page, in: Self.plain, for: .read)?.page == PhysicalAddress(0x4007_8000))
    #expect(cache.lookup(Self.page.advanced(by: 0x1000), in: Self.plain, for: .read) == nil)
  }

  @Test("PASIDs, requests without one, and privilege have translations of their own")
  func spaces() {
    let spaces = [Space(nil), Space(PASID(0)), Space(PASID(5)), Space(PASID.maximum), Space(PASID(5), privileged: true)]
    for owner in spaces {
      var cache = AddressTranslationCache(.unlimited)
      cache.insert(Self.completion(), for: Self.page, in: owner)
      for space in spaces { #expect((cache.lookup(Self.page, in: space, for: .read) != nil) == (space == owner)) }
    }
  }

  @Test("A global translation serves every PASID at its privilege, and no request without one")
  func global() {
    var cache = AddressTranslationCache(.unlimited)
    cache.insert(Self.completion(global: true), for: Self.page, in: Space(PASID(5)))
    #expect(cache.lookup(Self.page, in: Space(PASID(6)), for: .read) != nil)
    #expect(cache.lookup(Self.page, in: Space(PASID(6), privileged: true), for: .read) == nil)
    #expect(cache.lookup(Self.page, in: Self.plain, for: .read) == nil)
  }

  @Test("Global means nothing without PASID")
  func globalWithoutPASID() {
    var cache = AddressTranslationCache(.unlimited)
    cache.insert(Self.completion(global: true), for: Self.page, in: Self.plain)
    #expect(cache.lookup(Self.page, in: Self.plain, for: .read) != nil)
    #expect(cache.lookup(Self.page, in: Space(PASID(6)), for: .read) == nil)
  }

  @Test("A translation serves what it allows")
  func rights() {
    var cache = AddressTranslationCache(.unlimited)
    cache.insert(Self.completion(write: false), for: Self.page, in: Self.plain)
    #expect(cache.lookup(Self.page, in: Self.plain, for: .read) != nil)
    #expect(cache.lookup(Self.page, in: Self.plain, for: .write) == nil)
    #expect(cache.lookup(Self.page, in: Self.plain, for: [.read, .execute]) == nil)
  }

  @Test("A new translation takes the place of an older one of another size", arguments: [(21, 12), (12, 21)] as [(UInt8, UInt8)])
  func replaced(before: UInt8, after: UInt8) {
    var cache = AddressTranslationCache(.unlimited)
    cache.insert(Self.completion(0x4000_0000, sizeLog2: before, write: false), for: Self.page, in: Self.plain)
    cache.insert(Self.completion(0x8000_0000, sizeLog2: after), for: Self.page, in: Self.plain)
    #expect(cache.lookup(Self.page, in: Self.plain, for: .read)?.sizeLog2 == after)
    #expect(cache.count == 1)
  }

  @Test(
    "What allows nothing is not kept",
    arguments: [
      TranslationCompletion(), TranslationCompletion(write: true, untranslatedOnly: true),
      TranslationCompletion(.completerAbort, read: true), TranslationCompletion(.unsupportedRequest, read: true),
    ])
  func nothing(completion: TranslationCompletion) {
    var cache = AddressTranslationCache(.unlimited)
    cache.insert(completion, for: Self.page, in: Self.plain)
    #expect(cache.count == 0)
  }

  @Test("A completion without rights makes the older translation be forgotten")
  func revoked() {
    var cache = AddressTranslationCache(.unlimited)
    cache.insert(Self.completion(), for: Self.page, in: Self.plain)
    cache.insert(TranslationCompletion(), for: Self.page, in: Self.plain)
    #expect(cache.lookup(Self.page, in: Self.plain, for: .read) == nil)
  }

  @Test("An invalidation removes what it overlaps, whatever the sizes", arguments: [12, 21, 30] as [UInt8], [12, 13, 25, 64] as [UInt8])
  func ranges(entry: UInt8, range: UInt8) {
    for offset in [0, 1 << 13, 1 << 21, 1 << 30, 1 << 40] as [UInt64] {
      var cache = AddressTranslationCache(CacheGeometry(entries: 64, ways: 8))
      cache.insert(Self.completion(sizeLog2: entry), for: Self.page, in: Self.plain)
      let request = Self.invalidation(Self.page.advanced(by: offset), sizeLog2: range)
      cache.remove(request)
      let isCovered = request.overlaps(Self.page.alignedDown(entry), sizeLog2: entry)
      #expect((cache.count == 0) == isCovered)
      #expect(cache.counters.invalidations == (isCovered ? 1 : 0))
    }
  }

  @Test(
    "An invalidation reaches the translations of its PASID, privileged ones too, and those that PASIDs share", arguments: [false, true])
  func pasids(global: Bool) {
    var cache = AddressTranslationCache(.unlimited)
    for space in [Self.plain, Space(PASID(5)), Space(PASID(5), privileged: true), Space(PASID(6))] {
      cache.insert(Self.completion(), for: Self.page, in: space)
    }
    cache.insert(Self.completion(global: true), for: Self.page.advanced(by: 0x1000), in: Space(PASID(6)))
    cache.remove(Self.invalidation(sizeLog2: 14, pasid: PASID(5), global: global))
    #expect(cache.lookup(Self.page, in: Self.plain, for: .read) != nil)
    #expect(cache.lookup(Self.page, in: Space(PASID(5)), for: .read) == nil)
    #expect(cache.lookup(Self.page, in: Space(PASID(5), privileged: true), for: .read) == nil)
    #expect((cache.lookup(Self.page, in: Space(PASID(6)), for: .read) == nil) == global)
    #expect(cache.lookup(Self.page.advanced(by: 0x1000), in: Space(PASID(6)), for: .read) == nil)
  }

  @Test("An invalidation without PASID reaches translations of requests without one alone, global or not", arguments: [false, true])
  func withoutPASID(global: Bool) {
    var cache = AddressTranslationCache(.unlimited)
    cache.insert(Self.completion(), for: Self.page, in: Self.plain)
    cache.insert(Self.completion(), for: Self.page, in: Space(PASID(5)))
    cache.remove(Self.invalidation(global: global))
    #expect(cache.lookup(Self.page, in: Self.plain, for: .read) == nil)
    #expect(cache.lookup(Self.page, in: Space(PASID(5)), for: .read) != nil)
  }

  @Test("The geometry limits how many translations are kept")
  func capacity() {
    var cache = AddressTranslationCache(CacheGeometry(entries: 4, ways: 4))
    for index in 0..<5 as Range<UInt64> { cache.insert(Self.completion(), for: Self.page.advanced(by: index << 12), in: Self.plain) }
    #expect(cache.count == 4)
    #expect(cache.counters.evictions == 1)
    #expect(cache.lookup(Self.page, in: Self.plain, for: .read) == nil)
  }

  @Test("Without entries every lookup misses")
  func absent() {
    var cache = AddressTranslationCache(.none)
    cache.insert(Self.completion(), for: Self.page, in: Self.plain)
    #expect(cache.lookup(Self.page, in: Self.plain, for: .read) == nil)
    #expect(cache.counters.fills == 0)
  }

  @Test("Lookups are hits and misses")
  func counters() {
    var cache = AddressTranslationCache(.unlimited)
    _ = cache.lookup(Self.page, in: Self.plain, for: .read)
    cache.insert(Self.completion(), for: Self.page, in: Self.plain)
    _ = cache.lookup(Self.page, in: Self.plain, for: .read)
    #expect(cache.counters.lookups == 2)
    #expect(cache.counters.hits == 1)
    #expect(cache.counters.misses == 1)
    #expect(cache.counters.fills == 1)
  }
}
