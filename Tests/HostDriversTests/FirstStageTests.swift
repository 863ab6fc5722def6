import Hardware
import PageTables
import Testing
import VTdArchitecture

@testable import HostDrivers

@Suite struct FirstStageTests {
  static let device = RequesterID(bus: 3, device: 0x1F, function: 1)

  /// The PASID entry of a route.
  static func entry(
    _ unit: FakeUnit, _ driver: VTdDriver, _ pasid: PASID = PASID(0), of device: RequesterID = Self.device
  ) throws -> [UInt64] {
    let state = try #require(driver.requesters[device])
    let link = state.directory.advanced(by: PASIDDirectoryEntry.index(of: pasid) * 8)
    let table = PhysicalAddress(unit.words(link, 1)[0] & ~0xFFF)
    return unit.words(table.advanced(by: PASIDTableEntry.index(of: pasid) * 64), 8)
  }

  private func map(_ driver: VTdDriver, _ space: AddressSpace, _ iova: UInt64, _ target: UInt64, _ length: UInt64) throws {
    try driver.map(IOVirtualAddress(iova), to: PhysicalAddress(target), length: length, permissions: .readWrite, in: space)
  }

  @Test("A first-stage entry has PGTT 001, its own domain, PWSNP, WPE and the root as a host address")
  func entry() throws {
    let unit = try FakeUnit(extended: FakeUnit.complete)
    let driver = try unit.bringUp()
    let space = try driver.makeAddressSpace(.firstStage)
    try driver.attach(Self.device, pasid: nil, to: space)
    let root = try #require(driver.firstStageTable(of: space))
    #expect(driver.secondStageTable(of: space) == nil)
    #expect(try Self.entry(unit, driver) == [0x41, 1 << 23 | 2, root.rawValue | 0x10, 0, 0, 0, 0, 0])
  }

  @Test("SRE, EAFE and FSPM follow the configuration, as far as the unit can")
  func flags() throws {
    for (capabilities, extended, expected) in [
      (FakeUnit.capabilities | 1 << 60, FakeUnit.complete, 0x95), (FakeUnit.capabilities, FakeUnit.complete, 0x91),
      (FakeUnit.capabilities, FakeUnit.complete & ~(1 << 31 | 1 << 34), 0x10),
    ] as [(UInt64, UInt64, UInt64)] {
      let unit = try FakeUnit(capabilities: capabilities, extended: extended)
      let driver = try unit.bringUp {
        $0.supervisorRequests = true
        $0.extendedAccessed = true
      }
      let space = try driver.makeAddressSpace(.firstStage)
      try driver.attach(Self.device, pasid: nil, to: space)
      #expect(try Self.entry(unit, driver)[2] & 0xFFF == expected)
    }
  }

  @Test("No second stage has a first stage's domain id while it lives, nor a pass-through's ever")
  func domainIDs() throws {
    let driver = try FakeUnit(extended: FakeUnit.complete).bringUp()
    let kinds: [AddressSpaceKind] = [.firstStage, .secondStage, .passThrough, .firstStage, .passThrough, .secondStage]
    let ids = try kinds.map { driver.domainID(of: try driver.makeAddressSpace($0))?.rawValue }
    #expect(ids == [2, 3, 1, 4, 1, 5])
  }

  @Test("What is unmapped is invalidated by page for each PASID that leads there, and pointers only if tables went")
  func strict() throws {
    let unit = try FakeUnit(extended: FakeUnit.complete)
    let driver = try unit.bringUp()
    let space = try driver.makeAddressSpace(.firstStage)
    try map(driver, space, 0x10_0000, 0x20_0000, 0x4000)
    try driver.unmap(IOVirtualAddress(0x10_0000), length: 0x1000, in: space)
    #expect(unit.takeDescriptors().isEmpty)
    try driver.attach(Self.device, pasid: nil, to: space)
    try driver.attach(RequesterID(9), pasid: nil, to: space)
    try driver.attach(Self.device, pasid: PASID(7), to: space)
    func pages(_ pasid: UInt32, _ address: UInt64, _ mask: UInt8, leafOnly: Bool) -> InvalidationDescriptor {
      .pasidIOTLB(
        .pages(DomainID(2), PASID(pasid), PageRange(IOVirtualAddress(address), addressMask: mask), leafOnly: leafOnly))
    }
    try driver.unmap(IOVirtualAddress(0x10_1000), length: 0x1000, in: space)
    #expect(unit.takeDescriptors() == [pages(0, 0x10_1000, 0, leafOnly: true), pages(7, 0x10_1000, 0, leafOnly: true)])
    let before = unit.tables.allocatedBytes
    try driver.unmap(IOVirtualAddress(0x10_2000), length: 0x2000, in: space)
    #expect(unit.takeDescriptors() == [pages(0, 0x10_2000, 1, leafOnly: false), pages(7, 0x10_2000, 1, leafOnly: false)])
    #expect(before - unit.tables.allocatedBytes == 3 << 12)
  }

