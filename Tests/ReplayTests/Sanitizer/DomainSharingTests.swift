import Hardware
import HostDrivers
import Replay
import Testing
import VTd
import VTdArchitecture

@Suite("Domain ids that are shared") struct DomainSharingTests {
  private func place(ofContext device: RequesterID, _ bus: CarelessBus) throws -> PhysicalAddress {
    let root = PhysicalAddress(bus.readRegister64(0x20)).alignedDown(12)
    let entry = RootEntry(words: [try #require(bus.memory.read64(root)), 0])
    return entry.contextTable.advanced(by: UInt64(device.deviceFunction) * ContextEntry.byteCount)
  }

  @Test("One domain id with two tables is found, once")
  func twoTables() throws {
    let bus = try CarelessBus()
    let driver = try bus.driver(.legacy)
    for device in [Script.device, Script.other] {
      try driver.attach(device, pasid: nil, to: try driver.makeAddressSpace(.secondStage, domain: nil))
    }
    bus.read(1)
    bus.read(1, by: Script.other)
    #expect(bus.check.findings.domainConflictCount == 0)
    let first = try #require(bus.memory.read64(try place(ofContext: Script.device, bus).advanced(by: 8)))
    bus.memory.write64(try place(ofContext: Script.other, bus).advanced(by: 8), first)
    bus.writeRegister64(0x28, 1 << 63 | 1 << 61)
    for record in UInt64(1)...3 { bus.read(1, by: Script.other, record: record) }
    let findings = bus.check.findings
    #expect(findings.domainConflictCount == 1)
    let conflict = try #require(findings.domainConflicts.first)
    #expect(conflict.rule == .domainOfOneTable)
    #expect(conflict.requesters == [Script.device, Script.other])
    #expect(conflict.moment.record == 1)
  }

  @Test("Two devices of one address space share its domain id by right", arguments: [VTdDriverConfiguration.Mode.legacy, .scalable])
  func oneSpace(mode: VTdDriverConfiguration.Mode) throws {
    let bus = try CarelessBus()
    let driver = try bus.driver(mode)
    let space = try driver.makeAddressSpace(.secondStage, domain: nil)
    for device in [Script.device, Script.other] { try driver.attach(device, pasid: nil, to: space) }
    bus.read(1)
    bus.read(1, by: Script.other)
    #expect(bus.check.findings.isEmpty)
  }

  @Test("A domain id that is used anew after the entry that had it has gone is no finding")
  func reuse() throws {
    let bus = try CarelessBus()
    let driver = try bus.driver(.legacy)
    for _ in 0..<3 {
      let space = try driver.makeAddressSpace(.secondStage, domain: 7)
      try driver.attach(Script.device, pasid: nil, to: space)
      bus.read(1)
      try driver.detach(Script.device, pasid: nil)
      try driver.removeAddressSpace(space)
      let other = try driver.makeAddressSpace(.secondStage, domain: 7)
      try driver.attach(Script.other, pasid: nil, to: other)
      bus.read(1, by: Script.other)
      try driver.detach(Script.other, pasid: nil)
      try driver.removeAddressSpace(other)
    }
    #expect(bus.check.findings.isEmpty)
  }
}
