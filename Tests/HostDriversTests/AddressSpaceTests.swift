import Hardware
import Testing
import VTdArchitecture

@testable import HostDrivers

@Suite struct AddressSpaceTests {
  // 2^4 domain ids.
  private static let few = FakeUnit.capabilities & ~7

  @Test("Domain ids are handed out from the lowest on, 0 never, and in scalable mode 1 only to pass-through")
  func order() throws {
    let scalable = try FakeUnit(capabilities: Self.few).bringUp()
    let spaces = try (0..<14).map { _ in try scalable.makeAddressSpace(.secondStage) }
    #expect(spaces.map { scalable.domainID(of: $0)?.rawValue } == (2...15).map { $0 })
    #expect(throws: HostDriverError.outOfDomainIDs(count: 16)) { try scalable.makeAddressSpace(.secondStage) }
    let pass = try scalable.makeAddressSpace(.passThrough)
    #expect(scalable.domainID(of: pass) == DomainID(1))
    let legacy = try FakeUnit(capabilities: Self.few).bringUp { $0.mode = .legacy }
    let first = try legacy.makeAddressSpace(.passThrough)
    #expect(legacy.domainID(of: first) == DomainID(1))
  }

  @Test("A removed address space gives its id back after the caches have forgotten it, and its tables")
  func reuse() throws {
    let unit = try FakeUnit(capabilities: Self.few)
    let driver = try unit.bringUp()
    let before = unit.tables.allocatedBytes
    let space = try driver.makeAddressSpace(.secondStage)
    try driver.map(
      IOVirtualAddress(0x1000), to: PhysicalAddress(0x5000), length: 0x40_0000, permissions: .readWrite, in: space, largestPageLog2: 12)
    try driver.removeAddressSpace(space)
    #expect(
      unit.takeDescriptors() == [
        .pasidCache(.domain(DomainID(2))), .iotlb(IOTLBInvalidation(.domain(DomainID(2)), drainReads: true, drainWrites: true)),
      ])
    #expect(unit.tables.allocatedBytes == before)
    #expect(throws: HostDriverError.unknownAddressSpace(space)) { try driver.removeAddressSpace(space) }
    let next = try driver.makeAddressSpace(.secondStage)
    #expect(driver.domainID(of: next) == DomainID(2))
    #expect(next != space)
  }

  @Test(
    "A chosen id is used if it is free",
    arguments: [(5, true), (2, false), (0, false), (1, false), (16, false), (1 << 20, false)] as [(UInt32, Bool)])
  func chosen(id: UInt32, free: Bool) throws {
    let driver = try FakeUnit(capabilities: Self.few).bringUp()
    _ = try driver.makeAddressSpace(.secondStage)
    if free {
      let space = try driver.makeAddressSpace(.secondStage, domain: id)
      #expect(driver.domainID(of: space) == DomainID(UInt16(id)))
    } else {
      #expect(throws: HostDriverError.domainIDUnavailable(id)) { try driver.makeAddressSpace(.secondStage, domain: id) }
    }
  }

  @Test("The lowest free id comes again first, and the end of a pass-through address space frees none")
  func lowestFree() throws {
    let driver = try FakeUnit(capabilities: Self.few).bringUp()
    let spaces = try (0..<3).map { _ in try driver.makeAddressSpace(.secondStage) }
    try driver.removeAddressSpace(try driver.makeAddressSpace(.passThrough))
    try driver.removeAddressSpace(spaces[0])
    let next = try (0..<2).map { _ in try driver.makeAddressSpace(.secondStage) }
    #expect(next.map { driver.domainID(of: $0)?.rawValue } == [2, 5])
  }

  @Test("Kinds that the unit lacks are refused")
  func unsupported() throws {
    let noPassThrough = try FakeUnit(extended: FakeUnit.extended & ~(1 << 6)).bringUp()
    #expect(throws: HostDriverError.unsupported("pass-through (ECAP.PT)")) { try noPassThrough.makeAddressSpace(.passThrough) }
    let noSecondStage = try FakeUnit(extended: FakeUnit.extended & ~(1 << 46)).bringUp()
    #expect(throws: HostDriverError.unsupported("second-stage translation (ECAP.SSTS)")) {
      try noSecondStage.makeAddressSpace(.secondStage)
    }
  }

  @Test("A pass-through address space has nothing to map")
  func notTranslated() throws {
    let driver = try FakeUnit().bringUp()
    let space = try driver.makeAddressSpace(.passThrough)
    #expect(throws: HostDriverError.notTranslated(space)) { try driver.unmap(IOVirtualAddress(0), length: 4096, in: space) }
  }

  @Test("Without memory for its root table an address space takes no id")
  func outOfMemory() throws {
    let unit = try FakeUnit(tableFrames: 4)
    let driver = try unit.bringUp()
    _ = try driver.makeAddressSpace(.secondStage)
    #expect(throws: HostDriverError.pageTable(.outOfTables)) { try driver.makeAddressSpace(.secondStage) }
    #expect(driver.domainIDs.allocate() == DomainID(3))
  }
}
