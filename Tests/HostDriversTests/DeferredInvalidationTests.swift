import Hardware
import Testing
import VTdArchitecture

@testable import HostDrivers

@Suite struct DeferredInvalidationTests {
  private static let millisecond = SimTime(nanoseconds: 1_000_000)
  private func flush(_ domain: UInt16) -> InvalidationDescriptor {
    .iotlb(IOTLBInvalidation(.domain(DomainID(domain)), drainReads: true, drainWrites: true))
  }

  private func mapPages(_ driver: VTdDriver, _ space: AddressSpace, _ count: UInt64) throws {
    try driver.map(IOVirtualAddress(0x10_0000), to: PhysicalAddress(0), length: count << 12, permissions: .readWrite, in: space)
  }

  @Test("Unmaps are flushed together, by domain, when the batch is full")
  func batch() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp { $0.policy = .deferred(batch: 4, timeout: Self.millisecond) }
    let space = try driver.makeAddressSpace(.secondStage)
    try mapPages(driver, space, 8)
    for page in 0..<UInt64(8) {
      try driver.unmap(IOVirtualAddress(0x10_0000 + page << 12), length: 4096, in: space)
      #expect(unit.takeDescriptors() == (page % 4 == 3 ? [flush(2)] : []))
    }
    #expect(driver.activity.deferredFlushes == 2)
    #expect(unit.waits == 2)
    #expect(driver.nextDue == .never)
  }

  @Test("Unmaps are flushed when the first of them has waited long enough")
  func timeout() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp { $0.policy = .deferred(batch: 100, timeout: Self.millisecond) }
    let space = try driver.makeAddressSpace(.secondStage)
    try mapPages(driver, space, 8)
    unit.now = SimTime(nanoseconds: 500)
    try driver.unmap(IOVirtualAddress(0x10_0000), length: 4096, in: space)
    #expect(driver.nextDue == SimTime(nanoseconds: 1_000_500))
    unit.now = SimTime(nanoseconds: 1_000_499)
    try driver.unmap(IOVirtualAddress(0x10_1000), length: 4096, in: space)
    try driver.runDue()
    #expect(unit.takeDescriptors().isEmpty)
    unit.now = SimTime(nanoseconds: 1_000_500)
    try driver.runDue()
    #expect(unit.takeDescriptors() == [flush(2)])
    #expect(driver.nextDue == .never)
    try driver.runDue()
    try driver.flush()
    #expect(unit.takeDescriptors().isEmpty)
  }

  @Test("An unmap after the time has passed flushes by itself")
  func timeoutInPassing() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp { $0.policy = .deferred(batch: 100, timeout: Self.millisecond) }
    let space = try driver.makeAddressSpace(.secondStage)
    try mapPages(driver, space, 8)
    try driver.unmap(IOVirtualAddress(0x10_0000), length: 4096, in: space)
    unit.now = Self.millisecond
    try driver.unmap(IOVirtualAddress(0x10_1000), length: 4096, in: space)
    #expect(unit.takeDescriptors() == [flush(2)])
  }

  @Test("Several domains are flushed each by itself, many by one global invalidation", arguments: [(8, 8), (9, 1)])
  func manyDomains(domains: Int, descriptors: Int) throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp { $0.policy = .deferred(batch: 100, timeout: Self.millisecond) }
    for _ in 0..<domains {
      let space = try driver.makeAddressSpace(.secondStage)
      try mapPages(driver, space, 1)
      try driver.unmap(IOVirtualAddress(0x10_0000), length: 4096, in: space)
    }
    try driver.flush()
    let taken = unit.takeDescriptors()
    #expect(taken.count == descriptors)
    #expect(taken.last == (domains > 8 ? .iotlb(IOTLBInvalidation(.global, drainReads: true, drainWrites: true)) : flush(9)))
    #expect(unit.waits == 1)
    #expect(driver.activity.freedTables == UInt64(domains) * 3)
  }

  @Test("Tables of unmapped pages are not used again before the flush")
  func tables() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp { $0.policy = .deferred(batch: 100, timeout: Self.millisecond) }
    let space = try driver.makeAddressSpace(.secondStage)
    try mapPages(driver, space, 1)
    try driver.unmap(IOVirtualAddress(0x10_0000), length: 4096, in: space)
    let waiting = try #require(driver.domain(space)).pending.tables
    #expect(waiting.count == 3)
    try driver.map(IOVirtualAddress(0x4000_0000), to: PhysicalAddress(0), length: 4096, permissions: .read, in: space)
    let next = try #require(unit.tables.allocate())
    #expect(!waiting.contains(next))
    try driver.flush()
    let reused = try #require(unit.tables.allocate())
    #expect(waiting.contains(reused))
  }

  @Test("A map where something deferred waits flushes first; one beside it does not")
  func overlap() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp { $0.policy = .deferred(batch: 100, timeout: Self.millisecond) }
    let space = try driver.makeAddressSpace(.secondStage)
    try mapPages(driver, space, 8)
    try driver.unmap(IOVirtualAddress(0x10_1000), length: 0x1000, in: space)
    try driver.unmap(IOVirtualAddress(0x10_4000), length: 0x2000, in: space)
    try driver.map(IOVirtualAddress(0x10_8000), to: PhysicalAddress(0), length: 4096, permissions: .read, in: space)
    #expect(unit.takeDescriptors().isEmpty)
    try driver.map(IOVirtualAddress(0x10_5000), to: PhysicalAddress(0), length: 4096, permissions: .read, in: space)
    #expect(unit.takeDescriptors() == [flush(2)])
    // Replacing is unmapping and mapping at the same place.
    try driver.map(IOVirtualAddress(0x10_5000), to: PhysicalAddress(0x1000), length: 4096, permissions: .read, in: space)
    #expect(unit.takeDescriptors() == [flush(2)])
    #expect(unit.translate(0x10_5000, driver, space) == PhysicalAddress(0x1000))
  }

  @Test("Addresses of the driver's choice are handed out again only after the flush")
  func addresses() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp { $0.policy = .deferred(batch: 100, timeout: Self.millisecond) }
    let space = try driver.makeAddressSpace(.secondStage)
    let first = try driver.mapAnywhere(to: PhysicalAddress(0x5000), length: 4096, permissions: .read, in: space)
    #expect(first == IOVirtualAddress((1 << 48) - 4096))
    try driver.unmapAnywhere(first, length: 4096, in: space)
    let second = try driver.mapAnywhere(to: PhysicalAddress(0x6000), length: 4096, permissions: .read, in: space)
    #expect(second != first)
    try driver.flush()
    let third = try driver.mapAnywhere(to: PhysicalAddress(0x7000), length: 4096, permissions: .read, in: space)
    #expect(third == first)
    #expect(unit.translate(third.rawValue, driver, space) == PhysicalAddress(0x7000))
  }

  @Test("When no address is left but those that wait, the flush comes early; when none is left at all, that is an error")
  func addressesUsedUp() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp { $0.policy = .deferred(batch: 100, timeout: Self.millisecond) }
    let space = try driver.makeAddressSpace(.secondStage)
    let limit = IOVirtualAddress(0x3000)
    let lower = try driver.mapAnywhere(to: PhysicalAddress(0), length: 4096, permissions: .read, in: space, below: limit)
    _ = try driver.mapAnywhere(to: PhysicalAddress(0), length: 4096, permissions: .read, in: space, below: limit)
    try driver.unmapAnywhere(lower, length: 4096, in: space)
    #expect(try driver.mapAnywhere(to: PhysicalAddress(0), length: 4096, permissions: .read, in: space, below: limit) == lower)
    #expect(unit.takeDescriptors() == [flush(2)])
    #expect(throws: HostDriverError.outOfAddresses(length: 4096)) {
      try driver.mapAnywhere(to: PhysicalAddress(0), length: 4096, permissions: .read, in: space, below: limit)
    }
  }

  @Test("With strict invalidation addresses of the driver's choice are free again at once")
  func strictAddresses() throws {
    let driver = try FakeUnit().bringUp()
    let space = try driver.makeAddressSpace(.secondStage)
    let first = try driver.mapAnywhere(to: PhysicalAddress(0), length: 0x3000, permissions: .read, in: space)
    try driver.unmapAnywhere(first, length: 0x3000, in: space)
    #expect(try driver.mapAnywhere(to: PhysicalAddress(0), length: 0x3000, permissions: .read, in: space) == first)
  }

  @Test("Detaching a device does what was deferred in its domain")
  func detach() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp { $0.policy = .deferred(batch: 100, timeout: Self.millisecond) }
    let space = try driver.makeAddressSpace(.secondStage)
    try driver.attach(RequesterID(8), pasid: nil, to: space)
    try mapPages(driver, space, 1)
    try driver.unmap(IOVirtualAddress(0x10_0000), length: 4096, in: space)
    try driver.detach(RequesterID(8), pasid: nil)
    #expect(driver.nextDue == .never)
    #expect(driver.domain(space)?.pending.isEmpty == true)
  }
}
