import Hardware
import Translation
import VTdArchitecture

@testable import VTd

extension FaultScenario {
  /// Faults of a first stage alone.
  static let firstStage: [FaultScenario] = [
    .init(id: "SFS.1", mode: .scalable, stages: .firstStage, only: untranslated) { $0[first: 3] = hole.rawValue | 7 },
    .init(id: "SFS.1", note: "last level", mode: .scalable, stages: .firstStage, only: untranslated) { $0[first: 2] = hole.rawValue | 7 },
    .init(id: "SFS.2", mode: .scalable, stages: .firstStage, only: untranslated) { $0[first: 1] = ~1 },
    .init(id: "SFS.2", note: "table", mode: .scalable, stages: .firstStage, access: .write, only: untranslated) { $0[first: 4] = 0 },
    .init(id: "SFS.3", note: "address width", mode: .scalable, stages: .firstStage, only: untranslated) { $0[first: 1] |= 1 << 46 },
    .init(id: "SFS.3", note: "PS at level 4", mode: .scalable, stages: .firstStage, only: untranslated) { $0[first: 4] |= 1 << 7 },
    .init(id: "SFS.3", note: "1 GiB page", mode: .scalable, stages: .firstStage, only: untranslated) { $0[first: 3] = 0x4000_0087 },
    .init(id: "SFS.3", note: "misplaced 2 MiB page", mode: .scalable, stages: .firstStage, only: untranslated) {
      $0[first: 2] = 0x4000_2087
    },
    .init(id: "SFS.4", mode: .scalable, stages: .firstStage, only: untranslated, outlivesRepair: true) {
      $0.changePASIDEntries { $0.firstStageTable = GuestPhysicalAddress(hole.rawValue) }
    },
    .init(id: "SFS.9", mode: .scalable, stages: .firstStage, only: untranslated, outlivesRepair: true) {
      $0.changePASIDEntries { $0.pageWalkSnoop = false }
    },
    .init(id: "SFS.9", note: "dirty", mode: .scalable, stages: .firstStage, access: .write, only: untranslated, outlivesRepair: true) {
      machine in
      for level in 1...4 as ClosedRange<UInt8> { machine[first: level] |= 1 << 5 }
      machine.changePASIDEntries { $0.pageWalkSnoop = false }
    },
    .init(id: "SFS.10", mode: .scalable, stages: .firstStage) { $0[first: 2] = $0.moveTable(ofFirst: 1).rawValue | 7 },
    .init(id: "SGN.1", mode: .scalable, stages: .firstStage, address: IOVirtualAddress(1 << 47), only: untranslated, outlivesRepair: true),
    .init(
      id: "SGN.1", note: "bit 63", mode: .scalable, stages: .firstStage,
      address: IOVirtualAddress(MachineUnderTest.page.rawValue | 1 << 63), only: untranslated, outlivesRepair: true),
    .init(id: "SGN.2", mode: .scalable, stages: .firstStage, only: untranslated) { $0[first: 1] &= ~4 },
    .init(id: "SGN.2", note: "lost above", mode: .scalable, stages: .firstStage, access: .write, only: untranslated) {
      $0[first: 3] &= ~4
      $0[first: 2] &= ~2
    },
    .init(id: "SGN.6", note: "first stage", mode: .scalable, stages: .firstStage, access: .write) { $0[first: 1] &= ~2 },
    .init(id: "SGN.6", note: "first stage, AtomicOp, lost above", mode: .scalable, stages: .firstStage, access: .atomic) {
      $0[first: 4] &= ~2
    },
    .init(
      id: "SGN.6", note: "supervisor with WPE", mode: .scalable, stages: .firstStage, extended: SampleDataUnit.supervisor,
      access: .write, attributes: .privileged, only: [.untranslatedWithPASID]
    ) { machine in
      machine[first: 1] &= ~2
      machine.changePASIDEntries { entry in
        entry.supervisorRequests = true
        entry.writeProtect = true
      }
    },
    .init(
      id: "SGN.6", note: "RID_PRIV with WPE", mode: .scalable, stages: .firstStage, extended: SampleDataUnit.supervisor,
      access: .write, only: [.untranslated]
    ) { machine in
      machine[first: 1] &= ~6
      machine.scalableContextEntry.requesterPrivileged = true
      machine.changePASIDEntries { entry in
        entry.supervisorRequests = true
        entry.writeProtect = true
      }
    },
    .init(id: "SGN.8.1", note: "first stage", mode: .scalable, stages: .firstStage, only: untranslated) { $0[first: 1] = 0xFEE1_0007 },
    .init(id: "SGN.8.2", note: "first stage", mode: .scalable, stages: .firstStage) { $0[first: 1] = 0xFEE1_0007 },
    .init(
      id: "SPT.6", note: "first stage", mode: .scalable, stages: .firstStage, attributes: .privileged, only: [.untranslatedWithPASID],
      outlivesRepair: true),
  ]

