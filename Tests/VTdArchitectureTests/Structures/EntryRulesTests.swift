import Hardware
import Testing

@testable import VTdArchitecture

@Suite struct EntryRulesTests {
  static func set(_ bit: Int, in words: SIMD2<UInt64>) -> SIMD2<UInt64> {
    var words = words
    words[bit / 64][bit: bit % 64] = true
    return words
  }

  static func rules(_ unit: UnitIdentity, _ revision: RevisionProfile = .revision4) -> EntryRules {
    EntryRules(unit, options: EntryRules.Options(revision: revision))
  }

  @Test("A root entry with P=0 faults 01h whatever else it holds, and one with a reserved bit 0Ah")
  func root() {
    let rules = Self.rules(SampleUnit.emulated)
    #expect(rules.fault(in: RootEntry(words: [0xFFFF_FFFF_FFFF_FFFE, .max])) == .rootNotPresent)
    #expect(rules.fault(in: RootEntry(contextTable: PhysicalAddress(0x1000))) == nil)
    for bit in [1, 11, 48, 63, 64, 127] {
      #expect(rules.fault(in: RootEntry(words: Self.set(bit, in: [0x1001, 0]))) == .rootReserved, "bit \(bit)")
    }
    #expect(rules.fault(in: RootEntry(words: Self.set(47, in: [0x1001, 0]))) == nil)
  }

  @Test(
    "A legacy context entry faults 0Bh for reserved bits only",
    arguments: [
      (1, false), (4, true), (11, true), (47, false), (48, true), (63, true), (67, false), (70, false), (71, true), (88, true), (127, true),
    ])
  func contextReserved(bit: Int, faults: Bool) {
    let entry = ContextEntry(words: Self.set(bit, in: [0x1001, 2]))
    #expect(Self.rules(SampleUnit.emulated).fault(in: entry) == (faults ? .contextReserved : nil))
  }

  @Test("In a pass-through context entry the whole table pointer is ignored")
  func passThroughPointer() {
    let entry = ContextEntry(words: [0xFFFF_FFFF_FFFF_F009, 2])
    #expect(Self.rules(SampleUnit.emulated).fault(in: entry) == nil)
  }

  @Test("Domain id bits above the unit's width are reserved")
  func domainWidth() {
    let client = SampleUnit.scalableClient
    #expect(client.capabilities.domainIDWidth == 8)
    let rules = Self.rules(client)
    #expect(rules.fault(in: ContextEntry(type: .untranslatedOnly, width: 2, domain: DomainID(0xFF))) == nil)
    #expect(rules.fault(in: ContextEntry(type: .untranslatedOnly, width: 2, domain: DomainID(0x100))) == .contextReserved)
    var entry = PASIDTableEntry(stages: .secondStage, domain: DomainID(0x100))
    entry.width = 2
    #expect(rules.fault(in: entry) == .pasidEntryReserved)
  }

  @Test(
    "A context entry whose width or type the unit lacks faults 03h",
    arguments: [
      (.untranslatedOnly, 1, true), (.untranslatedOnly, 2, true), (.untranslatedOnly, 0, false), (.untranslatedOnly, 3, false),
      (.untranslatedOnly, 7, false), (.deviceTLB, 2, false), (.passThrough, 2, true), (.passThrough, 1, true), (.passThrough, 3, false),
      (.reserved, 2, false),
    ] as [(TranslationType, UInt8, Bool)])
  func contextInvalid(type: TranslationType, width: UInt8, valid: Bool) {
    let entry = ContextEntry(type: type, width: width, domain: DomainID(1))
    #expect(Self.rules(SampleUnit.emulated).fault(in: entry) == (valid ? nil : .contextInvalid))
  }

  @Test("The width of a pass-through entry is checked as chosen", arguments: EntryRules.PassThroughWidth.allCases)
  func passThroughWidth(choice: EntryRules.PassThroughWidth) {
    let rules = EntryRules(SampleUnit.emulated, options: EntryRules.Options(passThroughWidth: choice))
    let faults = (0...3).map { rules.fault(in: ContextEntry(type: .passThrough, width: $0, domain: DomainID(1))) == .contextInvalid }
    switch choice {
    case .supported: #expect(faults == [true, false, false, true])
    case .largest: #expect(faults == [true, true, false, true])
    case .ignored: #expect(faults == [false, false, false, false])
    }
  }

