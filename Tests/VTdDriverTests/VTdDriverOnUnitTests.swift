import Hardware
import Testing
import VTdArchitecture

@testable import HostDrivers

@Suite struct VTdDriverOnUnitTests {
  static let device = RequesterID(bus: 0x17, device: 0x12, function: 3)

  private func map(_ driver: VTdDriver, _ iova: UInt64, _ target: UInt64, _ length: UInt64, _ space: AddressSpace) throws {
    try driver.map(IOVirtualAddress(iova), to: PhysicalAddress(target), length: length, permissions: .readWrite, in: space)
  }

  @Test("From the first access, which faults, over map and unmap to detachment, a device sees what software says", arguments: Setting.all)
  func life(setting: Setting) throws {
    let machine = try setting.machine()
    let driver = try machine.bringUp { $0.mode = setting.mode }
    // Without a context table the root entry is already missing.
    #expect(machine.access(0x5000, by: Self.device) == .fault(setting.isScalable ? 0x39 : 0x01))
    let space = try driver.makeAddressSpace(.secondStage)
    try driver.attach(Self.device, pasid: nil, to: space)
    #expect(machine.access(0x5000, by: Self.device) == .fault(setting.notMapped))
    try map(driver, 0x5000, 0x7000, 0x2000, space)
    #expect(machine.access(0x5123, by: Self.device) == .to(0x7123))
    #expect(machine.access(0x6123, by: Self.device, .write) == .to(0x8123))
    #expect(try driver.unmap(IOVirtualAddress(0x5000), length: 0x1000, in: space) == 0x1000)
    #expect(machine.access(0x5123, by: Self.device) == .fault(setting.notMapped))
    #expect(machine.access(0x6123, by: Self.device) == .to(0x8123))
    try map(driver, 0x6000, 0x9000, 0x1000, space)
    #expect(machine.access(0x6123, by: Self.device) == .to(0x9123))
    try driver.detach(Self.device, pasid: nil)
    #expect(machine.access(0x6123, by: Self.device) == .fault(setting.notAttached))
    let codes = driver.takeFaults().map { UInt16($0.code) }
    #expect(codes == [setting.isScalable ? 0x39 : 0x01, setting.notMapped, setting.notMapped, setting.notAttached])
    #expect(driver.activity.faultOverflows == 0)
  }