  /// Faults of nested stages: of the first, of the second on the way to its tables, and of the second for the page.
  static let nested: [FaultScenario] = [
    .init(id: "SFS.1", note: "nested", mode: .scalable, stages: .nested, only: untranslated) { $0[table: 2, 1] = hole.rawValue | 3 },
    .init(id: "SFS.2", note: "nested", mode: .scalable, stages: .nested, only: untranslated) { $0[first: 2] &= ~1 },
    .init(id: "SFS.3", note: "nested", mode: .scalable, stages: .nested, only: untranslated) { $0[first: 1] |= 1 << 46 },
    .init(id: "SFS.4", note: "nested", mode: .scalable, stages: .nested, only: untranslated) { $0[table: 4, 1] = hole.rawValue | 3 },
    .init(id: "SFS.5", note: "leaf", mode: .scalable, stages: .nested, only: untranslated, outlivesRepair: true) {
      $0.narrowSecondStage()
      $0[first: 1] = 1 << 39 | 7
    },
    .init(id: "SFS.5", note: "table", mode: .scalable, stages: .nested, only: untranslated, outlivesRepair: true) {
      $0.narrowSecondStage()
      $0[first: 3] = 1 << 45 | 7
    },
    .init(id: "SFS.6", mode: .scalable, stages: .nested, only: untranslated) { $0[table: 4, 1] &= ~1 },
    .init(id: "SFS.6", note: "SSADE without W", mode: .scalable, stages: .nested, only: untranslated, outlivesRepair: true) {
      $0[table: 4, 1] &= ~2
      $0.changePASIDEntries { $0.secondStageAccessedDirty = true }
    },
    .init(id: "SFS.7", mode: .scalable, stages: .nested, only: untranslated) { $0[table: 3, 1] &= ~1 },
    .init(id: "SFS.7", note: "last level", mode: .scalable, stages: .nested, access: .write, only: untranslated) { $0[table: 1, 1] &= ~1 },
    .init(id: "SFS.8", mode: .scalable, stages: .nested, only: untranslated) { $0[table: 4, 1] &= ~2 },
    .init(id: "SFS.8", note: "dirty", mode: .scalable, stages: .nested, access: .write, only: untranslated) { machine in
      for level in 1...4 as ClosedRange<UInt8> { machine[first: level] |= 1 << 5 }
      machine[table: 1, 1] &= ~2
    },
    .init(id: "SFS.9", note: "nested", mode: .scalable, stages: .nested, only: untranslated, outlivesRepair: true) {
      $0.changePASIDEntries { $0.pageWalkSnoop = false }
    },
    .init(id: "SFS.10", note: "nested", mode: .scalable, stages: .nested) { $0[table: 1, 1] = $0.moveTable(ofFirst: 1).rawValue | 3 },
    .init(id: "SSS.1", note: "for a table", mode: .scalable, stages: .nested, only: untranslated + translation) {
      $0[table: 3, 2] = hole.rawValue | 3
    },
    .init(id: "SSS.1", note: "for the page", mode: .scalable, stages: .nested, only: untranslated + translation) {
      $0[2] = hole.rawValue | 3
    },
    .init(id: "SSS.2", note: "for a table", mode: .scalable, stages: .nested, only: untranslated) { $0[table: 2, 1] = 0 },
    .init(id: "SSS.2", note: "for the page", mode: .scalable, stages: .nested, only: untranslated) { $0[1] = 0 },
    .init(id: "SSS.3", note: "for a table", mode: .scalable, stages: .nested, only: untranslated + translation) {
      $0[table: 4, 1] |= 1 << 62
    },
    .init(id: "SSS.3", note: "for the page", mode: .scalable, stages: .nested, only: untranslated + translation) { $0[1] |= 1 << 62 },
    .init(id: "SSS.4", note: "nested", mode: .scalable, stages: .nested, only: untranslated + translation, outlivesRepair: true) {
      $0.changePASIDEntries { $0.secondStageTable = hole }
    },
    .init(id: "SSS.5", note: "nested", mode: .scalable, stages: .nested, only: untranslated + translation, outlivesRepair: true) {
      $0.changePASIDEntries { entry in
        entry.secondStageAccessedDirty = true
        entry.pageWalkSnoop = false
      }
    },
    .init(
      id: "SGN.1", note: "nested", mode: .scalable, stages: .nested, address: IOVirtualAddress(1 << 47), only: untranslated,
      outlivesRepair: true),
    .init(id: "SGN.2", note: "nested", mode: .scalable, stages: .nested, only: untranslated) { $0[first: 2] &= ~4 },
    .init(id: "SGN.6", note: "nested, first stage", mode: .scalable, stages: .nested, access: .write) { $0[first: 2] &= ~2 },
    .init(id: "SGN.6", note: "nested, second stage", mode: .scalable, stages: .nested, access: .write) { $0[1] &= ~2 },
    .init(id: "SGN.7", note: "nested", mode: .scalable, stages: .nested) { $0[1] &= ~1 },
    .init(id: "SGN.8.1", note: "nested", mode: .scalable, stages: .nested, only: untranslated) { $0[1] = 0xFEE1_0003 },
    .init(id: "SGN.8.2", note: "nested", mode: .scalable, stages: .nested) { $0[1] = 0xFEE1_0003 },
  ]