  @Test("A device-TLB or pass-through type that the unit has is valid")
  func deviceTLB() {
    let rules = Self.rules(SampleUnit.legacyServer)
    #expect(rules.fault(in: ContextEntry(type: .deviceTLB, width: 2, domain: DomainID(1))) == nil)
    let without = SampleUnit.unit(cap: 0x00d2_008c_222f_0606, ecap: 0xf0_0f1a)
    #expect(Self.rules(without).fault(in: ContextEntry(type: .passThrough, width: 2, domain: DomainID(1))) == .contextInvalid)
  }

  @Test("Each half of a scalable-mode root entry is checked for itself")
  func scalableRoot() {
    let rules = Self.rules(SampleUnit.scalableServer)
    #expect(rules.fault(in: ScalableRootHalf(rawValue: 0x1000)) == .scalableRootNotPresent)
    #expect(rules.fault(in: ScalableRootHalf(rawValue: 0x1001)) == nil)
    for bit in [1, 11, 52, 63] {
      #expect(rules.fault(in: ScalableRootHalf(rawValue: 0x1001 | 1 << UInt64(bit))) == .scalableRootReserved, "bit \(bit)")
    }
  }

  @Test(
    "A scalable-mode context entry faults 42h for reserved bits, which capabilities and revision decide",
    arguments: [
      // bit, on a full unit, on a unit without device-TLB, PASID, page requests, RID_PASID and RID_PRIV
      (2, false, true), (3, false, true), (5, true, true), (6, true, true), (7, true, true), (8, true, true), (52, true, true),
      (64, false, true), (83, false, true), (84, false, true), (85, true, true), (128, true, true), (255, true, true), (1, false, false),
    ])
  func scalableContextReserved(bit: Int, full: Bool, small: Bool) {
    var entry = ScalableContextEntry(directory: PhysicalAddress(0x1000), directorySize: 7)
    entry.words[bit / 64][bit: bit % 64] = true
    #expect(Self.rules(SampleUnit.scalableServer).fault(in: entry) == (full ? .scalableContextReserved : nil))
    #expect(Self.rules(SampleUnit.emulatedScalable).fault(in: entry) == (small ? .scalableContextReserved : nil))
  }

  @Test("The fields of revision 5 need the revision and the capability", arguments: RevisionProfile.allCases)
  func revisionFive(revision: RevisionProfile) {
    let unit = SampleUnit.unit(cap: 0xf9ed_008c_ee78_0c66, ecap: 0x003f_ef9e_a6f0_efdf | 1 << 55 | 1 << 56, major: 7, width: 52)
    var entry = ScalableContextEntry(directory: PhysicalAddress(0x1000), directorySize: 7)
    entry.hostPermissionTablesEnabled = true
    entry.pasidEnabled = true
    entry.pasidInTranslatedRequests = true
    #expect(Self.rules(unit, revision).fault(in: entry) == (revision == .revision5 ? nil : .scalableContextReserved))
    #expect(Self.rules(SampleUnit.scalableServer, revision).fault(in: entry) == .scalableContextReserved)
    var pasid = PASIDTableEntry(stages: .passThrough, domain: DomainID(1))
    pasid.words[4] = 0x1003
    #expect(Self.rules(unit, revision).fault(in: pasid) == (revision == .revision5 ? nil : .pasidEntryReserved))
  }

  @Test("Fields of a scalable-mode context entry that contradict each other fault 43h")
  func scalableContextInvalid() {
    let rules = Self.rules(SampleUnit.scalableServer)
    var entry = ScalableContextEntry(directory: PhysicalAddress(0x1000), directorySize: 0)
    entry.requesterPASID = PASID(0x1FFF)
    #expect(rules.fault(in: entry) == nil)
    entry.requesterPASID = PASID(0x2000)
    #expect(rules.fault(in: entry) == .scalableContextInvalid)
    entry.directorySize = 1
    #expect(rules.fault(in: entry) == nil)
    entry.pageRequestsEnabled = true
    #expect(rules.fault(in: entry) == .scalableContextInvalid)
    entry.deviceTLBEnabled = true
    #expect(rules.fault(in: entry) == nil)
    entry.present = false
    #expect(rules.fault(in: entry) == .scalableContextNotPresent)
  }

  @Test("A PASID directory entry faults 51h if not present and 52h for reserved bits")
  func directory() {
    let rules = Self.rules(SampleUnit.scalableServer)
    #expect(rules.fault(in: PASIDDirectoryEntry(rawValue: 0xFFC)) == .directoryNotPresent)
    #expect(rules.fault(in: PASIDDirectoryEntry(rawValue: 0x1003)) == nil)
    for bit in [2, 11, 52, 63] {
      #expect(rules.fault(in: PASIDDirectoryEntry(rawValue: 0x1001 | 1 << UInt64(bit))) == .directoryReserved, "bit \(bit)")
    }
  }
}
