import Hardware
import PageTables
import Testing
import Translation
import VTdArchitecture

@testable import VTd

/// One way to raise one condition of the fault table: a machine in order with one thing broken, and a request that meets it.
struct FaultScenario: Sendable, CustomTestStringConvertible {
  typealias Attributes = TranslationRequest.Attributes

  /// The condition's name in the fault table, as `SCT.4.1`.
  let id: String
  /// Tells scenarios of one condition apart.
  var note = ""
  let mode: TranslationTableMode
  var stages = PASIDTranslationType.secondStage
  var extended = SampleDataUnit.extended
  var revision = RevisionProfile.revision4
  var majorVersion: UInt8 = 4
  var access = AccessKind.read
  var address = MachineUnderTest.page
  var attributes: Attributes = []
  var pasid = MachineUnderTest.pasid
  /// Only requests of this kind meet it, though the condition is known of others.
  var only: [RequestKind]?
  /// What is broken is the request or the unit itself, or lies in an entry that is valid as such and may be cached.
  var outlivesRepair = false
  /// Breaks it.
  var breaking: @Sendable (MachineUnderTest) -> Void = { _ in }

  var testDescription: String { "\(id)\(note.isEmpty ? "" : ", ")\(note)" }

  /// The reason of the condition; 0 if the table does not have it.
  var reason: FaultReason { (try? condition().reason) ?? FaultReason(0) }

  /// What the fault table says of the condition.
  func condition() throws -> FaultCondition {
    // Interrupt conditions have no names of their own.
    try #require(
      FaultReason.table.first { $0.id == id && $0.revisions.contains(revision) && (id != "INT" || $0.reason == .interruptRangeRequest) })
  }

  /// A machine with the thing broken.
  func machine(_ parameters: TranslationParameters = TranslationParameters()) throws -> MachineUnderTest {
    var choices = ImplementationChoices()
    choices.revision = revision
    let machine = try MachineUnderTest(
      mode == .legacy ? .legacy : .scalable, stages: stages, extended: extended, majorVersion: majorVersion, choices: choices,
      parameters: parameters)
    breaking(machine)
    return machine
  }

  /// The kinds of request that meet the condition and are refused in a way that is recorded.
  func kinds() throws -> [RequestKind] {
    let condition = try condition()
    // Translated requests with PASID exist in revision 5 only; page requests and interrupts are no requests of this kind.
    let translated: [RequestKind] = revision == .revision5 ? [.translated, .translatedWithPASID] : [.translated]
    return ([.untranslated, .untranslatedWithPASID, .translation, .translationWithPASID] + translated).filter { kind in
      condition.answer(to: kind).isRecorded && only?.contains(kind) ?? true && (mode != .legacy || id == "RTA.2" || !kind.hasPASID)
    }
  }

  /// Makes the request.
  func request(_ kind: RequestKind, on machine: MachineUnderTest) -> TranslationResponse {
    machine.request(
      access, at: address, pasid: kind.hasPASID ? pasid : nil, kind: kind.addressKind, attributes: attributes)
  }
}

extension RequestKind {
  var hasPASID: Bool { self == .untranslatedWithPASID || self == .translationWithPASID || self == .translatedWithPASID }

  var addressKind: TranslationRequest.Kind {
    switch self {
    case .translation, .translationWithPASID: .translationRequest
    case .translated, .translatedWithPASID: .translated
    default: .untranslated
    }
  }

  var addressType: AddressType {
    switch addressKind {
    case .untranslated: .untranslated
    case .translationRequest: .translationRequest
    case .translated: .translated
    }
  }
}

extension FaultScenario {
  /// Every scenario.
  static let all =
    legacyStructures + legacyTranslation + modes + scalableContexts + scalablePASIDs + scalableTranslation
    + firstStage + nested + laterRevision

  static let hole = MachineUnderTest.hole
  static let beyondHost = IOVirtualAddress(1 << UInt64(MachineUnderTest.hostAddressWidth) | 0x5000)
  static let interrupts = IOVirtualAddress(0xFEE1_2000)

