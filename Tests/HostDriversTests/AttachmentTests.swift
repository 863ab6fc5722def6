import Hardware
import Testing
import VTdArchitecture

@testable import HostDrivers

@Suite struct AttachmentTests {
  static let device = RequesterID(bus: 3, device: 0x1F, function: 1)
  private var domainFlush: (DomainID) -> InvalidationDescriptor {
    { .iotlb(IOTLBInvalidation(.domain($0), drainReads: true, drainWrites: true)) }
  }

  private func contextTable(_ unit: FakeUnit, _ driver: VTdDriver, upper: Bool = false) -> PhysicalAddress {
    PhysicalAddress(unit.words(driver.rootTable.advanced(by: 3 * 16), 2)[upper ? 1 : 0] & ~0xFFF)
  }

  @Test("A legacy context entry holds tables, width and domain, under a root entry of its bus")
  func legacyEntry() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp { $0.mode = .legacy }
    let space = try driver.makeAddressSpace(.secondStage)
    try driver.attach(Self.device, pasid: nil, to: space)
    let table = try #require(driver.secondStageTable(of: space))
    #expect(unit.words(driver.rootTable.advanced(by: 3 * 16), 2)[1] == 0)
    #expect(unit.words(contextTable(unit, driver).advanced(by: 0xF9 * 16), 2) == [table.rawValue | 1, 1 << 8 | 2])
    #expect(unit.takeDescriptors().isEmpty)
  }

  @Test("A legacy pass-through entry has TT 10 and the largest width")
  func legacyPassThrough() throws {
    let unit = try FakeUnit(capabilities: FakeUnit.capabilities | 1 << 9)
    let driver = try unit.bringUp { $0.mode = .legacy }
    let space = try driver.makeAddressSpace(.passThrough, domain: 7)
    try driver.attach(Self.device, pasid: nil, to: space)
    #expect(unit.words(contextTable(unit, driver).advanced(by: 0xF9 * 16), 2) == [0b1001, 7 << 8 | 2])
  }

  @Test("Legacy detach invalidates the context, then the domain, and leaves an empty entry")
  func legacyDetach() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp { $0.mode = .legacy }
    let space = try driver.makeAddressSpace(.secondStage, domain: 9)
    try driver.attach(Self.device, pasid: nil, to: space)
    try driver.detach(Self.device, pasid: nil)
    #expect(unit.takeDescriptors() == [.contextCache(.device(Self.device, functionMask: 0, DomainID(9))), domainFlush(DomainID(9))])
    #expect(unit.waits == 1)
    #expect(unit.words(contextTable(unit, driver).advanced(by: 0xF9 * 16), 2) == [0, 0])
  }

  @Test("A scalable attachment has context entry, directory, PASID table and PASID entry")
  func scalableEntries() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp { $0.accessedDirty = true }
    let space = try driver.makeAddressSpace(.secondStage)
    try driver.attach(Self.device, pasid: nil, to: space)
    let context = unit.words(contextTable(unit, driver, upper: true).advanced(by: 0x79 * 32), 4)
    // P, PASIDE, PDTS 2; RID_PASID 0.
    #expect(context[0] & 0xFFF == 0x409)
    #expect(Array(context[1...]) == [0, 0, 0])
    let directory = unit.words(PhysicalAddress(context[0] & ~0xFFF), 512)
    #expect(directory[0] & 0xFFF == 1)
    #expect(directory[1...].allSatisfy { $0 == 0 })
    let table = try #require(driver.secondStageTable(of: space))
    let entry = unit.words(PhysicalAddress(directory[0] & ~0xFFF), 8)
    // PGTT 010, AW 4 levels, SSADE; DID 2, PWSNP.
    #expect(entry == [table.rawValue | 0x289, 1 << 23 | 2, 0, 0, 0, 0, 0, 0])
    #expect(contextTable(unit, driver, upper: false).rawValue == 0)
  }

  @Test("A scalable pass-through entry has PGTT 100 and domain 1, and shares it")
  func scalablePassThrough() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp()
    let spaces = try (0..<2).map { _ in try driver.makeAddressSpace(.passThrough) }
    try driver.attach(Self.device, pasid: nil, to: spaces[0])
    try driver.attach(Self.device, pasid: PASID(1), to: spaces[1])
    let context = unit.words(contextTable(unit, driver, upper: true).advanced(by: 0x79 * 32), 1)
    let directory = unit.words(PhysicalAddress(context[0] & ~0xFFF), 1)
    let table = unit.words(PhysicalAddress(directory[0] & ~0xFFF), 16)
    #expect(table == [0x101, 1, 0, 0, 0, 0, 0, 0, 0x101, 1, 0, 0, 0, 0, 0, 0])
    try driver.detach(Self.device, pasid: PASID(1))
    #expect(
      unit.takeDescriptors() == [.pasidCache(.pasid(DomainID(1), PASID(1))), .pasidIOTLB(.pasid(DomainID(1), PASID(1)))])
  }

  @Test("Several PASIDs of one requester lead to different domains, each with its own entry")
  func pasids() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp()
    let first = try driver.makeAddressSpace(.secondStage)
    let second = try driver.makeAddressSpace(.secondStage)
    try driver.attach(Self.device, pasid: nil, to: first)
    try driver.attach(Self.device, pasid: PASID(0x41), to: second)
    try driver.attach(Self.device, pasid: PASID(0x42), to: first)
    let context = unit.words(contextTable(unit, driver, upper: true).advanced(by: 0x79 * 32), 1)
    let directory = unit.words(PhysicalAddress(context[0] & ~0xFFF), 2)
    let table = PhysicalAddress(directory[1] & ~0xFFF)
    #expect(unit.words(table.advanced(by: 64), 2)[1] & 0xFFFF == 3)
    #expect(unit.words(table.advanced(by: 128), 2)[1] & 0xFFFF == 2)
    try driver.detach(Self.device, pasid: PASID(0x41))
    #expect(unit.takeDescriptors() == [.pasidCache(.pasid(DomainID(3), PASID(0x41))), domainFlush(DomainID(3))])
    #expect(unit.words(table.advanced(by: 64), 8) == Array(repeating: 0, count: 8))
    #expect(unit.words(table.advanced(by: 128), 1)[0][bit: 0])
  }

  @Test("When the last route of a requester goes, its context entry goes as well and its tables come back")
  func lastRoute() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp()
    let space = try driver.makeAddressSpace(.secondStage)
    try driver.attach(Self.device, pasid: nil, to: space)
    try driver.detach(Self.device, pasid: nil)
    let before = unit.tables.allocatedBytes
    _ = unit.takeDescriptors()
    try driver.attach(Self.device, pasid: nil, to: space)
    try driver.detach(Self.device, pasid: nil)
    #expect(
      unit.takeDescriptors() == [
        .pasidCache(.pasid(DomainID(2), PASID(0))), domainFlush(DomainID(2)),
        .contextCache(.device(Self.device, functionMask: 0, DomainID(2))), domainFlush(DomainID(2)),
      ])
    #expect(unit.tables.allocatedBytes == before)
    #expect(unit.words(contextTable(unit, driver, upper: true).advanced(by: 0x79 * 32), 4) == [0, 0, 0, 0])
  }

  @Test("A PASID beyond the directory makes it grow, the old entries stay, and the context is invalidated")
  func growth() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp()
    let space = try driver.makeAddressSpace(.secondStage)
    try driver.attach(Self.device, pasid: PASID(5), to: space)
    #expect(unit.takeDescriptors().isEmpty)
    try driver.attach(Self.device, pasid: PASID(0xF_FFFF), to: space)
    #expect(
      unit.takeDescriptors() == [
        .contextCache(.device(Self.device, functionMask: 0, DomainID(0))), .pasidCache(.domain(DomainID(2))), domainFlush(DomainID(2)),
      ])
    let context = unit.words(contextTable(unit, driver, upper: true).advanced(by: 0x79 * 32), 1)[0]
    #expect(context[bits: 9...11] == 7)
    let directory = PhysicalAddress(context & ~0xFFF)
    #expect(unit.words(directory, 1)[0][bit: 0])
    let last = unit.words(directory.advanced(by: 0x3FFF * 8), 1)[0]
    #expect(unit.words(PhysicalAddress(last & ~0xFFF).advanced(by: 63 * 64), 1)[0][bit: 0])
  }

  @Test("With caching mode an attachment invalidates what may be cached as absent, under domain 0")
  func cachingMode() throws {
    let unit = try FakeUnit(capabilities: FakeUnit.capabilities | 1 << 7)
    let driver = try unit.bringUp()
    let space = try driver.makeAddressSpace(.secondStage)
    try driver.attach(Self.device, pasid: nil, to: space)
    #expect(
      unit.takeDescriptors() == [
        .contextCache(.device(Self.device, functionMask: 0, DomainID(0))), .pasidCache(.pasid(DomainID(0), PASID(0))),
        domainFlush(DomainID(2)),
      ])
  }

  @Test("A unit with write buffers is told to flush them after an entry became present")
  func writeBuffer() throws {
    let unit = try FakeUnit(capabilities: FakeUnit.capabilities | 1 << 4)
    let driver = try unit.bringUp { $0.mode = .legacy }
    let space = try driver.makeAddressSpace(.secondStage)
    try driver.attach(Self.device, pasid: nil, to: space)
    #expect(unit.events == [.write(RegisterOffset.globalCommand, 1 << 31 | 1 << 26 | 1 << 27)])
  }

  @Test("What cannot be attached or detached is refused, and changes nothing")
  func refused() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp()
    let space = try driver.makeAddressSpace(.secondStage)
    let huge = RequesterID(0x1_0000)
    let unknown = AddressSpace(rawValue: 77)
    #expect(throws: HostDriverError.requesterOutOfRange(huge)) { try driver.attach(huge, pasid: nil, to: space) }
    #expect(throws: HostDriverError.unknownAddressSpace(unknown)) { try driver.attach(Self.device, pasid: nil, to: unknown) }
    #expect(throws: HostDriverError.pasidOutOfRange(PASID(0), limit: 1 << 20)) {
      try driver.attach(Self.device, pasid: PASID(0), to: space)
    }
    #expect(throws: HostDriverError.notAttached(Self.device, nil)) { try driver.detach(Self.device, pasid: nil) }
    try driver.attach(Self.device, pasid: nil, to: space)
    #expect(throws: HostDriverError.alreadyAttached(Self.device, nil)) { try driver.attach(Self.device, pasid: nil, to: space) }
    #expect(throws: HostDriverError.notAttached(Self.device, PASID(3))) { try driver.detach(Self.device, pasid: PASID(3)) }
    #expect(throws: HostDriverError.busy(space)) { try driver.removeAddressSpace(space) }
    #expect(unit.takeDescriptors().isEmpty)
  }

  @Test("PASIDs need a unit that knows them, and no more bits than it has")
  func pasidWidth() throws {
    let without = try FakeUnit(extended: FakeUnit.extended & ~(1 << 40)).bringUp()
    let space = try without.makeAddressSpace(.secondStage)
    #expect(throws: HostDriverError.unsupported("requests with PASID (ECAP.SMTS, ECAP.PASID)")) {
      try without.attach(Self.device, pasid: PASID(1), to: space)
    }
    let narrow = try FakeUnit(extended: FakeUnit.extended & ~(0x1F << 35) | 7 << 35).bringUp()
    let other = try narrow.makeAddressSpace(.secondStage)
    #expect(throws: HostDriverError.pasidOutOfRange(PASID(256), limit: 256)) {
      try narrow.attach(Self.device, pasid: PASID(256), to: other)
    }
  }

  @Test("An attachment that runs out of memory on the way leaves the device blocked and nothing allocated", arguments: 0..<UInt64(3))
  func outOfMemory(frames: UInt64) throws {
    let unit = try FakeUnit(tableFrames: 4 + frames)
    let driver = try unit.bringUp()
    let space = try driver.makeAddressSpace(.secondStage)
    // Root table, queue, status and second-stage root are there; context table, directory and PASID table are missing one by one.
    #expect(throws: HostDriverError.outOfMemory) { try driver.attach(Self.device, pasid: nil, to: space) }
    let bytes = unit.tables.allocatedBytes
    #expect(bytes <= 5 << 12)
    #expect(throws: HostDriverError.outOfMemory) { try driver.attach(Self.device, pasid: nil, to: space) }
    #expect(unit.tables.allocatedBytes == bytes)
    #expect(driver.requesters.isEmpty)
    try driver.removeAddressSpace(space)
  }
}