  /// What only revision 3 or revision 5 has.
  static let laterRevision: [FaultScenario] = [
    .init(
      id: "SGN.3", note: "XD", mode: .scalable, stages: .firstStage, extended: SampleDataUnit.supervisor | 1 << 30, revision: .revision3,
      attributes: .execute, only: [.untranslatedWithPASID]
    ) { machine in
      machine[first: 1] |= 1 << 63
      machine.changePASIDEntries { entry in
        entry.executeRequests = true
        entry.noExecute = true
      }
    },
    .init(
      id: "SGN.3", note: "SMEP", mode: .scalable, stages: .firstStage, extended: SampleDataUnit.supervisor | 1 << 30, revision: .revision3,
      attributes: [.execute, .privileged], only: [.untranslatedWithPASID], outlivesRepair: true
    ) {
      $0.changePASIDEntries { entry in
        entry.executeRequests = true
        entry.supervisorRequests = true
        entry.supervisorExecutionPrevention = true
      }
    },
    .init(
      id: "SPT.5", note: "without ERE", mode: .scalable, stages: .firstStage, extended: SampleDataUnit.extended | 1 << 30,
      revision: .revision3, attributes: .execute, only: [.untranslatedWithPASID], outlivesRepair: true),
    .init(
      id: "RTA.1.4", mode: .legacy, extended: SampleDataUnit.extended | 1 << 57, revision: .revision5, outlivesRepair: true
    ) { $0.setRootTable($0.rootTable, mode: .legacy, ioRights: true) },
    .init(
      id: "RTA.5", mode: .scalable, extended: SampleDataUnit.revision5, revision: .revision5, majorVersion: 8, attributes: .execute,
      outlivesRepair: true),
    .init(id: "SCT.4.3", mode: .scalable, extended: SampleDataUnit.revision5, revision: .revision5) {
      $0.scalableContextEntry.pasidInTranslatedRequests = true
      $0.scalableContextEntry.pasidEnabled = false
    },
    .init(
      id: "SCT.6", note: "before EPTR", mode: .scalable, extended: SampleDataUnit.revision5, revision: .revision5, outlivesRepair: true
    ) {
      $0.scalableContextEntry.pasidInTranslatedRequests = true
      $0.scalableContextEntry.pasidEnabled = false
    },
    .init(id: "SCT.10", mode: .scalable, extended: SampleDataUnit.revision5, revision: .revision5, outlivesRepair: true),
    .init(
      id: "SCT.7", note: "translated", mode: .scalable, extended: SampleDataUnit.revision5, revision: .revision5, pasid: PASID(0x2000),
      only: [.translatedWithPASID], outlivesRepair: true
    ) { $0.scalableContextEntry.pasidInTranslatedRequests = true },
    .init(
      id: "SCT.9", note: "translated", mode: .scalable, extended: SampleDataUnit.revision5, revision: .revision5,
      pasid: MachineUnderTest.requesterPASID, only: [.translatedWithPASID], outlivesRepair: true
    ) { $0.scalableContextEntry.pasidInTranslatedRequests = true },
    .init(
      id: "SGN.10", note: "translated", mode: .scalable, extended: SampleDataUnit.revision5, revision: .revision5, pasid: PASID(0x8000),
      only: [.translatedWithPASID], outlivesRepair: true
    ) {
      $0.scalableContextEntry.pasidInTranslatedRequests = true
      $0.scalableContextEntry.directorySize = 7
    },
  ]
}

extension MachineUnderTest {
  /// Gives both PASID entries a second stage of 39 bits, which maps what the wider one does.
  func narrowSecondStage() {
    let table: PhysicalAddress = builder.format.nextTable(self[4], level: 4)
    changePASIDEntries { entry in
      entry.width = 1
      entry.secondStageTable = table
    }
  }
}
