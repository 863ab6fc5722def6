import Hardware
import HostDrivers
import Machine
import Testing
import Translation
import VTd
import VTdArchitecture

@testable import Replay

@Suite("Stale uses under two stages") struct NestedStaleUseTests {
  /// A guest with two pages of memory and a device, on a machine whose driver invalidates nothing by itself.
  final class Guest {
    let machine: Machine
    let check: StaleCheck
    let parent: AddressSpace
    let domain: UInt32

    init() throws {
      let watch = WriteWatch()
      let configuration = try ConfigurationReader.read(
        yaml: "{preset: unbounded, translation.stages: nested, \(Script.walkCaches), paging_structure_caches.nested.tables.entries: 16}",
        name: "test")
      machine = try Machine(configuration, recordedInvalidations: true, watch: watch)
      check = StaleCheck(machine, watch: watch, limit: 20)
      let driver = machine.driver
      parent = try driver.makeAddressSpace(.secondStage)
      try driver.map(
        GuestPhysicalAddress(0x10_0000), to: PhysicalAddress(0x90_0000), length: 0x2000, permissions: .readWrite, in: parent,
        largestPageLog2: 12)
      let space = try driver.makeAddressSpace(.nested(parent: parent))
      for page in 0..<2 as Range<UInt64> {
        try driver.map(
          IOVirtualAddress(0x1000 + page << 30), to: GuestPhysicalAddress(0x10_0000 + page << 12), length: 0x1000,
          permissions: .readWrite, in: space, largestPageLog2: 12)
      }
      try driver.attach(Script.device, pasid: nil, to: space)
      domain = UInt32(try #require(driver.domainID(of: space)).rawValue)
    }

    func read(_ address: UInt64) {
      let request = TranslationRequest(.read, at: IOVirtualAddress(address), by: Script.device)
      var response = TranslationResponse()
      machine.unit.translate(request, at: .zero, into: &response)
      check.observe(0, request, response)
      machine.unit.settle()
    }

    /// Takes the guest's memory away, without a word to the hardware.
    func loseMemory() throws {
      try machine.driver.unmap(IOVirtualAddress(0x10_0000), length: 0x2000, in: parent)
    }
  }

  @Test("A page that the host takes away is found in the IOTLB, with the host's address to be invalidated")
  func page() throws {
    let guest = try Guest()
    guest.read(0x1000)
    guest.read(0x1000)
    #expect(guest.check.findings.isEmpty)
    try guest.loseMemory()
    guest.read(0x1000)
    let findings = guest.check.findings
    #expect(findings.kinds == ["iotlb missing 1"])
    let id = DomainID(UInt16(guest.domain))
    let range = PageRange(IOVirtualAddress(0x10_0000))
    #expect(findings.findings.first?.needed == .translations(IOTLBInvalidation(.pages(id, range, leafOnly: true))))
  }

  @Test("A second-stage table that has gone is found where a walk for the guest's page starts from it")
  func secondStageTable() throws {
    let guest = try Guest()
    guest.read(0x1000)
    try guest.loseMemory()
    guest.read(0x4000_1000)
    let findings = guest.check.findings
    #expect(findings.kinds == ["walk_cache missing 1"])
    #expect(findings.findings.first?.present == "not present at level 5")
  }

  @Test("Nothing is found once the host has invalidated its pages")
  func invalidated() throws {
    let guest = try Guest()
    guest.read(0x1000)
    try guest.loseMemory()
    try guest.machine.driver.invalidate(.pages(IOVirtualAddress(0x10_0000), length: 0x2000, domain: guest.domain, leafOnly: false))
    guest.read(0x1000)
    guest.read(0x4000_1000)
    #expect(guest.check.findings.isEmpty)
  }
}
