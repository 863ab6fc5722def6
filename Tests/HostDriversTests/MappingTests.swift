import Hardware
import PageTables
import Testing
import VTdArchitecture

@testable import HostDrivers

@Suite struct MappingTests {
  private func pages(_ address: UInt64, _ mask: UInt8, leafOnly: Bool = true, domain: UInt16 = 2) -> InvalidationDescriptor {
    .iotlb(
      IOTLBInvalidation(
        .pages(DomainID(domain), PageRange(IOVirtualAddress(address), addressMask: mask), leafOnly: leafOnly), drainReads: true,
        drainWrites: true))
  }
  private static let domain = InvalidationDescriptor.iotlb(IOTLBInvalidation(.domain(DomainID(2)), drainReads: true, drainWrites: true))

  @Test("What is mapped translates, with the largest pages or with the chosen ones", arguments: [63, 30, 21, 12] as [UInt8])
  func map(largest: UInt8) throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp()
    let space = try driver.makeAddressSpace(.secondStage)
    let before = unit.tables.allocatedBytes
    try driver.map(
      IOVirtualAddress(0x4000_0000), to: PhysicalAddress(0x8000_0000), length: 0x4000_0000, permissions: .read, in: space,
      largestPageLog2: largest)
    #expect(unit.translate(0x4000_1234, driver, space) == PhysicalAddress(0x8000_1234))
    #expect(unit.translate(0x7FFF_FFFF, driver, space) == PhysicalAddress(0xBFFF_FFFF))
    #expect(unit.translate(0x8000_0000, driver, space) == nil)
    let tables: UInt64 = largest >= 30 ? 1 : largest == 21 ? 2 : 2 + 512
    #expect((unit.tables.allocatedBytes - before) >> 12 == tables)
    #expect(unit.takeDescriptors().isEmpty)
  }

  @Test("Strict unmapping invalidates the smallest aligned run of pages that holds the range, and waits")
  func strict() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp()
    let space = try driver.makeAddressSpace(.secondStage)
    try driver.map(IOVirtualAddress(0x10_0000), to: PhysicalAddress(0), length: 0x10_0000, permissions: .readWrite, in: space)
    for (start, length, address, mask) in [
      (0x10_0000, 0x1000, 0x10_0000, 0), (0x10_2000, 0x2000, 0x10_2000, 1), (0x10_5000, 0x2000, 0x10_4000, 2),
      (0x10_F000, 0x2000, 0x10_0000, 5), (0x12_0000, 0x1_0000, 0x12_0000, 4),
    ] as [(UInt64, UInt64, UInt64, UInt8)] {
      #expect(try driver.unmap(IOVirtualAddress(start), length: length, in: space) == length)
      #expect(unit.takeDescriptors() == [pages(address, mask)])
      #expect(unit.translate(start, driver, space) == nil)
    }
    #expect(unit.waits == 5)
    #expect(driver.activity.pageInvalidations == 5)
    #expect(driver.activity.unmappedBytes == 0x1_7000)
  }

  @Test("If tables go with the pages, pointers to them are invalidated too, and only then they are used again")
  func tables() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp()
    let space = try driver.makeAddressSpace(.secondStage)
    let before = unit.tables.allocatedBytes
    try driver.map(IOVirtualAddress(0x1000), to: PhysicalAddress(0x1000), length: 0x1000, permissions: .readWrite, in: space)
    #expect(unit.tables.allocatedBytes == before + 3 << 12)
    try driver.unmap(IOVirtualAddress(0x1000), length: 0x1000, in: space)
    #expect(unit.takeDescriptors() == [pages(0x1000, 0, leafOnly: false)])
    #expect(unit.tables.allocatedBytes == before)
    #expect(driver.activity.freedTables == 3)
  }

  @Test("What a unit can't select by pages is invalidated by domain", arguments: [~(1 << 39), ~(0x3F << 48) | 1 << 49] as [UInt64])
  func byDomain(mask: UInt64) throws {
    let unit = try FakeUnit(capabilities: FakeUnit.capabilities & mask)
    let driver = try unit.bringUp()
    let space = try driver.makeAddressSpace(.secondStage)
    try driver.map(IOVirtualAddress(0), to: PhysicalAddress(0), length: 0x20_0000, permissions: .readWrite, in: space)
    try driver.unmap(IOVirtualAddress(0x8000), length: 0x8000, in: space)
    #expect(unit.takeDescriptors() == [Self.domain])
  }

  @Test("A range as large as MAMV allows is invalidated by pages, a larger one by domain")
  func maximumAddressMask() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp()
    let space = try driver.makeAddressSpace(.secondStage)
    for _ in 0..<2 {
      try driver.map(IOVirtualAddress(0), to: PhysicalAddress(0), length: 2 << 30, permissions: .readWrite, in: space)
      try driver.unmap(IOVirtualAddress(0), length: 1 << 30, in: space)
      try driver.map(IOVirtualAddress(0), to: PhysicalAddress(0), length: 1 << 30, permissions: .readWrite, in: space)
      try driver.unmap(IOVirtualAddress(0), length: 2 << 30, in: space)
    }
    let selective = pages(0, 18, leafOnly: true)
    #expect(unit.takeDescriptors() == [selective, Self.domain, selective, Self.domain])
  }

  @Test("Unmapping what isn't mapped does nothing")
  func absent() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp()
    let space = try driver.makeAddressSpace(.secondStage)
    #expect(try driver.unmap(IOVirtualAddress(0x1000), length: 0x1000, in: space) == 0)
    #expect(unit.takeDescriptors().isEmpty)
    #expect(driver.activity.unmaps == 0)
  }

  @Test("A map over others replaces them: unmapped, invalidated, mapped")
  func replace() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp()
    let space = try driver.makeAddressSpace(.secondStage)
    try driver.map(IOVirtualAddress(0x20_0000), to: PhysicalAddress(0x20_0000), length: 0x20_0000, permissions: .readWrite, in: space)
    try driver.map(IOVirtualAddress(0x3F_F000), to: PhysicalAddress(0x7000), length: 0x2000, permissions: .readWrite, in: space)
    #expect(unit.takeDescriptors() == [pages(0, 11)])
    #expect(unit.translate(0x3F_F008, driver, space) == PhysicalAddress(0x7008))
    #expect(unit.translate(0x40_0008, driver, space) == PhysicalAddress(0x8008))
    #expect(unit.translate(0x20_0008, driver, space) == PhysicalAddress(0x20_0008))
    #expect(driver.activity.replacements == 1)
  }

  @Test("An unmap that can't split its last page is an error, and what is gone by then is invalidated")
  func outOfTables() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp()
    let space = try driver.makeAddressSpace(.secondStage)
    try driver.map(IOVirtualAddress(0), to: PhysicalAddress(0), length: 0x40_0000, permissions: .read, in: space)
    while unit.tables.allocate() != nil {}
    #expect(throws: HostDriverError.pageTable(.outOfTables)) { try driver.unmap(IOVirtualAddress(0), length: 0x20_1000, in: space) }
    #expect(unit.translate(0, driver, space) == nil)
    #expect(unit.translate(0x20_0000, driver, space) == PhysicalAddress(0x20_0000))
    #expect(unit.takeDescriptors() == [pages(0, 10)])
  }

  @Test("With caching mode a map invalidates its pages too")
  func cachingMode() throws {
    let unit = try FakeUnit(capabilities: FakeUnit.capabilities | 1 << 7)
    let driver = try unit.bringUp()
    let space = try driver.makeAddressSpace(.secondStage)
    try driver.map(IOVirtualAddress(0x3000), to: PhysicalAddress(0), length: 0x1000, permissions: .read, in: space)
    #expect(unit.takeDescriptors() == [pages(0x3000, 0, leafOnly: false)])
  }

  @Test(
    "Ranges that can't be are refused, and nothing is mapped",
    arguments: [
      (0x800, 0x1000, .misaligned(0x800)), (0x1000, 0x800, .misaligned(0x800)), (0x1000, 0, .outOfRange(0x1000)),
      (1 << 48, 0x1000, .outOfRange(1 << 48)), ((1 << 48) - 0x1000, 0x2000, .outOfRange((1 << 48) - 0x1000)),
      (.max - 0xFFF, 0x2000, .outOfRange(.max - 0xFFF)),
    ] as [(UInt64, UInt64, PageTableError)])
  func refused(start: UInt64, length: UInt64, error: PageTableError) throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp()
    let space = try driver.makeAddressSpace(.secondStage)
    #expect(throws: HostDriverError.pageTable(error)) {
      try driver.map(IOVirtualAddress(start), to: PhysicalAddress(0), length: length, permissions: .readWrite, in: space)
    }
    #expect(throws: HostDriverError.pageTable(error)) { try driver.unmap(IOVirtualAddress(start), length: length, in: space) }
    #expect(driver.activity.maps == 0)
  }

  @Test("An address beyond MGAW can't be mapped even if the tables reach it")
  func guestWidth() throws {
    let unit = try FakeUnit(capabilities: FakeUnit.capabilities & ~(0x3F << 16) | 41 << 16)
    let driver = try unit.bringUp()
    let space = try driver.makeAddressSpace(.secondStage)
    #expect(throws: HostDriverError.pageTable(.outOfRange(1 << 42))) {
      try driver.map(IOVirtualAddress(1 << 42), to: PhysicalAddress(0), length: 4096, permissions: .read, in: space)
    }
  }

  @Test(
    "Tables mirror what a plain dictionary says after random maps and unmaps",
    arguments: [.strict, .linuxDeferred, .deferred(batch: 3, timeout: .never), .recorded] as [InvalidationPolicy])
  func property(policy: InvalidationPolicy) throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp { $0.policy = policy }
    let space = try driver.makeAddressSpace(.secondStage)
    let start = unit.tables.allocatedBytes
    var random = SplitMix64(seed: 5)
    var expected: [UInt64: UInt64] = [:]
    for _ in 0..<600 {
      let first = random.next(below: 2048)
      let count = random.next(below: 8) == 0 ? 512 : 1 + random.next(below: 40)
      if random.next(below: 2) == 0 {
        let target = random.next(below: 4096)
        try driver.map(
          IOVirtualAddress(first << 12), to: PhysicalAddress(target << 12), length: count << 12, permissions: .readWrite, in: space)
        for page in 0..<count { expected[first + page] = target + page }
      } else {
        let bytes = try driver.unmap(IOVirtualAddress(first << 12), length: count << 12, in: space)
        let mapped = (first..<first + count).filter { expected.removeValue(forKey: $0) != nil }
        #expect(bytes == UInt64(mapped.count) << 12)
      }
    }
    for page in 0..<UInt64(2600) {
      #expect(unit.translate(page << 12, driver, space)?.pageNumber(12) == expected[page])
    }
    try driver.unmap(IOVirtualAddress(0), length: 1 << 40, in: space)
    try driver.invalidate(.translations)
    #expect(unit.tables.allocatedBytes == start)
  }
}
