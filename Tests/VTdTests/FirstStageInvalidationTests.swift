import Hardware
import PageTables
import Testing
import Translation
import VTdArchitecture

@testable import VTd

/// Which invalidation reaches translations that a first stage made, alone or over a second stage (VT-d rev 5.10 tables 23 and 24).
@Suite struct FirstStageInvalidationTests {
  /// An invalidation, and whether it reaches the translation of the machine's page for the device's PASID.
  struct Command: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let descriptor: InvalidationDescriptor
    let isReaching: Bool
  }

  private static let domain = MachineUnderTest.domain
  private static let otherDomain = DomainID(0x56)
  private static let pasid = MachineUnderTest.pasid
  private static let page = MachineUnderTest.page
  private static let neighbour = PageRange(page.advanced(by: 0x1000))
  private static let elsewhere = PageRange(IOVirtualAddress(0x7000))

  private static func iotlb(_ note: String, _ scope: IOTLBInvalidation.Scope, _ isReaching: Bool) -> Command {
    Command(testDescription: "IOTLB, \(note)", descriptor: .iotlb(IOTLBInvalidation(scope)), isReaching: isReaching)
  }
  private static func addressSpace(_ note: String, _ scope: PASIDIOTLBInvalidation, _ isReaching: Bool) -> Command {
    Command(testDescription: "PASID IOTLB, \(note)", descriptor: .pasidIOTLB(scope), isReaching: isReaching)
  }

  static let commands: [Command] = [
    iotlb("global", .global, true), iotlb("domain", .domain(domain), true), iotlb("another domain", .domain(otherDomain), false),
    iotlb("the page", .pages(domain, PageRange(page), leafOnly: false), true),
    // A range of second-stage addresses says nothing of these.
    iotlb("any other page of the domain", .pages(domain, elsewhere, leafOnly: false), true),
    iotlb("any other page of the domain, leaf only", .pages(domain, elsewhere, leafOnly: true), true),
    iotlb("the page in another domain", .pages(otherDomain, PageRange(page), leafOnly: false), false),
    addressSpace("PASID", .pasid(domain, pasid), true), addressSpace("another PASID", .pasid(domain, PASID(0x1C40)), false),
    addressSpace("PASID in another domain", .pasid(otherDomain, pasid), false),
    addressSpace("the page", .pages(domain, pasid, PageRange(page), leafOnly: false), true),
    addressSpace("the page, leaf only", .pages(domain, pasid, PageRange(page), leafOnly: true), true),
    addressSpace(
      "pages around", .pages(domain, pasid, PageRange(IOVirtualAddress(page.rawValue ^ 0x3000), addressMask: 2), leafOnly: true), true),
    addressSpace("all pages", .pages(domain, pasid, PageRange(page, addressMask: 52), leafOnly: true), true),
    addressSpace("another page", .pages(domain, pasid, neighbour, leafOnly: true), false),
    addressSpace("the page of another PASID", .pages(domain, PASID(0x1C40), PageRange(page), leafOnly: false), false),
    addressSpace("the page in another domain", .pages(otherDomain, pasid, PageRange(page), leafOnly: false), false),
    Command(testDescription: "context cache", descriptor: .contextCache(.global), isReaching: false),
    Command(testDescription: "PASID cache", descriptor: .pasidCache(.global), isReaching: false),
  ]

  /// The entry that is changed behind the unit's back.
  enum Changed: CaseIterable, Sendable {
    case first, firstOfNested, secondOfNested
  }

  private func stale(_ changed: Changed) throws -> MachineUnderTest {
    let machine = try MachineUnderTest(.scalable, stages: changed == .first ? .firstStage : .nested)
    #expect(machine.request(pasid: Self.pasid).address == MachineUnderTest.target)
    switch changed {
    case .first: machine[first: 1] = 0xC027
    case .firstOfNested:
      try machine.builder.map(IOVirtualAddress(0x5000_0000), to: PhysicalAddress(0xC000), length: 0x1000, permissions: .readWrite)
      machine[first: 1] = 0x5000_0027
    case .secondOfNested: machine[1] = 0xC003
    }
    return machine
  }

  @Test("An invalidation reaches these translations as the tables of the specification say", arguments: commands, Changed.allCases)
  func matrix(command: Command, changed: Changed) throws {
    let machine = try stale(changed)
    machine.submit(command.descriptor)
    let expected = command.isReaching ? PhysicalAddress(0xC000) : MachineUnderTest.target
    #expect(machine.request(pasid: Self.pasid).address == expected)
  }

  @Test("What has changed stays unseen without an invalidation", arguments: Changed.allCases)
  func none(changed: Changed) throws {
    let machine = try stale(changed)
    #expect(machine.request(pasid: Self.pasid).address == MachineUnderTest.target)
  }

  @Test("Requests without PASID are reached by RID_PASID, not by another PASID", arguments: [PASIDTranslationType.firstStage, .nested])
  func requesterPASID(stages: PASIDTranslationType) throws {
    let machine = try MachineUnderTest(.scalable, stages: stages)
    machine.request()
    if stages == .firstStage { machine[first: 1] = 0xC027 } else { machine[1] = 0xC003 }
    machine.submit(.pasidIOTLB(.pages(Self.domain, Self.pasid, PageRange(Self.page), leafOnly: false)))
    #expect(machine.request().address == MachineUnderTest.target)
    machine.submit(.pasidIOTLB(.pages(Self.domain, MachineUnderTest.requesterPASID, PageRange(Self.page), leafOnly: false)))
    #expect(machine.request().address == PhysicalAddress(0xC000))
  }

  @Test("A page request invalidates what is cached of its page", arguments: Changed.allCases)
  func pageRequest(changed: Changed) throws {
    let machine = try stale(changed)
    machine.scalableContextEntry.pageRequestsEnabled = true
    machine.submit(.contextCache(.global))
    machine.unit.receive(PageRequestTests.pageRequest(pasid: Self.pasid), at: .zero)
    #expect(machine.request(pasid: Self.pasid).address == PhysicalAddress(0xC000))
  }
}
