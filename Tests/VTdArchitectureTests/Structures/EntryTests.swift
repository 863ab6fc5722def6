import Hardware
import Testing

@testable import VTdArchitecture

@Suite struct EntryTests {
  @Test("A second-stage PASID entry has the words of the specification's layout")
  func secondStageEntry() {
    var entry = PASIDTableEntry(stages: .secondStage, domain: DomainID(0))
    entry.width = 2
    entry.secondStageAccessedDirty = true
    entry.secondStageTable = PhysicalAddress(0x50000)
    #expect(entry.words[0] == 0x5_0289)
  }

  @Test("A first-stage PASID entry has the words of the specification's layout")
  func firstStageEntry() {
    var entry = PASIDTableEntry(stages: .firstStage, domain: DomainID(1))
    entry.pageWalkSnoop = true
    entry.supervisorRequests = true
    entry.writeProtect = true
    entry.firstStageTable = GuestPhysicalAddress(0x60000)
    #expect(entry.words == [0x41, 0x80_0001, 0x6_0011, 0, 0, 0, 0, 0])
  }

  @Test("A pass-through PASID entry has the words of the specification's layout")
  func passThroughEntry() { #expect(PASIDTableEntry(stages: .passThrough, domain: DomainID(0)).words[0] == 0x101) }

  @Test("A scalable-mode context entry has the words of the specification's layout")
  func scalableContext() {
    var entry = ScalableContextEntry(directory: PhysicalAddress(0x10000), directorySize: 7)
    entry.deviceTLBEnabled = true
    entry.pasidEnabled = true
    entry.pageRequestsEnabled = true
    #expect(entry.words[0] == 0x1_0E1D)
    #expect(entry.pasidLimit == 1 << 20)
  }

  @Test("A legacy context entry has the words of the specification's layout")
  func context() {
    let entry = ContextEntry(type: .passThrough, width: 2, domain: DomainID(0x1234), secondStageTable: PhysicalAddress(0xABC000))
    #expect(entry.words == [0xABC009, 0x12_3402])
    #expect(entry.type == .passThrough)
    #expect(entry.width == 2)
    #expect(entry.domain == DomainID(0x1234))
  }

  @Test("A PASID selects directory and table entries by its bits 19:6 and 5:0")
  func indexes() {
    #expect(PASIDDirectoryEntry.index(of: PASID(0xABCDE)) == 0x2AF3)
    #expect(PASIDTableEntry.index(of: PASID(0xABCDE)) == 0x1E)
  }

  @Test("A device number of 16 or more uses the upper half of a scalable-mode root entry", arguments: [0, 127, 128, 255] as [UInt8])
  func rootHalves(deviceFunction: UInt8) {
    var root = ScalableRootEntry()
    root[deviceFunction] = ScalableRootHalf(contextTable: PhysicalAddress(0x9000))
    #expect(root.words == (deviceFunction < 128 ? [0x9001, 0] : [0, 0x9001]))
    #expect(root[deviceFunction].contextTable == PhysicalAddress(0x9000))
  }

  @Test("What is written to a field of a PASID entry reads back, and its layout gives the same", arguments: [0, 1] as [UInt64])
  func accessorsAgreeWithLayout(fill: UInt64) {
    var entry = PASIDTableEntry(words: SIMD8(repeating: fill == 0 ? 0 : .max))
    entry.present = true
    entry.faultProcessingDisabled = false
    entry.width = 3
    entry.stagesCode = 5
    entry.secondStageAccessedDirty = true
    entry.secondStageTable = PhysicalAddress(0xAAAA_B000)
    entry.domain = DomainID(0xBEEF)
    entry.pageWalkSnoop = true
    entry.pageSnoop = false
    entry.cacheDisable = true
    entry.extendedMemoryTypes = false
    entry.pageAttributes = 0x0706_0504
    entry.supervisorRequests = true
    entry.executeRequests = false
    entry.firstStageMode = 1
    entry.writeProtect = true
    entry.noExecute = false
    entry.supervisorExecutionPrevention = true
    entry.extendedAccessed = true
    entry.firstStageTable = GuestPhysicalAddress(0xCCCC_D000)
    let decoded = PASIDTableEntry.layout.decode((0..<8).map { entry.words[$0] })
    let expected: [(String, UInt64)] = [
      ("P", 1), ("FPD", 0), ("AW", 3), ("PGTT", 5), ("SSADE", 1), ("SSPTPTR", 0xAAAAB), ("DID", 0xBEEF), ("PWSNP", 1), ("PGSNP", 0),
      ("CD", 1), ("EMTE", 0), ("PAT", 0x0706_0504), ("SRE", 1), ("ERE", 0), ("FSPM", 1), ("WPE", 1), ("NXE", 0), ("SMEP", 1),
      ("EAFE", 1), ("FSPTPTR", 0xCCCCD),
    ]
    for (name, value) in expected { #expect(decoded[name] == value, "\(name)") }
    #expect(entry.width == 3 && entry.stagesCode == 5 && entry.stages == nil && entry.domain == DomainID(0xBEEF))
    #expect(entry.secondStageTable == PhysicalAddress(0xAAAA_B000) && entry.firstStageTable == GuestPhysicalAddress(0xCCCC_D000))
    #expect(entry.present && !entry.faultProcessingDisabled && entry.secondStageAccessedDirty && entry.pageWalkSnoop && !entry.pageSnoop)
    #expect(entry.cacheDisable && !entry.extendedMemoryTypes && entry.pageAttributes == 0x0706_0504 && entry.supervisorRequests)
    #expect(!entry.executeRequests && entry.firstStageMode == 1 && entry.writeProtect && !entry.noExecute && entry.extendedAccessed)
  }

  @Test("What is written to a field of a scalable-mode context entry is where its layout has it")
  func contextAccessorsAgreeWithLayout() {
    var entry = ScalableContextEntry()
    entry.faultProcessingDisabled = true
    entry.hostPermissionTablesEnabled = true
    entry.pasidInTranslatedRequests = true
    entry.requesterPASID = PASID(0xFEDCB)
    entry.requesterPrivileged = true
    let decoded = ScalableContextEntry.layout.decode((0..<4).map { entry.words[$0] })
    for (name, value) in [("P", 0), ("FPD", 1), ("HPTE", 1), ("EPTR", 1), ("RID_PASID", 0xFEDCB), ("RID_PRIV", 1)] as [(String, UInt64)] {
      #expect(decoded[name] == value, "\(name)")
    }
    #expect(entry.faultProcessingDisabled && entry.hostPermissionTablesEnabled && entry.pasidInTranslatedRequests)
    #expect(entry.requesterPASID == PASID(0xFEDCB) && entry.requesterPrivileged)
  }
}