  @Test("Deferred unmaps are flushed by PASID, and a map at their place flushes first")
  func deferred() throws {
    let unit = try FakeUnit(extended: FakeUnit.complete)
    let driver = try unit.bringUp { $0.policy = .deferred(batch: 2, timeout: .never) }
    let space = try driver.makeAddressSpace(.firstStage)
    try driver.attach(Self.device, pasid: PASID(7), to: space)
    let flush = InvalidationDescriptor.pasidIOTLB(.pasid(DomainID(2), PASID(7)))
    try map(driver, space, 0x10_0000, 0x20_0000, 0x4000)
    try driver.unmap(IOVirtualAddress(0x10_0000), length: 0x1000, in: space)
    #expect(unit.takeDescriptors().isEmpty)
    try driver.unmap(IOVirtualAddress(0x10_1000), length: 0x1000, in: space)
    #expect(unit.takeDescriptors() == [flush])
    try driver.unmap(IOVirtualAddress(0x10_2000), length: 0x1000, in: space)
    try map(driver, space, 0x10_2000, 0x30_0000, 0x1000)
    #expect(unit.takeDescriptors() == [flush])
  }

  @Test("Detaching invalidates the PASID entry and the PASID's translations, removing the domain what else has its id")
  func detach() throws {
    let unit = try FakeUnit(extended: FakeUnit.complete)
    let driver = try unit.bringUp()
    let before = unit.tables.allocatedBytes
    let space = try driver.makeAddressSpace(.firstStage)
    try map(driver, space, 0x10_0000, 0x20_0000, 0x4000)
    try driver.attach(Self.device, pasid: PASID(7), to: space)
    try driver.attach(Self.device, pasid: PASID(8), to: space)
    try driver.detach(Self.device, pasid: PASID(7))
    #expect(
      unit.takeDescriptors() == [.pasidCache(.pasid(DomainID(2), PASID(7))), .pasidIOTLB(.pasid(DomainID(2), PASID(7)))])
    #expect(try Self.entry(unit, driver, PASID(7)) == Array(repeating: 0, count: 8))
    try driver.detach(Self.device, pasid: PASID(8))
    _ = unit.takeDescriptors()
    try driver.removeAddressSpace(space)
    let all = IOTLBInvalidation(.domain(DomainID(2)), drainReads: true, drainWrites: true)
    #expect(unit.takeDescriptors() == [.pasidCache(.domain(DomainID(2))), .iotlb(all)])
    // The context table stays.
    #expect(unit.tables.allocatedBytes == before + 1 << 12)
  }

  @Test("With caching mode nothing that a first stage lacks is cached, so a map invalidates nothing")
  func cachingMode() throws {
    let unit = try FakeUnit(capabilities: FakeUnit.capabilities | 1 << 7, extended: FakeUnit.complete)
    let driver = try unit.bringUp()
    let space = try driver.makeAddressSpace(.firstStage)
    try driver.attach(Self.device, pasid: nil, to: space)
    _ = unit.takeDescriptors()
    try map(driver, space, 0x10_0000, 0x20_0000, 0x4000)
    #expect(unit.takeDescriptors().isEmpty)
  }

  @Test(
    "A recorded invalidation gives tables back when it covers every PASID that leads there",
    arguments: [
      (.pasidTranslations(PASID(7), domain: 2), true), (.pasidTranslations(PASID(8), domain: 2), false), (.translationsOf(domain: 2), true),
      (.pasidPages(IOVirtualAddress(0x10_0000), length: 0x4000, PASID(7), domain: 2, leafOnly: false), true),
      (.pasidPages(IOVirtualAddress(0x10_0000), length: 0x4000, PASID(7), domain: 2, leafOnly: true), false),
      (.pages(IOVirtualAddress(0), length: 0x1000, domain: 2, leafOnly: true), true),
    ] as [(InvalidationScope, Bool)])
  func recorded(scope: InvalidationScope, covers: Bool) throws {
    let unit = try FakeUnit(extended: FakeUnit.complete)
    let driver = try unit.bringUp { $0.policy = .recorded }
    let space = try driver.makeAddressSpace(.firstStage)
    try driver.attach(Self.device, pasid: PASID(7), to: space)
    try map(driver, space, 0x10_0000, 0x20_0000, 0x4000)
    try driver.unmap(IOVirtualAddress(0x10_0000), length: 0x4000, in: space)
    #expect(unit.takeDescriptors().isEmpty)
    let before = unit.tables.allocatedBytes
    try driver.invalidate(scope)
    #expect(unit.tables.allocatedBytes == (covers ? before - 3 << 12 : before))
  }

  @Test("First stage needs scalable mode, FSTS and a number of levels that the unit has")
  func unsupported() throws {
    let lacking = HostDriverError.unsupported("first-stage translation (ECAP.SMTS, ECAP.FSTS)")
    let legacy = try FakeUnit(extended: FakeUnit.complete).bringUp { $0.mode = .legacy }
    #expect(throws: lacking) { try legacy.makeAddressSpace(.firstStage) }
    let without = try FakeUnit().bringUp()
    #expect(throws: lacking) { try without.makeAddressSpace(.firstStage) }
    let shallow = try FakeUnit(extended: FakeUnit.complete).bringUp { $0.firstStageLevels = 5 }
    #expect(throws: HostDriverError.unsupported("first-stage tables of 5 levels (CAP.FS5LP)")) {
      try shallow.makeAddressSpace(.firstStage)
    }
  }
}
