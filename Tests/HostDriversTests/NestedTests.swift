import Hardware
import PageTables
import Testing
import VTdArchitecture

@testable import HostDrivers

@Suite struct NestedTests {
  static let device = FirstStageTests.device

  private func flush(_ domain: UInt16) -> InvalidationDescriptor {
    .iotlb(IOTLBInvalidation(.domain(DomainID(domain)), drainReads: true, drainWrites: true))
  }

  private func nested(
    _ change: (inout VTdDriverConfiguration) -> Void = { _ in }
  ) throws -> (unit: FakeUnit, driver: VTdDriver, parent: AddressSpace, space: AddressSpace) {
    let unit = try FakeUnit(extended: FakeUnit.complete)
    let driver = try unit.bringUp(change)
    let parent = try driver.makeAddressSpace(.secondStage)
    return (unit, driver, parent, try driver.makeAddressSpace(.nested(parent: parent)))
  }

  @Test("A nested entry has PGTT 011, a domain of its own, and the roots of both stages, the first's as a guest address")
  func entry() throws {
    let (unit, driver, parent, space) = try nested()
    try driver.attach(Self.device, pasid: PASID(5), to: space)
    let first = try #require(driver.firstStageTable(of: space))
    let second = try #require(driver.secondStageTable(of: parent))
    #expect(
      try FirstStageTests.entry(unit, driver, PASID(5)) == [second.rawValue | 0xC9, 1 << 23 | 3, first.rawValue | 0x10, 0, 0, 0, 0, 0])
    #expect(driver.domainID(of: parent) == DomainID(2))
  }

  @Test("The driver's tables lie in the guest's memory, each mapped by the parent with 4 KiB, and point to one another there")
  func tables() throws {
    let (unit, driver, parent, space) = try nested()
    try driver.map(
      IOVirtualAddress(0x1234_5000), to: GuestPhysicalAddress(0x7000), length: 0x1000, permissions: .readWrite, in: space)
    var address = try #require(driver.firstStageTable(of: space))
    let levels: [UInt64] = [0x1234_5000 >> 39 & 511, 0x1234_5000 >> 30 & 511, 0x1234_5000 >> 21 & 511, 0x1234_5000 >> 12 & 511]
    for index in levels {
      let place = try #require(unit.translate(address.rawValue, driver, parent))
      #expect(place.rawValue &+ 1 << 47 == address.rawValue)
      address = GuestPhysicalAddress(unit.words(place.advanced(by: index * 8), 1)[0] & 0x000F_FFFF_FFFF_F000)
    }
    #expect(address == GuestPhysicalAddress(0x7000))
    let builder = try #require(driver.domain(parent)?.tables)
    guard case .second(let second) = builder else { return #expect(Bool(false)) }
    #expect(second.lookup(try #require(driver.firstStageTable(of: space))).level == 1)
  }

  @Test("What is unmapped in the first stage is invalidated by PASID and page, what the parent unmaps by the nested domain too")
  func changes() throws {
    let (unit, driver, parent, space) = try nested()
    try driver.attach(Self.device, pasid: PASID(5), to: space)
    try driver.map(GuestPhysicalAddress(0), to: PhysicalAddress(0x20_0000), length: 0x10_0000, permissions: .readWrite, in: parent)
    try driver.map(IOVirtualAddress(0x5000), to: GuestPhysicalAddress(0x7000), length: 0x2000, permissions: .readWrite, in: space)
    #expect(unit.takeDescriptors().isEmpty)
    try driver.unmap(IOVirtualAddress(0x5000), length: 0x1000, in: space)
    #expect(
      unit.takeDescriptors() == [
        .pasidIOTLB(.pages(DomainID(3), PASID(5), PageRange(IOVirtualAddress(0x5000)), leafOnly: true))
      ])
    try driver.unmap(IOVirtualAddress(0x7000), length: 0x1000, in: parent)
    let pages = IOTLBInvalidation.Scope.pages(DomainID(2), PageRange(IOVirtualAddress(0x7000)), leafOnly: true)
    #expect(unit.takeDescriptors() == [.iotlb(IOTLBInvalidation(pages, drainReads: true, drainWrites: true)), flush(3)])
    #expect(unit.waits == 2)
  }

  @Test("Deferred unmaps of a parent are flushed for the domains nested in it as well")
  func deferred() throws {
    let (unit, driver, parent, space) = try nested { $0.policy = .deferred(batch: 1, timeout: .never) }
    try driver.attach(Self.device, pasid: nil, to: space)
    try driver.map(GuestPhysicalAddress(0), to: PhysicalAddress(0), length: 0x4000, permissions: .readWrite, in: parent)
    try driver.unmap(IOVirtualAddress(0), length: 0x1000, in: parent)
    #expect(unit.takeDescriptors() == [flush(2), flush(3)])
  }

  @Test("A device that leaves a parent does not settle what the domains nested in it may still know")
  func parentRoute() throws {
    let (_, driver, parent, space) = try nested { $0.policy = .deferred(batch: 100, timeout: .never) }
    try driver.attach(Self.device, pasid: nil, to: parent)
    try driver.attach(Self.device, pasid: PASID(5), to: space)
    try driver.map(GuestPhysicalAddress(0), to: PhysicalAddress(0), length: 0x4000, permissions: .readWrite, in: parent)
    try driver.unmap(IOVirtualAddress(0), length: 0x1000, in: parent)
    try driver.detach(Self.device, pasid: nil)
    #expect(driver.domain(parent)?.pending.isEmpty == false)
    try driver.flush()
    #expect(driver.domain(parent)?.pending.isEmpty == true)
  }

  @Test("Detaching a nested route invalidates its PASID entry and its domain")
  func detach() throws {
    let (unit, driver, _, space) = try nested()
    try driver.attach(Self.device, pasid: PASID(5), to: space)
    try driver.attach(Self.device, pasid: PASID(6), to: space)
    try driver.detach(Self.device, pasid: PASID(5))
    #expect(unit.takeDescriptors() == [.pasidCache(.pasid(DomainID(3), PASID(5))), flush(3)])
  }

  @Test("A parent lives as long as what is nested in it, and then gives every frame back")
  func lifetimes() throws {
    let unit = try FakeUnit(extended: FakeUnit.complete)
    let driver = try unit.bringUp()
    let before = unit.tables.allocatedBytes
    let parent = try driver.makeAddressSpace(.secondStage)
    let space = try driver.makeAddressSpace(.nested(parent: parent))
    try driver.map(IOVirtualAddress(0x5000), to: GuestPhysicalAddress(0x7000), length: 0x2000, permissions: .readWrite, in: space)
    #expect(throws: HostDriverError.busy(parent)) { try driver.removeAddressSpace(parent) }
    try driver.removeAddressSpace(space)
    let held = unit.tables.allocatedBytes
    let again = try driver.makeAddressSpace(.nested(parent: parent))
    try driver.map(IOVirtualAddress(0x5000), to: GuestPhysicalAddress(0x7000), length: 0x2000, permissions: .readWrite, in: again)
    #expect(unit.tables.allocatedBytes == held)
    try driver.removeAddressSpace(again)
    try driver.removeAddressSpace(parent)
    #expect(unit.tables.allocatedBytes == before)
  }

  @Test("Targets have the type of what the stages lead to, and the driver's own tables are left alone")
  func targets() throws {
    let (_, driver, parent, space) = try nested()
    #expect(throws: HostDriverError.wrongTarget(space)) {
      try driver.map(IOVirtualAddress(0), to: PhysicalAddress(0), length: 4096, permissions: .read, in: space)
    }
    #expect(throws: HostDriverError.wrongTarget(parent)) {
      try driver.map(IOVirtualAddress(0), to: GuestPhysicalAddress(0), length: 4096, permissions: .read, in: parent)
    }
    #expect(throws: HostDriverError.pageTable(.outOfRange(1 << 48))) {
      try driver.map(IOVirtualAddress(0), to: GuestPhysicalAddress(1 << 48), length: 4096, permissions: .read, in: space)
    }
    let root = try #require(driver.firstStageTable(of: space))
    #expect(throws: HostDriverError.reservedForTables(root)) {
      try driver.map(root, to: PhysicalAddress(0), length: 4096, permissions: .readWrite, in: parent)
    }
    #expect(throws: HostDriverError.reservedForTables(root)) {
      try driver.unmap(IOVirtualAddress(root.rawValue), length: 4096, in: parent)
    }
  }

  // MARK: Bound tables

  @Test("Bound tables are entered as their owner says, nothing can be mapped in them, and a change is invalidated when he says so")
  func bound() throws {
    let (unit, driver, parent, _) = try nested()
    let table = GuestPageTable(root: GuestPhysicalAddress(0x9000), allowsPrivileged: true, extendedAccessed: true)
    let space = try driver.bind(table, over: parent)
    try driver.attach(Self.device, pasid: PASID(5), to: space)
    #expect(try FirstStageTests.entry(unit, driver, PASID(5))[2] == 0x9081)
    #expect(throws: HostDriverError.notTranslated(space)) {
      try driver.map(IOVirtualAddress(0), to: GuestPhysicalAddress(0), length: 4096, permissions: .read, in: space)
    }
    try driver.forget(IOVirtualAddress(0x5000), length: 0x1000, in: space, leafOnly: true)
    try driver.forget(IOVirtualAddress(0), length: nil, in: space, leafOnly: false)
    try driver.forget(IOVirtualAddress(0), length: 0, in: space, leafOnly: false)
    #expect(
      unit.takeDescriptors() == [
        .pasidIOTLB(.pages(DomainID(4), PASID(5), PageRange(IOVirtualAddress(0x5000)), leafOnly: true)),
        .pasidIOTLB(.pasid(DomainID(4), PASID(5))),
      ])
  }

  @Test("Tables that the unit could not read, or would read in two ways, are refused")
  func refused() throws {
    let (_, driver, parent, space) = try nested()
    func error(_ table: GuestPageTable) -> HostDriverError? {
      do throws(HostDriverError) {
        _ = try driver.bind(table, over: parent)
        return nil
      } catch { return error }
    }
    #expect(error(GuestPageTable(root: GuestPhysicalAddress(0x9008))) == .pageTable(.misaligned(0x9008)))
    #expect(error(GuestPageTable(root: GuestPhysicalAddress(1 << 48))) == .pageTable(.outOfRange(1 << 48)))
    #expect(
      error(GuestPageTable(root: GuestPhysicalAddress(0x9000), levels: 5)) == .unsupported("first-stage tables of 5 levels (CAP.FS5LP)"))
    let root = try #require(driver.firstStageTable(of: space))
    #expect(error(GuestPageTable(root: root, extendedAccessed: true)) == .conflictingTables(root))
    #expect(error(GuestPageTable(root: root, writeProtect: false)) == nil)
    #expect(throws: HostDriverError.noParent(space)) { try driver.bind(GuestPageTable(root: GuestPhysicalAddress(0)), over: space) }
    #expect(throws: HostDriverError.noParent(space)) { try driver.makeAddressSpace(.nested(parent: space)) }
  }

  @Test("Nesting needs a unit that has it")
  func unsupported() throws {
    let driver = try FakeUnit(extended: FakeUnit.complete & ~(1 << 26)).bringUp()
    let parent = try driver.makeAddressSpace(.secondStage)
    #expect(throws: HostDriverError.unsupported("nested translation (ECAP.NEST)")) {
      try driver.makeAddressSpace(.nested(parent: parent))
    }
  }

  @Test("Without memory for a guest's table a nested address space is not made, and takes no id")
  func outOfMemory() throws {
    let unit = try FakeUnit(extended: FakeUnit.complete & ~(1 << 29), tableFrames: 6)
    let driver = try unit.bringUp()
    let parent = try driver.makeAddressSpace(.secondStage)
    #expect(throws: HostDriverError.pageTable(.outOfTables)) { try driver.makeAddressSpace(.nested(parent: parent)) }
    #expect(driver.domainIDs.allocate() == DomainID(3))
  }
}
