import Hardware
import PageTables
import Translation
import VTdArchitecture

/// The page-table formats of a unit: one for every combination of what context and PASID entries choose, made once so that contexts can point
/// to them.
struct StageFormats: ~Copyable {
  // For each AW from 1: without flags, with flags and coherent walks, with flags and walks that are not coherent.
  private let second: UnsafeMutablePointer<VTdSecondStage>
  // By FSPM, WPE, EAFE, PWSNP, NXE and SMEP, a bit each.
  private let first: UnsafeMutablePointer<X86FirstStage>
  private let storage = OwnedStorage()

  init(_ identity: UnitIdentity, choices: ImplementationChoices) {
    let hostAddressWidth = UInt8(clamping: identity.hostAddressWidth)
    let secondFeatures = VTdSecondStage.Features(
      hostAddressWidth: hostAddressWidth, pages2M: identity.capabilities.secondStage2M, pages1G: identity.capabilities.secondStage1G,
      snoopControl: identity.extended.snoopControl,
      transientMapping: choices.transientMapping && choices.revision == .revision3 && identity.extended.deviceTLB,
      checksRightsAtEveryLevel: choices.secondStagePermissionCheck == .atEachLevel,
      checksOutputBeforeRights: choices.interruptRangeBeforePermission,
      marksRefusingLeaves: choices.speculativeAccess == .allEntries)
    second = storage.array(uninitialized: 9)
    for width in 0..<3 {
      for flags in 0..<3 {
        (second + width * 3 + flags).initialize(
          to: VTdSecondStage(
            levels: UInt8(width) + 3, features: secondFeatures, accessedDirty: flags > 0,
            coherent: flags < 2 || choices.updatesFlagsWithoutSnoop))
      }
    }
    let firstFeatures = X86FirstStage.Features(
      hostAddressWidth: hostAddressWidth, pages1G: identity.capabilities.firstStage1G,
      checksRightsAtEveryLevel: !choices.firstStageReservedBeforePermission,
      checksOutputBeforeRights: choices.interruptRangeBeforePermission,
      marksRefusingLeaves: choices.speculativeAccess == .allEntries)
    first = storage.array(uninitialized: 64)
    for index in 0..<64 {
      var rules: X86FirstStage.ExecuteRules = []
      if index & 16 != 0 { rules.insert(.noExecute) }
      if index & 32 != 0 { rules.insert(.supervisorMode) }
      (first + index).initialize(
        to: X86FirstStage(
          levels: index & 1 == 0 ? 4 : 5, features: firstFeatures, extendedAccessed: index & 4 != 0, writeProtect: index & 2 != 0,
          executeRules: rules, coherent: index & 8 != 0 || choices.updatesFlagsWithoutSnoop))
    }
  }

  /// The second stage of the given AW (1 to 3).
  func secondStage(width: UInt8, accessedDirty: Bool = false, coherent: Bool = true) -> SecondStage {
    let flags = accessedDirty ? (coherent ? 1 : 2) : 0
    return .vtd(UnsafePointer(second + (Int(min(max(width, 1), 3)) - 1) * 3 + flags))
  }

  /// The second stage that a PASID entry chooses.
  func secondStage(_ entry: PASIDTableEntry) -> SecondStage {
    secondStage(width: entry.width, accessedDirty: entry.secondStageAccessedDirty, coherent: entry.pageWalkSnoop)
  }

  /// The first stage that a PASID entry chooses; NXE and SMEP count only where requests to execute are served.
  func firstStage(_ entry: PASIDTableEntry, servesExecuteRequests: Bool) -> FirstStage {
    var index = entry.firstStageMode == 1 ? 1 : 0
    if entry.writeProtect { index |= 2 }
    if entry.extendedAccessed { index |= 4 }
    if entry.pageWalkSnoop { index |= 8 }
    if servesExecuteRequests, entry.noExecute { index |= 16 }
    if servesExecuteRequests, entry.supervisorExecutionPrevention { index |= 32 }
    return .x86(UnsafePointer(first + index))
  }
}
