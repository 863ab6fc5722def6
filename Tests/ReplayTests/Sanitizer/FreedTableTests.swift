import Hardware
import HostDrivers
import Replay
import Testing
import VTd
import VTdArchitecture

@Suite("Tables that are freed while they are cached") struct FreedTableTests {
  /// A driver that has unmapped all of a table, and whose invalidation of it got lost.
  private func careless(_ bus: CarelessBus) throws -> (driver: VTdDriver, space: AddressSpace) {
    let driver = try bus.driver()
    let space = try driver.makeAddressSpace(.secondStage, domain: nil)
    try driver.attach(Script.device, pasid: nil, to: space)
    try driver.map(
      IOVirtualAddress(0x1000), to: PhysicalAddress(0x9000), length: 0x2000, permissions: .readWrite, in: space, largestPageLog2: 12)
    bus.read(1)
    bus.losesInvalidations = true
    bus.check.begin(record: 1)
    try driver.unmap(IOVirtualAddress(0x1000), length: 0x2000, in: space)
    return (driver, space)
  }

  @Test("A table that is given back while a walk cache points to it is found before anybody uses it")
  func dangling() throws {
    let bus = try CarelessBus()
    _ = try careless(bus)
    let findings = bus.check.findings
    // With the last page went every table on the way to it.
    #expect(findings.danglingPointerCount == 3)
    #expect(findings.danglingPointers.map(\.pointer.level) == [2, 3, 4])
    let pointer = try #require(findings.danglingPointers.first)
    #expect(pointer.freed.moment.record == 1)
    #expect((pointer.pointer.level, pointer.pointer.base) == (2, 0))
    #expect(findings.uses == 0)
  }

  @Test("A walk into a freed table is found, with what has become of the table")
  func walkedInto() throws {
    let bus = try CarelessBus()
    let (driver, space) = try careless(bus)
    bus.check.begin(record: 2)
    try driver.map(
      IOVirtualAddress(0x4000_0000), to: PhysicalAddress(0x7000), length: 0x1000, permissions: .readWrite, in: space, largestPageLog2: 12)
    bus.read(2, record: 3)
    let use = try #require(bus.check.findings.findings.first)
    #expect((use.cache, use.cause, use.level) == (.walkCache, .missing, 2))
    #expect(use.freed?.moment.record == 1)
    #expect(use.freed?.reused?.record == 2)
    #expect(use.since?.moment.record == 1)
  }

  @Test("A table that is given back after its invalidation is no finding")
  func careful() throws {
    let bus = try CarelessBus()
    let driver = try bus.driver()
    let space = try driver.makeAddressSpace(.secondStage, domain: nil)
    try driver.attach(Script.device, pasid: nil, to: space)
    for _ in 0..<3 {
      try driver.map(
        IOVirtualAddress(0x1000), to: PhysicalAddress(0x9000), length: 0x2000, permissions: .readWrite, in: space, largestPageLog2: 12)
      bus.read(1)
      try driver.unmap(IOVirtualAddress(0x1000), length: 0x2000, in: space)
      bus.read(1)
    }
    #expect(bus.check.findings.isEmpty)
  }
}