  @Test("A device that moves to another address space leaves nothing of the old one behind", arguments: Setting.all)
  func move(setting: Setting) throws {
    let machine = try setting.machine()
    let driver = try machine.bringUp { $0.mode = setting.mode }
    var id: DomainID?
    for round in 1...3 as ClosedRange<UInt64> {
      let space = try driver.makeAddressSpace(.secondStage)
      if let id { #expect(driver.domainID(of: space) == id) }
      id = driver.domainID(of: space)
      try map(driver, 0x4000_0000, round << 30, 1 << 30, space)
      try driver.attach(Self.device, pasid: nil, to: space)
      #expect(machine.access(0x4567_8901, by: Self.device) == .to(round << 30 | 0x567_8901))
      try driver.detach(Self.device, pasid: nil)
      try driver.removeAddressSpace(space)
    }
  }

  @Test("A piece cut out of a large page is gone, and the rest stays", arguments: Setting.all)
  func split(setting: Setting) throws {
    let machine = try setting.machine()
    let driver = try machine.bringUp { $0.mode = setting.mode }
    let space = try driver.makeAddressSpace(.secondStage)
    try driver.attach(Self.device, pasid: nil, to: space)
    try map(driver, 0x4000_0000, 0x8000_0000, 1 << 30, space)
    for page in [0x4000_0000, 0x4020_0000, 0x4020_1000, 0x4020_2000, 0x7FFF_F000] as [UInt64] {
      #expect(machine.access(page, by: Self.device) == .to(page + 0x4000_0000))
    }
    try driver.unmap(IOVirtualAddress(0x4020_1000), length: 0x1000, in: space)
    #expect(machine.access(0x4020_1000, by: Self.device) == .fault(setting.notMapped))
    for page in [0x4000_0000, 0x4020_0000, 0x4020_2000, 0x7FFF_F000] as [UInt64] {
      #expect(machine.access(page, by: Self.device) == .to(page + 0x4000_0000))
    }
  }

  @Test("Deferred, a device may use what is unmapped until the flush, and not after")
  func deferred() throws {
    let machine = try Setting.scalable.machine()
    let driver = try machine.bringUp { $0.policy = .deferred(batch: 2, timeout: .never) }
    let space = try driver.makeAddressSpace(.secondStage)
    try driver.attach(Self.device, pasid: nil, to: space)
    try map(driver, 0x5000, 0x7000, 0x2000, space)
    #expect(machine.access(0x5000, by: Self.device) == .to(0x7000))
    try driver.unmap(IOVirtualAddress(0x5000), length: 0x1000, in: space)
    #expect(machine.access(0x5000, by: Self.device) == .to(0x7000))
    try driver.unmap(IOVirtualAddress(0x6000), length: 0x1000, in: space)
    #expect(machine.access(0x5000, by: Self.device) == .fault(0x79))
  }

  @Test(
    "Recorded, what is cached goes with the invalidation that covers it",
    arguments: [
      (.contexts, true), (.translationsOf(domain: 3), true),
      (.pages(IOVirtualAddress(0x6000), length: 4096, domain: 2, leafOnly: false), true),
      (.pages(IOVirtualAddress(0x5000), length: 4096, domain: 2, leafOnly: true), false), (.translationsOf(domain: 2), false),
      (.translations, false), (.pasidTranslations(PASID(0), domain: 2), false), (.all, false),
    ] as [(InvalidationScope, Bool)])
  func recorded(scope: InvalidationScope, stays: Bool) throws {
    let machine = try Setting.scalable.machine()
    let driver = try machine.bringUp { $0.policy = .recorded }
    let space = try driver.makeAddressSpace(.secondStage)
    try driver.attach(Self.device, pasid: nil, to: space)
    try map(driver, 0x5000, 0x7000, 0x1000, space)
    #expect(machine.access(0x5000, by: Self.device) == .to(0x7000))
    try driver.unmap(IOVirtualAddress(0x5000), length: 0x1000, in: space)
    #expect(machine.access(0x5000, by: Self.device) == .to(0x7000))
    try driver.invalidate(scope)
    #expect(machine.access(0x5000, by: Self.device) == (stays ? .to(0x7000) : .fault(0x79)))
  }

  @Test("Each PASID of a device reaches its own address space, also beyond the first directory")
  func pasids() throws {
    let machine = try Setting.scalable.machine()
    let driver = try machine.bringUp()
    let pasids: [PASID?] = [nil, PASID(1), PASID(0x41), PASID(0x7FFF), PASID(0xF_FFFF), PASID(0x8000)]
    for (number, pasid) in pasids.enumerated() {
      let space = try driver.makeAddressSpace(.secondStage)
      try map(driver, 0x5000, UInt64(number + 1) << 16, 0x1000, space)
      try driver.attach(Self.device, pasid: pasid, to: space)
      for (earlier, pasid) in pasids[...number].enumerated() {
        #expect(machine.access(0x5000, by: Self.device, pasid: pasid) == .to(UInt64(earlier + 1) << 16))
      }
    }
    for (number, pasid) in pasids.enumerated() {
      try driver.detach(Self.device, pasid: pasid)
      let last = number == pasids.count - 1
      #expect(machine.access(0x5000, by: Self.device, pasid: pasid) == .fault(last ? 0x41 : 0x59))
    }
  }

  @Test("A device in a pass-through space reaches the address it names", arguments: [Setting.scalable, .legacy])
  func passThrough(setting: Setting) throws {
    let machine = try setting.machine()
    let driver = try machine.bringUp { $0.mode = setting.mode }
    let space = try driver.makeAddressSpace(.passThrough)
    try driver.attach(Self.device, pasid: nil, to: space)
    #expect(machine.access(0x1234_5678, by: Self.device, .write) == .to(0x1234_5678))
    try driver.detach(Self.device, pasid: nil)
    #expect(machine.access(0x1234_5678, by: Self.device) == .fault(setting.notAttached))
  }

  @Test("More faults than records set the overflow, and the driver's draining lets new ones be recorded")
  func overflow() throws {
    let machine = try Setting.scalable.machine()
    let driver = try machine.bringUp()
    for device in 0..<12 as Range<UInt32> { _ = machine.unit.translate(.init(.read, at: IOVirtualAddress(0), by: RequesterID(device))) }
    #expect(driver.takeFaults().map(\.requester.rawValue) == (0..<8).map { $0 })
    #expect(driver.activity.faultOverflows == 1)
    _ = machine.access(0x3000, by: RequesterID(0xFF))
    #expect(driver.takeFaults().map(\.requester.rawValue) == [0xFF])
  }

  @Test("A descriptor that the unit refuses stops nothing else")
  func refusedDescriptor() throws {
    let machine = try Setting.scalable.machine()
    let driver = try machine.bringUp()
    let space = try driver.makeAddressSpace(.secondStage)
    try driver.attach(Self.device, pasid: nil, to: space)
    try map(driver, 0x5000, 0x7000, 0x1000, space)
    // The unit has no device-TLBs.
    try driver.issue(.deviceTLB(DeviceTLBInvalidation(source: Self.device, .everything)))
    #expect(throws: HostDriverError.invalidationRefused(code: 3)) { try driver.complete() }
    #expect(machine.access(0x5000, by: Self.device) == .to(0x7000))
    try driver.unmap(IOVirtualAddress(0x5000), length: 0x1000, in: space)
    #expect(machine.access(0x5000, by: Self.device) == .fault(0x79))
  }
}