  static let legacyStructures: [FaultScenario] = [
    .init(id: "LRT.1", mode: .legacy) { $0.setRootTable(hole, mode: .legacy) },
    .init(id: "LRT.2", mode: .legacy) { $0.rootEntry.present = false },
    .init(id: "LRT.3", note: "bit 5", mode: .legacy) { $0.rootEntry.words[0] |= 1 << 5 },
    .init(id: "LRT.3", note: "upper word", mode: .legacy) { $0.rootEntry.words[1] = 1 },
    .init(id: "LRT.3", note: "address width", mode: .legacy) { $0.rootEntry.words[0] |= 1 << 46 },
    .init(id: "LCT.1", mode: .legacy) { $0.rootEntry.contextTable = hole },
    .init(id: "LCT.2", mode: .legacy) { $0.contextEntry.present = false },
    .init(id: "LCT.3", note: "bit 4", mode: .legacy) { $0.contextEntry.words[0] |= 1 << 4 },
    .init(id: "LCT.3", note: "domain id beyond ND", mode: .legacy) { $0.contextEntry.domain = DomainID(1 << 10) },
    .init(id: "LCT.4.1", mode: .legacy) { $0.contextEntry.width = 3 },
    .init(id: "LCT.4.2", note: "reserved", mode: .legacy) { $0.contextEntry.type = .reserved },
    .init(id: "LCT.4.2", note: "no device-TLB", mode: .legacy, extended: SampleDataUnit.extended & ~(1 << 2), only: [.untranslated]) {
      $0.contextEntry.type = .deviceTLB
    },
    .init(id: "LCT.4.2", note: "no pass-through", mode: .legacy, extended: SampleDataUnit.extended & ~(1 << 6)) {
      $0.contextEntry.type = .passThrough
    },
    .init(id: "LCT.4.3", mode: .legacy, only: [.untranslated], outlivesRepair: true) { $0.contextEntry.secondStageTable = hole },
    .init(id: "LCT.4.3", note: "device-TLB", mode: .legacy, only: [.untranslated, .translation], outlivesRepair: true) {
      $0.contextEntry.type = .deviceTLB
      $0.contextEntry.secondStageTable = hole
    },
    .init(id: "LCT.5", mode: .legacy, outlivesRepair: true),
    .init(id: "LCT.5", note: "pass-through", mode: .legacy, outlivesRepair: true) { $0.contextEntry.type = .passThrough },
  ]

  static let legacyTranslation: [FaultScenario] = [
    .init(id: "LSS.1", mode: .legacy, only: [.untranslated]) { $0[3] = hole.rawValue | 3 },
    .init(id: "LSS.1", note: "last level", mode: .legacy, only: [.untranslated]) { $0[2] = hole.rawValue | 3 },
    .init(id: "LSS.2", note: "table", mode: .legacy, only: [.untranslated]) { $0[3] |= 1 << 11 },
    .init(id: "LSS.2", note: "leaf", mode: .legacy, only: [.untranslated]) { $0[1] |= 1 << 62 },
    .init(id: "LSS.2", note: "PS at level 4", mode: .legacy, only: [.untranslated]) { $0[4] |= 1 << 7 },
    .init(id: "LSS.2", note: "address width", mode: .legacy, only: [.untranslated]) { $0[1] |= 1 << 46 },
    .init(id: "LGN.1.1", note: "MGAW", mode: .legacy, address: IOVirtualAddress(1 << 48), outlivesRepair: true),
    .init(id: "LGN.1.1", note: "AW", mode: .legacy, address: IOVirtualAddress(1 << 39), outlivesRepair: true) { $0.contextEntry.width = 1 },
    .init(id: "LGN.1.2", mode: .legacy, address: beyondHost, outlivesRepair: true) { $0.contextEntry.type = .deviceTLB },
    .init(id: "LGN.1.3", mode: .legacy, address: beyondHost, outlivesRepair: true) { $0.contextEntry.type = .passThrough },
    .init(id: "LGN.2", mode: .legacy, access: .write) { $0[1] &= ~2 },
    .init(id: "LGN.2", note: "lost above", mode: .legacy, access: .write) { $0[3] &= ~2 },
    .init(id: "LGN.2", note: "AtomicOp", mode: .legacy, access: .atomic) { $0[1] &= ~2 },
    .init(id: "LGN.2", note: "not present", mode: .legacy, access: .write) { $0[1] = 0 },
    .init(id: "LGN.3", mode: .legacy) { $0[1] &= ~1 },
    .init(id: "LGN.3", note: "AtomicOp", mode: .legacy, access: .atomic) { $0[1] &= ~1 },
    .init(id: "LGN.3", note: "not present", mode: .legacy) { $0[2] = ~3 },
    .init(id: "LGN.4", mode: .legacy, only: [.untranslated]) { $0[1] = 0xFEE0_5003 },
    .init(id: "LGN.4", note: "before permission", mode: .legacy, access: .write, only: [.untranslated]) { $0[1] = 0xFEE0_5001 },
    .init(id: "LGN.4", note: "translated", mode: .legacy, address: interrupts, only: [.translated], outlivesRepair: true) {
      $0.contextEntry.type = .deviceTLB
    },
  ]

