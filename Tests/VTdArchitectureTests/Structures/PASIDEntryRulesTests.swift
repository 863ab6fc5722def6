import Hardware
import Testing

@testable import VTdArchitecture

@Suite struct PASIDEntryRulesTests {
  static func rules(_ ecap: UInt64 = SampleUnit.scalableServer.extended.rawValue, _ revision: RevisionProfile = .revision4) -> EntryRules {
    EntryRules(
      SampleUnit.unit(cap: SampleUnit.scalableServer.capabilities.rawValue, ecap: ecap, major: 7, width: 52),
      options: EntryRules.Options(revision: revision))
  }

  static func entry(_ stages: PASIDTranslationType) -> PASIDTableEntry {
    var entry = PASIDTableEntry(stages: stages, domain: DomainID(1))
    entry.width = 2
    return entry
  }

  @Test("A PASID entry with P=0 faults 59h whatever else it holds")
  func notPresent() {
    var words = SIMD8<UInt64>(repeating: .max)
    words[0] = ~1
    #expect(Self.rules().fault(in: PASIDTableEntry(words: words)) == .pasidEntryNotPresent)
    #expect(Self.rules().fault(in: PASIDTableEntry()) == .pasidEntryNotPresent)
  }

  @Test(
    "A PASID entry faults 5Ah for bits that are always reserved",
    arguments: [5, 10, 11, 52, 63, 80, 86, 91, 93, 94, 95, 129, 136, 139, 180, 191, 192, 256, 320, 511])
  func reserved(bit: Int) {
    var entry = Self.entry(.passThrough)
    entry.words[bit / 64][bit: bit % 64] = true
    #expect(Self.rules().fault(in: entry) == .pasidEntryReserved)
  }

  @Test(
    "A PASID entry faults 5Ah for a field whose capability is missing, even with pass-through",
    arguments: [
      // bit of the entry, bit of ECAP that allows it
      (9, 45), (9, 46), (12, 46), (87, 48), (88, 7), (89, 25), (90, 25), (96, 25), (127, 25), (128, 31), (130, 47), (132, 47),
      (135, 34), (140, 47),
    ])
  func capabilityReserved(bit: Int, capability: Int) {
    var entry = PASIDTableEntry(stages: .passThrough, domain: DomainID(1))
    entry.words[bit / 64][bit: bit % 64] = true
    #expect(Self.rules().fault(in: entry) == nil)
    let ecap = SampleUnit.scalableServer.extended.rawValue & ~(1 << UInt64(capability))
    #expect(Self.rules(ecap).fault(in: entry) == .pasidEntryReserved)
  }

  @Test(
    "AW of an entry without second stage, in a unit without one, is ignored or reserved as chosen",
    arguments: [PASIDTranslationType.firstStage, .passThrough], [false, true])
  func unusedWidth(stages: PASIDTranslationType, isChecked: Bool) {
    let server = SampleUnit.scalableServer
    let unit = SampleUnit.unit(
      cap: server.capabilities.rawValue, ecap: server.extended.rawValue & ~(1 << 46 | 1 << 26), major: 7, width: 52)
    let options = EntryRules.Options(checksUnusedSecondStageWidth: isChecked)
    for width in 1...7 as ClosedRange<UInt8> {
      var entry = Self.entry(stages)
      entry.width = width
      #expect(EntryRules(unit, options: options).fault(in: entry) == (isChecked ? .pasidEntryReserved : nil))
      #expect(EntryRules(server, options: options).fault(in: entry) == nil)
    }
    // A translation type that uses it, or is reserved, has it reserved.
    for code in [2, 3, 5] as [UInt8] {
      var entry = Self.entry(stages)
      entry.stagesCode = code
      #expect(EntryRules(unit, options: options).fault(in: entry) == .pasidEntryReserved)
    }
  }

