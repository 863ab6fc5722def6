import Hardware
import Testing
import VTdArchitecture

@testable import HostDrivers

@Suite struct DeviceTLBTests {
  static let device = FirstStageTests.device
  static let services = DeviceServices(deviceTLB: true)

  private func device(_ encoded: EncodedPageRange, pending: UInt8 = 0, function: UInt32 = 0) -> DeviceTLBInvalidation {
    DeviceTLBInvalidation(source: Self.device, physicalFunction: RequesterID(function), maximumPending: pending, encoded)
  }
  private func page(_ address: UInt64) -> EncodedPageRange { EncodedPageRange(PageRange(IOVirtualAddress(address))) }
  private func flush(_ domain: UInt16) -> InvalidationDescriptor {
    .iotlb(IOTLBInvalidation(.domain(DomainID(domain)), drainReads: true, drainWrites: true))
  }
  private static let fence = InvalidationDescriptor.wait(InvalidationWait(fence: true))

  private func contextWords(_ unit: FakeUnit, _ driver: VTdDriver) throws -> [UInt64] {
    unit.words(try #require(driver.requesters[Self.device]).contextEntry, 4)
  }

  private func map(_ driver: VTdDriver, _ space: AddressSpace, _ pages: UInt64 = 8) throws {
    try driver.map(IOVirtualAddress(0x10_0000), to: PhysicalAddress(0), length: pages << 12, permissions: .readWrite, in: space)
  }

  @Test("What a device wants served stands in its context entry: DTE, PASIDE, PRE, RID_PRIV")
  func context() throws {
    let unit = try FakeUnit(extended: FakeUnit.complete)
    let driver = try unit.bringUp()
    let space = try driver.makeAddressSpace(.secondStage)
    for (services, low, high) in [
      (DeviceServices(), 0x409, 0), (DeviceServices(pasids: false), 0x401, 0), (Self.services, 0x40D, 0),
      (DeviceServices(deviceTLB: true, pageRequests: true, isPrivileged: true), 0x41D, 1 << 20),
    ] as [(DeviceServices, UInt64, UInt64)] {
      try driver.enable(services, for: Self.device)
      try driver.attach(Self.device, pasid: nil, to: space)
      let words = try contextWords(unit, driver)
      #expect(words[0] & 0xFFF == low)
      #expect(words[1] == high)
      try driver.detach(Self.device, pasid: nil)
    }
  }

  @Test("A legacy entry of a device with device-TLB has TT 01")
  func legacy() throws {
    let unit = try FakeUnit(extended: FakeUnit.complete)
    let driver = try unit.bringUp { $0.mode = .legacy }
    let space = try driver.makeAddressSpace(.secondStage)
    try driver.attach(Self.device, pasid: nil, to: space)
    #expect(try contextWords(unit, driver)[0][bits: 0...3] == 0b0001)
    try driver.enable(Self.services, for: Self.device)
    #expect(try contextWords(unit, driver)[0][bits: 0...3] == 0b0101)
    #expect(
      unit.takeDescriptors() == [
        .contextCache(.device(Self.device, functionMask: 0, DomainID(1))), flush(1), .deviceTLB(device(.everything)),
      ])
    try map(driver, space)
    try driver.unmap(IOVirtualAddress(0x10_1000), length: 4096, in: space)
    #expect(unit.takeDescriptors().last == .deviceTLB(device(page(0x10_1000))))
  }

  @Test("Services that change while the device is attached invalidate context, PASIDs, translations and device-TLB")
  func change() throws {
    let unit = try FakeUnit(extended: FakeUnit.complete)
    let driver = try unit.bringUp()
    let first = try driver.makeAddressSpace(.firstStage)
    let second = try driver.makeAddressSpace(.secondStage)
    try driver.attach(Self.device, pasid: nil, to: first)
    try driver.attach(Self.device, pasid: PASID(5), to: second)
    let everything: [InvalidationDescriptor] = [
      .contextCache(.device(Self.device, functionMask: 0, DomainID(0))), .pasidCache(.domain(DomainID(2))),
      .pasidCache(.domain(DomainID(3))), flush(2), flush(3), .deviceTLB(device(.everything)),
      .pasidDeviceTLB(PASIDDeviceTLBInvalidation(device(.everything), pasid: PASID(0), global: true)),
    ]
    try driver.enable(Self.services, for: Self.device)
    #expect(unit.takeDescriptors() == everything)
    try driver.enable(DeviceServices(), for: Self.device)
    #expect(unit.takeDescriptors() == everything)
    try map(driver, second)
    try driver.unmap(IOVirtualAddress(0x10_1000), length: 4096, in: second)
    #expect(unit.takeDescriptors().count == 1)
  }

  @Test("Strict unmaps invalidate device-TLBs after the unit's own: type 3 or, with PASID, 8, behind a fence where order asks for it")
  func strict() throws {
    let unit = try FakeUnit(extended: FakeUnit.complete)
    let driver = try unit.bringUp()
    try driver.enable(Self.services, for: Self.device)
    for (kind, pasid) in [(.secondStage, nil), (.secondStage, PASID(5)), (.firstStage, nil), (.firstStage, PASID(5))]
      as [(AddressSpaceKind, PASID?)]
    {
      let space = try driver.makeAddressSpace(kind)
      try driver.attach(Self.device, pasid: pasid, to: space)
      try driver.attach(RequesterID(8), pasid: pasid, to: space)
      try map(driver, space)
      _ = unit.takeDescriptors()
      try driver.unmap(IOVirtualAddress(0x10_2000), length: 0x2000, in: space)
      var taken = unit.takeDescriptors()
      taken.removeFirst()
      let range = EncodedPageRange(PageRange(IOVirtualAddress(0x10_2000), addressMask: 1))
      let inDevice: InvalidationDescriptor =
        pasid.map { .pasidDeviceTLB(PASIDDeviceTLBInvalidation(device(range), pasid: $0)) } ?? .deviceTLB(device(range))
      #expect(taken == (kind == .firstStage && pasid == nil ? [Self.fence, inDevice] : [inDevice]))
      try driver.detach(Self.device, pasid: pasid)
      try driver.detach(RequesterID(8), pasid: pasid)
    }
  }