  static let modes: [FaultScenario] = [
    .init(id: "INT", note: "read", mode: .legacy, address: interrupts),
    .init(id: "INT", note: "AtomicOp", mode: .scalable, access: .atomic, address: interrupts),
    .init(id: "INT", note: "byte write", mode: .scalable, access: .write, address: interrupts),
    .init(id: "RTA.1.1", mode: .scalable, extended: SampleDataUnit.withoutAbortDMA) { $0.setRootTable($0.rootTable, mode: .abortDMA) },
    .init(id: "RTA.1.2", mode: .scalable) { $0.setRootTable($0.rootTable, mode: .reserved) },
    .init(id: "RTA.1.3", mode: .legacy, extended: SampleDataUnit.withoutScalableMode) { $0.setRootTable($0.rootTable, mode: .scalable) },
    .init(id: "RTA.2", mode: .legacy, only: [.untranslatedWithPASID, .translationWithPASID]),
    .init(id: "RTA.4", mode: .scalable) { $0.setRootTable($0.rootTable, mode: .abortDMA) },
  ]

  static let scalableContexts: [FaultScenario] = [
    .init(id: "SRT.1", mode: .scalable) { $0.setRootTable(hole, mode: .scalable) },
    .init(id: "SRT.2", mode: .scalable) { $0.scalableRootHalf = ScalableRootHalf(rawValue: 0x1000) },
    .init(id: "SRT.3", mode: .scalable) { $0.scalableRootHalf = ScalableRootHalf(rawValue: $0.scalableRootHalf.rawValue | 4) },
    .init(id: "SCT.1", mode: .scalable) { $0.scalableRootHalf = ScalableRootHalf(contextTable: hole) },
    .init(id: "SCT.2", mode: .scalable) { $0.scalableContextEntry.present = false },
    .init(id: "SCT.3", mode: .scalable) { $0.scalableContextEntry.words[3] = 1 },
    .init(id: "SCT.3", note: "address width", mode: .scalable) { $0.scalableContextEntry.words[0] |= 1 << 46 },
    .init(id: "SCT.4.1", mode: .scalable) {
      $0.scalableContextEntry.pageRequestsEnabled = true
      $0.scalableContextEntry.deviceTLBEnabled = false
    },
    .init(id: "SCT.4.2", mode: .scalable) { $0.scalableContextEntry.requesterPASID = PASID(0x2000) },
    .init(id: "SCT.5", mode: .scalable, outlivesRepair: true) { $0.scalableContextEntry.deviceTLBEnabled = false },
    .init(id: "SCT.6", mode: .scalable, outlivesRepair: true) { $0.scalableContextEntry.pasidEnabled = false },
    .init(id: "SCT.7", mode: .scalable, pasid: PASID(0x2000), outlivesRepair: true),
    .init(id: "SCT.9", mode: .scalable, pasid: MachineUnderTest.requesterPASID, outlivesRepair: true),
    .init(id: "SGN.10", mode: .scalable, pasid: PASID(0x8000), outlivesRepair: true) { $0.scalableContextEntry.directorySize = 7 },
  ]

  static let scalablePASIDs: [FaultScenario] = [
    .init(id: "SPD.1", mode: .scalable, only: untranslated + translation, outlivesRepair: true) {
      $0.scalableContextEntry.directory = hole
    },
    .init(id: "SPD.2", mode: .scalable, only: untranslated) { $0.directoryEntry.present = false },
    .init(id: "SPD.3", mode: .scalable, only: untranslated + translation) {
      $0.directoryEntry = PASIDDirectoryEntry(rawValue: $0.directoryEntry.rawValue | 1 << 11)
    },
    .init(id: "SPT.1", mode: .scalable, only: untranslated + translation) { $0.directoryEntry.table = hole },
    .init(id: "SPT.2", mode: .scalable, only: untranslated) { $0.changePASIDEntries { $0.present = false } },
    .init(id: "SPT.3", mode: .scalable, only: untranslated + translation) { $0.changePASIDEntries { $0.words[7] = 1 << 63 } },
    .init(id: "SPT.3", note: "domain id beyond ND", mode: .scalable, only: untranslated + translation) {
      $0.changePASIDEntries { $0.domain = DomainID(1 << 10) }
    },
    .init(id: "SPT.4.1", mode: .scalable, only: untranslated + translation) { $0.changePASIDEntries { $0.width = 3 } },
    .init(id: "SPT.4.2", note: "reserved", mode: .scalable, only: untranslated + translation) {
      $0.changePASIDEntries { $0.stagesCode = 5 }
    },
    .init(
      id: "SPT.4.2", note: "no pass-through", mode: .scalable, extended: SampleDataUnit.extended & ~(1 << 6),
      only: untranslated + translation
    ) { $0.changePASIDEntries { $0.stagesCode = 4 } },
    .init(
      id: "SPT.4.2", note: "no second stage", mode: .scalable, extended: SampleDataUnit.extended & ~(1 << 46 | 1 << 26),
      only: untranslated + translation, outlivesRepair: true
    ) { machine in
      // Without second stage its fields are reserved.
      machine.changePASIDEntries { entry in
        entry = PASIDTableEntry(stages: .secondStage, domain: MachineUnderTest.domain)
      }
    },
    .init(id: "SPT.4.3", mode: .scalable, only: untranslated + translation) {
      $0.changePASIDEntries { entry in
        entry.stagesCode = PASIDTranslationType.firstStage.rawValue
        entry.firstStageMode = 2
      }
    },
    .init(id: "SPT.4.4", mode: .scalable, only: untranslated + translation) {
      $0.changePASIDEntries { entry in
        entry.stagesCode = PASIDTranslationType.nested.rawValue
        entry.width = 1
        entry.firstStageTable = GuestPhysicalAddress(1 << 39)
      }
    },
    .init(id: "SPT.5", mode: .scalable, attributes: .execute, only: [.untranslatedWithPASID], outlivesRepair: true),
    .init(id: "SPT.6", mode: .scalable, attributes: .privileged, only: [.untranslatedWithPASID], outlivesRepair: true),
    .init(
      id: "SPT.6", note: "RID_PRIV", mode: .scalable, extended: SampleDataUnit.extended | 1 << 53 | 1 << 31, only: [.untranslated],
      outlivesRepair: true
    ) { $0.scalableContextEntry.requesterPrivileged = true },
  ]