  @Test("NXE and SMEP are ignored in every revision", arguments: RevisionProfile.allCases)
  func ignored(revision: RevisionProfile) {
    var entry = Self.entry(.firstStage)
    entry.noExecute = true
    entry.supervisorExecutionPrevention = true
    #expect(Self.rules(SampleUnit.scalableServer.extended.rawValue, revision).fault(in: entry) == nil)
  }

  @Test("The fields of revision 3 are reserved later", arguments: [5, 91, 93, 94, 95, 129], RevisionProfile.allCases)
  func revisionThree(bit: Int, revision: RevisionProfile) {
    var entry = Self.entry(.firstStage)
    entry.words[bit / 64][bit: bit % 64] = true
    let ecap = SampleUnit.scalableServer.extended.rawValue | 1 << 30
    #expect(Self.rules(ecap, revision).fault(in: entry) == (revision == .revision3 ? nil : .pasidEntryReserved))
  }

  @Test("A reserved translation type faults 5Bh", arguments: [0, 5, 6, 7] as [UInt8])
  func reservedType(code: UInt8) {
    var entry = Self.entry(.firstStage)
    entry.stagesCode = code
    #expect(Self.rules().fault(in: entry) == .pasidEntryInvalid)
  }

  @Test(
    "A translation type that the unit lacks faults 5Bh",
    arguments: [(.firstStage, 47), (.secondStage, 46), (.nested, 26), (.passThrough, 6)] as [(PASIDTranslationType, UInt64)])
  func unsupportedType(stages: PASIDTranslationType, capability: UInt64) {
    let entry = PASIDTableEntry(stages: stages, domain: DomainID(1))
    var withWidth = entry
    if stages == .nested { withWidth.width = 2 }
    let ecap = SampleUnit.scalableServer.extended.rawValue & ~(1 << capability)
    #expect(Self.rules(ecap).fault(in: withWidth) == .pasidEntryInvalid)
    #expect(Self.rules().fault(in: Self.entry(stages)) == nil)
  }

  @Test("A second-stage width that the unit lacks faults 5Bh where the second stage is used", arguments: PASIDTranslationType.allCases)
  func width(stages: PASIDTranslationType) {
    for width in [0, 1, 4, 7] as [UInt8] {
      var entry = Self.entry(stages)
      entry.width = width
      let used = stages == .secondStage || stages == .nested
      #expect(Self.rules().fault(in: entry) == (used ? .pasidEntryInvalid : nil), "width \(width)")
    }
  }

  @Test("A first-stage paging mode that the unit lacks faults 5Bh where the first stage is used", arguments: PASIDTranslationType.allCases)
  func firstStageMode(stages: PASIDTranslationType) {
    var entry = Self.entry(stages)
    entry.firstStageMode = 2
    let used = stages == .firstStage || stages == .nested
    #expect(Self.rules().fault(in: entry) == (used ? .pasidEntryInvalid : nil))
    let always = EntryRules(SampleUnit.scalableServer, options: EntryRules.Options(checksUnusedFirstStageMode: true))
    #expect(always.fault(in: entry) == .pasidEntryInvalid)
    entry.firstStageMode = 1
    #expect(Self.rules().fault(in: entry) == nil)
    let fourLevels = SampleUnit.unit(cap: SampleUnit.scalableServer.capabilities.rawValue & ~(1 << 60), ecap: entryExtended, width: 52)
    #expect(EntryRules(fourLevels).fault(in: entry) == (used ? .pasidEntryInvalid : nil))
  }

  private var entryExtended: UInt64 { SampleUnit.scalableServer.extended.rawValue }

  @Test("A nested entry whose first-stage table lies beyond the second stage's input faults 5Bh")
  func nestedTable() {
    var entry = Self.entry(.nested)
    entry.firstStageTable = GuestPhysicalAddress((1 << 48) - 4096)
    #expect(Self.rules().fault(in: entry) == nil)
    entry.firstStageTable = GuestPhysicalAddress(1 << 48)
    #expect(Self.rules().fault(in: entry) == .pasidEntryInvalid)
    entry.width = 3
    #expect(Self.rules().fault(in: entry) == nil)
  }
}
