import Hardware
import Testing
import VTdArchitecture

@testable import HostDrivers

@Suite struct RecordedInvalidationTests {
  private static let device = RequesterID(bus: 0, device: 3, function: 0)
  private static func iotlb(_ scope: IOTLBInvalidation.Scope) -> InvalidationDescriptor {
    .iotlb(IOTLBInvalidation(scope, drainReads: true, drainWrites: true))
  }

  @Test("Nothing is invalidated that nobody asked for, from attachment to the end")
  func silent() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp { $0.policy = .recorded }
    let space = try driver.makeAddressSpace(.secondStage)
    try driver.attach(Self.device, pasid: nil, to: space)
    try driver.map(IOVirtualAddress(0x1000), to: PhysicalAddress(0), length: 0x1000, permissions: .read, in: space)
    try driver.map(IOVirtualAddress(0x1000), to: PhysicalAddress(0x5000), length: 0x2000, permissions: .read, in: space)
    try driver.unmap(IOVirtualAddress(0x1000), length: 0x1000, in: space)
    try driver.detach(Self.device, pasid: nil)
    try driver.attach(Self.device, pasid: nil, to: space)
    try driver.detach(Self.device, pasid: nil)
    try driver.removeAddressSpace(space)
    #expect(unit.takeDescriptors().isEmpty)
    #expect(unit.waits == 0)
  }

  @Test(
    "Each scope becomes its descriptor, and the driver waits for it",
    arguments: [
      (.contexts, [.contextCache(.global)]), (.contextsOf(domain: 6), [.contextCache(.domain(DomainID(6)))]),
      (.context(device, functionMask: 2, domain: 6), [.contextCache(.device(device, functionMask: 2, DomainID(6)))]),
      (.pasids, [.pasidCache(.global)]), (.pasidsOf(domain: 6), [.pasidCache(.domain(DomainID(6)))]),
      (.pasid(PASID(5), domain: 6), [.pasidCache(.pasid(DomainID(6), PASID(5)))]), (.translations, [iotlb(.global)]),
      (.translationsOf(domain: 6), [iotlb(.domain(DomainID(6)))]),
      (
        .pages(IOVirtualAddress(0x3000), length: 0x2000, domain: 6, leafOnly: true),
        [iotlb(.pages(DomainID(6), PageRange(IOVirtualAddress(0), addressMask: 3), leafOnly: true))]
      ),
      (.pages(IOVirtualAddress(0x3000), length: 0, domain: 6, leafOnly: true), []),
      (
        .pages(IOVirtualAddress(.max), length: 0x2000, domain: 6, leafOnly: false),
        [
          iotlb(.pages(DomainID(6), PageRange(IOVirtualAddress(0xFFFF_FFFF_F000)), leafOnly: false))
        ]
      ),
      (.pages(IOVirtualAddress(0), length: .max, domain: 6, leafOnly: false), [iotlb(.domain(DomainID(6)))]),
      (.pasidTranslations(PASID(5), domain: 6), [.pasidIOTLB(.pasid(DomainID(6), PASID(5)))]),
      (
        .pasidPages(IOVirtualAddress(0x7000), length: 0x1000, PASID(5), domain: 6, leafOnly: false),
        [.pasidIOTLB(.pages(DomainID(6), PASID(5), PageRange(IOVirtualAddress(0x7000)), leafOnly: false))]
      ), (.all, [.contextCache(.global), .pasidCache(.global), iotlb(.global)]),
    ] as [(InvalidationScope, [InvalidationDescriptor])])
  func scopes(scope: InvalidationScope, descriptors: [InvalidationDescriptor]) throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp { $0.policy = .recorded }
    try driver.invalidate(scope)
    #expect(unit.takeDescriptors() == descriptors)
    #expect(unit.waits == (descriptors.isEmpty ? 0 : 1))
  }

  @Test("In legacy mode scopes of PASIDs have no effect")
  func legacy() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp {
      $0.policy = .recorded
      $0.mode = .legacy
    }
    for scope in [.pasids, .pasidsOf(domain: 6), .pasid(PASID(5), domain: 6), .pasidTranslations(PASID(5), domain: 6)]
      as [InvalidationScope]
    {
      try driver.invalidate(scope)
    }
    #expect(unit.takeDescriptors().isEmpty)
    try driver.invalidate(.all)
    #expect(unit.takeDescriptors() == [.contextCache(.global), Self.iotlb(.global)])
  }

  @Test(
    "Tables come back with the first invalidation that covers their pages and the pointers to them",
    arguments: [
      (.contexts, false), (.translationsOf(domain: 3), false), (.translationsOf(domain: 2), true), (.translations, true), (.all, true),
      (.pages(IOVirtualAddress(0x1000), length: 0x1000, domain: 2, leafOnly: true), false),
      (.pages(IOVirtualAddress(0x1000), length: 0x1000, domain: 2, leafOnly: false), true),
      (.pages(IOVirtualAddress(0x2000), length: 0x1000, domain: 2, leafOnly: false), false),
      (.translationsOf(domain: 70_000), false),
    ] as [(InvalidationScope, Bool)])
  func tables(scope: InvalidationScope, back: Bool) throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp { $0.policy = .recorded }
    let space = try driver.makeAddressSpace(.secondStage)
    _ = try driver.makeAddressSpace(.secondStage)
    let before = unit.tables.allocatedBytes
    try driver.map(IOVirtualAddress(0x1000), to: PhysicalAddress(0), length: 0x1000, permissions: .read, in: space)
    try driver.unmap(IOVirtualAddress(0x1000), length: 0x1000, in: space)
    #expect(unit.tables.allocatedBytes == before + 3 << 12)
    try driver.invalidate(scope)
    #expect(unit.tables.allocatedBytes == before + (back ? 0 : 3 << 12))
  }

  @Test("An invalidation of a part of what was unmapped together gives no tables back, and without tables nothing waits")
  func part() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp { $0.policy = .recorded }
    let space = try driver.makeAddressSpace(.secondStage)
    let domain = try #require(driver.domain(space))
    try driver.map(IOVirtualAddress(0x1000), to: PhysicalAddress(0), length: 0x3000, permissions: .read, in: space)
    try driver.unmap(IOVirtualAddress(0x3000), length: 0x1000, in: space)
    #expect(domain.pending.isEmpty)
    try driver.unmap(IOVirtualAddress(0x1000), length: 0x2000, in: space)
    for page in [0x1000, 0x2000] as [UInt64] {
      try driver.invalidate(.pages(IOVirtualAddress(page), length: 0x1000, domain: 2, leafOnly: false))
      #expect(domain.pending.tables.count == 3)
    }
    try driver.invalidate(.pages(IOVirtualAddress(0), length: 0x4000, domain: 2, leafOnly: false))
    #expect(domain.pending.isEmpty)
  }

  @Test("Tables of a removed address space come back with a global invalidation")
  func retired() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp { $0.policy = .recorded }
    let before = unit.tables.allocatedBytes
    let space = try driver.makeAddressSpace(.secondStage)
    try driver.map(IOVirtualAddress(0x1000), to: PhysicalAddress(0), length: 0x1000, permissions: .read, in: space)
    try driver.removeAddressSpace(space)
    #expect(unit.tables.allocatedBytes == before + 4 << 12)
    try driver.invalidate(.translations)
    #expect(unit.tables.allocatedBytes == before)
  }

  @Test("A requester starts with a directory for every PASID of the unit, so that its context entry never changes")
  func directory() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp { $0.policy = .recorded }
    let space = try driver.makeAddressSpace(.secondStage)
    try driver.attach(Self.device, pasid: nil, to: space)
    #expect(driver.requesters[Self.device]?.directorySize == 7)
  }

  @Test("Without a queue the scopes go to the registers", arguments: [false, true])
  func registers(refuses: Bool) throws {
    let unit = try FakeUnit(version: 0x10, extended: FakeUnit.extended & ~(1 << 1 | 1 << 43))
    let driver = try unit.bringUp { $0.policy = .recorded }
    unit.refusesRegisterCommands = refuses
    if refuses {
      #expect(throws: HostDriverError.invalidationRefused(code: 0)) { try driver.invalidate(.contexts) }
    } else {
      try driver.invalidate(.context(Self.device, functionMask: 3, domain: 5))
      try driver.invalidate(.pages(IOVirtualAddress(0x3000), length: 0x2000, domain: 5, leafOnly: true))
      #expect(
        unit.events == [
          .write(0x028, 0xE000_0003_0018_0005), .write(0x500, 0x43), .write(0x508, 0xB003_0005_0000_0000),
        ])
    }
  }
}