  static let scalableTranslation: [FaultScenario] = [
    .init(id: "SSS.1", mode: .scalable, only: untranslated + translation) { $0[3] = hole.rawValue | 3 },
    .init(id: "SSS.2", note: "leaf", mode: .scalable, only: untranslated) { $0[1] = ~3 },
    .init(id: "SSS.2", note: "table", mode: .scalable, access: .write, only: untranslated) { $0[3] = ~3 },
    .init(id: "SSS.2", note: "rights lost in the accumulation", mode: .scalable, only: untranslated) {
      $0[3] &= ~1
      $0[1] &= ~2
    },
    .init(id: "SSS.3", note: "table", mode: .scalable, only: untranslated + translation) { $0[2] |= 1 << 11 },
    .init(id: "SSS.3", note: "leaf", mode: .scalable, only: untranslated + translation) { $0[1] |= 1 << 50 },
    .init(id: "SSS.4", mode: .scalable, only: untranslated + translation, outlivesRepair: true) {
      $0.changePASIDEntries { $0.secondStageTable = hole }
    },
    .init(id: "SSS.5", mode: .scalable, only: untranslated + translation, outlivesRepair: true) {
      $0.changePASIDEntries { entry in
        entry.secondStageAccessedDirty = true
        entry.pageWalkSnoop = false
      }
    },
    .init(id: "SGN.4.1", mode: .scalable, address: beyondHost, outlivesRepair: true),
    .init(id: "SGN.4.2", mode: .scalable, address: beyondHost, only: untranslated, outlivesRepair: true) {
      $0.changePASIDEntries { $0.stagesCode = PASIDTranslationType.passThrough.rawValue }
    },
    .init(id: "SGN.5", note: "MGAW", mode: .scalable, address: IOVirtualAddress(1 << 48), only: untranslated, outlivesRepair: true),
    .init(id: "SGN.5", note: "AW", mode: .scalable, address: IOVirtualAddress(1 << 39), only: untranslated, outlivesRepair: true) {
      $0.changePASIDEntries { $0.width = 1 }
    },
    .init(id: "SGN.6", mode: .scalable, access: .write) { $0[1] &= ~2 },
    .init(id: "SGN.6", note: "lost above, AtomicOp", mode: .scalable, access: .atomic) { $0[4] &= ~2 },
    .init(id: "SGN.7", mode: .scalable) { $0[1] &= ~1 },
    .init(id: "SGN.7", note: "AtomicOp", mode: .scalable, access: .atomic) { $0[2] &= ~1 },
    .init(id: "SGN.8.1", mode: .scalable, only: untranslated) { $0[1] = 0xFEEF_F003 },
    .init(id: "SGN.8.1", note: "pass-through", mode: .scalable, address: interrupts, only: [.untranslatedWithPASID], outlivesRepair: true) {
      $0.changePASIDEntries { $0.stagesCode = PASIDTranslationType.passThrough.rawValue }
    },
    .init(id: "SGN.8.2", mode: .scalable) { $0[1] = 0xFEEF_F003 },
    .init(id: "SGN.8.3", mode: .scalable, address: interrupts, outlivesRepair: true),
    .init(id: "SSS.6", mode: .scalable, outlivesRepair: true) {
      $0[2] = $0.moveTable(ofSecond: 1).rawValue | 3
      $0.changePASIDEntries { $0.secondStageAccessedDirty = true }
    },
  ]

  static let untranslated: [RequestKind] = [.untranslated, .untranslatedWithPASID]
  static let translation: [RequestKind] = [.translation, .translationWithPASID]
}
