import Hardware
import PageTables
import Translation
import VTdArchitecture

/// What walks that found no translation are called (VT-d rev 5.10 table 30).
extension RequestContextResolver {
  mutating func fault(_ failure: WalkFailure, stages: ContextStages, request: TranslationRequest) -> UInt16 {
    UInt16(reason(failure, request).rawValue)
  }

  private mutating func reason(_ failure: WalkFailure, _ request: TranslationRequest) -> FaultReason {
    guard case .scalable = mode else { return legacyReason(failure, request) }
    switch failure.stage {
    case .first: return firstStageReason(failure, request)
    case .second: return secondStageReason(failure, request)
    case .secondForTable: return tableReason(failure, request)
    }
  }

  private mutating func legacyReason(_ failure: WalkFailure, _ request: TranslationRequest) -> FaultReason {
    switch failure.status {
    case .accessError: failure.isTopEntry ? .contextInvalid : .tableAccess
    case .malformed: .tableReserved
    case .forbiddenOutput: .interruptRange
    case .notPresent, .noRights: lacksWrite([], request) ? .noWrite : .noRead
    default: lacksWrite(failure.rights, request) ? .noWrite : .noRead
    }
  }

  private mutating func firstStageReason(_ failure: WalkFailure, _ request: TranslationRequest) -> FaultReason {
    switch failure.status {
    case .accessError: failure.isTopEntry ? .firstStageTopAccess : .firstStageAccess
    case .notPresent: .firstStageNotPresent
    case .malformed: .firstStageReserved
    case .tableBeyondSecondStage: .firstStageBeyondWidth
    case .forbiddenOutput: .scalableInterruptRange
    case .updateNotCoherent: .firstStageUpdateNotSnooped
    case .updateFailed: .firstStageUpdateFailed
    default: permissionReason(failure.rights, request)
    }
  }

  private mutating func secondStageReason(_ failure: WalkFailure, _ request: TranslationRequest) -> FaultReason {
    switch failure.status {
    case .accessError: failure.isTopEntry ? .secondStageTopAccess : .secondStageAccess
    case .notPresent, .noRights: .secondStageNotPresent
    case .malformed: .secondStageReserved
    case .forbiddenOutput: .scalableInterruptRange
    case .updateNotCoherent: .secondStageUpdateNotSnooped
    case .updateFailed: .secondStageUpdateFailed
    default: permissionReason(failure.rights, request)
    }
  }

  // The second stage on the way to a first-stage table.
  private mutating func tableReason(_ failure: WalkFailure, _ request: TranslationRequest) -> FaultReason {
    switch failure.status {
    case .tableNotReadable: failure.isTopEntry ? .firstStageTopNotReadable : .firstStageNotReadable
    case .tableNotWritable: .firstStageNotWritable
    default: secondStageReason(failure, request)
    }
  }

  // A first stage that lets a request in lets it read: where privileged requests may read, what others lack is U/S. Where they may not either,
  // it is the second stage that refuses.
  private mutating func permissionReason(_ rights: AccessRights, _ request: TranslationRequest) -> FaultReason {
    let granted = rights.permissions(privileged: request.isPrivileged)
    if granted.isDisjoint(with: .readWrite), rights.contains(.privilegedRead) { return .supervisorPage }
    if lacksWrite(rights, request) { return .scalableNoWrite }
    return request.executes && granted.contains(.read) ? .noExecute : .scalableNoRead
  }

  /// Whether it is the write permission whose lack is reported; an AtomicOp may lack both.
  private mutating func lacksWrite(_ rights: AccessRights, _ request: TranslationRequest) -> Bool {
    let granted = rights.permissions(privileged: request.isPrivileged)
    if request.access == .atomic, !atomicReportsWriteFirst, !granted.contains(.read) { return false }
    return request.access.writes && !granted.contains(.write)
  }
}
