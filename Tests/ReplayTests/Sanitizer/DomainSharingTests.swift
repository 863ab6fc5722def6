import Hardware
import HostDrivers
import Testing
import VTdArchitecture

@testable import Replay
@testable import VTd

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

  /// Two PASID entries, as changes of one of first and second stage, and the rule that they break.
  struct Pair: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var rule: DomainConflict.Rule?
    var stages = PASIDTranslationType.nested
    var isSamePASID = true
    var first: @Sendable (inout PASIDTableEntry) -> Void = { _ in }
    var second: @Sendable (inout PASIDTableEntry) -> Void = { _ in }
  }

  static let pairs = [
    Pair(testDescription: "the same", rule: nil),
    Pair(testDescription: "two second-stage tables", rule: .domainOfOneTable, second: { $0.secondStageTable = PhysicalAddress(0x7000) }),
    Pair(testDescription: "two second-stage widths", rule: .domainOfOneTable, second: { $0.width = 3 }),
    Pair(
      testDescription: "two second-stage tables in two domains", rule: nil,
      second: {
        $0.secondStageTable = PhysicalAddress(0x7000)
        $0.domain = DomainID(6)
      }),
    Pair(
      testDescription: "with a second stage and without", rule: .domainOfOneKind, isSamePASID: false,
      second: { $0.stagesCode = PASIDTranslationType.firstStage.rawValue }),
    Pair(
      testDescription: "pass-through beside tables", rule: .domainOfOneKind, stages: .secondStage, isSamePASID: false,
      second: { $0.stagesCode = PASIDTranslationType.passThrough.rawValue }),
    Pair(
      testDescription: "one PASID, two first-stage tables", rule: .pasidOfOneTable,
      second: { $0.firstStageTable = GuestPhysicalAddress(0x8000) }),
    Pair(
      testDescription: "two PASIDs, two first-stage tables", rule: nil, isSamePASID: false,
      second: { $0.firstStageTable = GuestPhysicalAddress(0x8000) }),
    Pair(
      testDescription: "one PASID, two types", rule: .pasidOfOneTable,
      second: { $0.stagesCode = PASIDTranslationType.secondStage.rawValue }),
    Pair(testDescription: "one pair of tables, two modes", rule: .tablesOfOneMode, isSamePASID: false, second: { $0.firstStageMode = 1 }),
    Pair(
      testDescription: "one pair of tables, with extended flags and without", rule: .tablesOfOneMode, isSamePASID: false,
      second: { $0.extendedAccessed = true }),
    Pair(
      testDescription: "one second-stage table, with flags and without", rule: .flagsOfOneTable, isSamePASID: false,
      second: {
        $0.domain = DomainID(6)
        $0.secondStageAccessedDirty = true
      }),
  ]

  @Test("Two PASID entries are held against each rule, whichever comes first", arguments: pairs)
  func rules(pair: Pair) throws {
    func entry(_ device: RequesterID, _ pasid: UInt32, _ change: (inout PASIDTableEntry) -> Void) throws -> DomainSharing.Entry {
      var entry = PASIDTableEntry(stages: pair.stages, domain: DomainID(5))
      entry.width = 2
      entry.secondStageTable = PhysicalAddress(0x3000)
      entry.firstStageTable = GuestPhysicalAddress(0x4000)
      change(&entry)
      var path = StructurePath()
      path.pasidEntry = entry.words
      return try #require(DomainSharing.Entry(path, of: device, PASID(pasid)))
    }
    let first = try entry(Script.device, 1, pair.first)
    let second = try entry(Script.other, pair.isSamePASID ? 1 : 2, pair.second)
    for (one, other) in [(first, second), (second, first)] {
      var sharing = DomainSharing()
      #expect(sharing.meet(one).isEmpty)
      #expect(sharing.meet(other).map(\.rule) == [pair.rule].compactMap { $0 })
      #expect(sharing.meet(other).isEmpty)
    }
  }
}