  @Test("Deferred flushes empty the device-TLBs, one by one also behind a global invalidation")
  func deferred() throws {
    let unit = try FakeUnit(extended: FakeUnit.complete)
    let driver = try unit.bringUp { $0.policy = .deferred(batch: 100, timeout: .never) }
    try driver.enable(Self.services, for: Self.device)
    let spaces = try (0..<9).map { _ in try driver.makeAddressSpace(.secondStage) }
    for (index, space) in spaces.enumerated() {
      try map(driver, space)
      try driver.attach(Self.device, pasid: index == 0 ? nil : PASID(UInt32(index)), to: space)
    }
    try driver.unmap(IOVirtualAddress(0x10_0000), length: 4096, in: spaces[0])
    try driver.flush()
    #expect(unit.takeDescriptors() == [flush(2), .deviceTLB(device(.everything))])
    for space in spaces { try driver.unmap(IOVirtualAddress(0x10_1000), length: 4096, in: space) }
    try driver.flush()
    let taken = unit.takeDescriptors()
    #expect(taken.count == 10)
    #expect(taken.last == .pasidDeviceTLB(PASIDDeviceTLBInvalidation(device(.everything), pasid: PASID(8))))
  }

  @Test("A change of a parent empties the device-TLBs of what is nested in it")
  func nested() throws {
    let unit = try FakeUnit(extended: FakeUnit.complete)
    let driver = try unit.bringUp()
    try driver.enable(Self.services, for: Self.device)
    let parent = try driver.makeAddressSpace(.secondStage)
    let space = try driver.makeAddressSpace(.nested(parent: parent))
    try driver.attach(Self.device, pasid: PASID(5), to: space)
    try map(driver, parent)
    try driver.unmap(IOVirtualAddress(0x10_1000), length: 4096, in: parent)
    #expect(
      unit.takeDescriptors().last == .pasidDeviceTLB(PASIDDeviceTLBInvalidation(device(.everything), pasid: PASID(5))))
  }

  @Test("With throttling the physical function and the queue depth are named, without it only the depth", arguments: [true, false])
  func throttle(throttles: Bool) throws {
    let unit = try FakeUnit(extended: FakeUnit.complete | (throttles ? 1 << 41 : 0))
    let driver = try unit.bringUp()
    var services = Self.services
    services.physicalFunction = RequesterID(0x300)
    services.invalidateQueueDepth = 4
    try driver.enable(services, for: Self.device)
    let space = try driver.makeAddressSpace(.secondStage)
    try driver.attach(Self.device, pasid: nil, to: space)
    try map(driver, space)
    try driver.unmap(IOVirtualAddress(0x10_1000), length: 4096, in: space)
    #expect(
      unit.takeDescriptors().last == .deviceTLB(device(page(0x10_1000), pending: 4, function: throttles ? 0x300 : 0)))
  }

  @Test("A device that is detached for good has its whole TLB emptied with the context entry")
  func lastRoute() throws {
    let unit = try FakeUnit(extended: FakeUnit.complete)
    let driver = try unit.bringUp()
    try driver.enable(Self.services, for: Self.device)
    let space = try driver.makeAddressSpace(.passThrough)
    try driver.attach(Self.device, pasid: nil, to: space)
    try driver.detach(Self.device, pasid: nil)
    #expect(
      unit.takeDescriptors() == [
        .pasidCache(.pasid(DomainID(1), PASID(0))), .pasidIOTLB(.pasid(DomainID(1), PASID(0))), Self.fence, .deviceTLB(device(.everything)),
        .contextCache(.device(Self.device, functionMask: 0, DomainID(1))), flush(1), .deviceTLB(device(.everything)),
        .pasidDeviceTLB(PASIDDeviceTLBInvalidation(device(.everything), pasid: PASID(0), global: true)),
      ])
  }

  @Test("Services that the unit lacks, or that lack one another, are refused")
  func unsupported() throws {
    let plain = try FakeUnit().bringUp()
    #expect(throws: HostDriverError.unsupported("device-TLBs (ECAP.DT)")) { try plain.enable(Self.services, for: Self.device) }
    let driver = try FakeUnit(extended: FakeUnit.complete).bringUp()
    #expect(throws: HostDriverError.unsupported("page requests of a device without device-TLB")) {
      try driver.enable(DeviceServices(pageRequests: true), for: Self.device)
    }
    let space = try driver.makeAddressSpace(.secondStage)
    try driver.enable(DeviceServices(pasids: false), for: Self.device)
    #expect(throws: HostDriverError.self) { try driver.attach(Self.device, pasid: PASID(5), to: space) }
    try driver.enable(DeviceServices(), for: Self.device)
    try driver.attach(Self.device, pasid: PASID(5), to: space)
    #expect(throws: HostDriverError.alreadyAttached(Self.device, PASID(5))) {
      try driver.enable(DeviceServices(pasids: false), for: Self.device)
    }
  }
}
