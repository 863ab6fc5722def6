import Hardware
import PageTables
import Translation
import VTdArchitecture

/// Scalable mode: root table, context table, PASID directory and table, then the stages that the PASID entry names
/// (VT-d rev 5.10 section 3.4.3).
extension RequestContextResolver {
  mutating func resolveScalable(
    _ request: TranslationRequest, at time: inout SimTime, through port: UnsafeMutablePointer<MemoryPort>
  ) -> Resolution {
    let context: ScalableContextEntry
    if let words = caches.context(of: request.requester, at: &time) {
      context = ScalableContextEntry(words: words)
    } else {
      switch readScalableContext(request, at: &time, through: port) {
      case .success(let read): context = read
      case .failure(let fault): return .fault(fault.fault)
      }
    }
    var reports = !context.faultProcessingDisabled
    if let reason = requestFault(request, context) { return .fault(fault(reason, reported: reports)) }
    if request.kind == .translated {
      if let reason = passThroughFault(request, beyondWidth: .scalableBeyondHostWidth, interruptRange: .scalableInterruptRange) {
        return .fault(fault(reason, reported: reports))
      }
      return .context(TranslationContext(stages: .passThrough, domain: 0, addressSpace: 0, reportsFaults: reports))
    }
    let pasid = request.pasid ?? (identity.extended.requesterPASID ? context.requesterPASID : PASID(0))
    let cached: ConfigurationCaches.PASIDEntry
    if let found = caches.pasidEntry(pasid, of: request.requester, at: &time) {
      cached = found
    } else {
      switch readPASIDEntry(pasid, context, of: request.requester, at: &time, through: port) {
      case .success(let read): cached = read
      case .failure(let fault): return .fault(fault.fault)
      }
    }
    let entry = PASIDTableEntry(words: cached.words)
    reports = reports && cached.reportsFaults
    if let reason = privilegeFault(request, context, entry) { return .fault(fault(reason, reported: reports)) }
    return translation(request, entry, pasid, reports: reports)
  }

  // The checks of a context entry against the request, in the order of VT-d rev 5.10 table 30.
  private func requestFault(_ request: TranslationRequest, _ context: ScalableContextEntry) -> FaultReason? {
    if request.kind != .untranslated, !context.deviceTLBEnabled { return .deviceTLBNotEnabled }
    guard let pasid = request.pasid else { return nil }
    guard context.pasidEnabled else { return .pasidNotEnabled }
    if UInt64(pasid.rawValue) >> UInt64(identity.extended.pasidWidth) != 0 { return .pasidBeyondWidth }
    if pasid.rawValue >= context.pasidLimit { return .pasidBeyondDirectory }
    let requesterPASID = context.requesterPASID
    if identity.extended.requesterPASID ? pasid == requesterPASID : refusesPASIDZero && pasid == PASID(0) {
      return .pasidEqualsRequesterPASID
    }
    return nil
  }

  private func privilegeFault(
    _ request: TranslationRequest, _ context: ScalableContextEntry, _ entry: PASIDTableEntry
  ) -> FaultReason? {
    let byPASID = request.pasid != nil
    if byPASID, request.attributes.contains(.execute) { return .executeRequest }
    let privileged =
      byPASID
      ? request.attributes.contains(.privileged) : identity.extended.requesterPrivilege && context.requesterPrivileged
    return privileged && !entry.supervisorRequests ? .supervisorRequest : nil
  }

  private func translation(
    _ request: TranslationRequest, _ entry: PASIDTableEntry, _ pasid: PASID, reports: Bool
  ) -> Resolution {
    let domain = UInt32(entry.domain.rawValue)
    switch entry.stages {
    case .passThrough:
      if let reason = passThroughFault(request, beyondWidth: .scalableBeyondHostWidth, interruptRange: .scalableInterruptRange) {
        return .fault(fault(reason, reported: reports))
      }
      return .context(
        TranslationContext(
          stages: .passThrough, domain: domain, addressSpace: pasid.rawValue, reportsFaults: reports, forcesSnoop: entry.pageSnoop))
    case .secondStage:
      if isBeyondSecondStage(request.address, width: entry.width) { return .fault(fault(.secondStageBeyondWidth, reported: reports)) }
      let format = secondStage(
        width: entry.width, accessedDirty: entry.secondStageAccessedDirty, coherent: entry.pageWalkSnoop)
      return .context(
        TranslationContext(
          stages: .second, domain: domain, addressSpace: pasid.rawValue, secondStage: format,
          secondStageRoot: entry.secondStageTable, reportsFaults: reports, forcesSnoop: entry.pageSnoop))
    case .firstStage, .nested, nil:
      return .fault(fault(.pasidEntryInvalid, reported: reports))
    }
  }

  private mutating func readScalableContext(
    _ request: TranslationRequest, at time: inout SimTime, through port: UnsafeMutablePointer<MemoryPort>
  ) -> Result<ScalableContextEntry, StructureFault> {
    let rootPlace = root.advanced(by: UInt64(request.requester.bus) * ScalableRootEntry.byteCount)
    guard let rootWords = fetch(SIMD2<UInt64>.self, at: rootPlace, time: &time, through: port) else {
      return stop(.scalableRootAccess)
    }
    let half = ScalableRootEntry(words: rootWords)[request.requester.deviceFunction]
    if let reason = rules.fault(in: half) { return stop(reason) }
    let index = UInt64(request.requester.deviceFunction & 0x7F)
    let place = half.contextTable.advanced(by: index * ScalableContextEntry.byteCount)
    guard let words = fetch(SIMD4<UInt64>.self, at: place, time: &time, through: port) else { return stop(.scalableContextAccess) }
    let entry = ScalableContextEntry(words: words)
    if let reason = rules.fault(in: entry) { return stop(reason, reported: !entry.faultProcessingDisabled) }
    caches.insert(context: words, domain: nil, of: request.requester, ready: time)
    return .success(entry)
  }

  private mutating func readPASIDEntry(
    _ pasid: PASID, _ context: ScalableContextEntry, of requester: RequesterID, at time: inout SimTime,
    through port: UnsafeMutablePointer<MemoryPort>
  ) -> Result<ConfigurationCaches.PASIDEntry, StructureFault> {
    var reports = !context.faultProcessingDisabled
    let directoryPlace = context.directory.advanced(by: PASIDDirectoryEntry.index(of: pasid) * PASIDDirectoryEntry.byteCount)
    guard let directoryWord = fetchWord(at: directoryPlace, time: &time, through: port) else { return stop(.directoryAccess) }
    let directory = PASIDDirectoryEntry(rawValue: directoryWord)
    reports = reports && !directory.faultProcessingDisabled
    if let reason = rules.fault(in: directory) { return stop(reason, reported: reports) }
    let place = directory.table.advanced(by: PASIDTableEntry.index(of: pasid) * PASIDTableEntry.byteCount)
    guard let words = fetch(SIMD8<UInt64>.self, at: place, time: &time, through: port) else { return stop(.pasidEntryAccess) }
    let entry = PASIDTableEntry(words: words)
    reports = reports && !entry.faultProcessingDisabled
    if let reason = rules.fault(in: entry) { return stop(reason, reported: reports) }
    // The context's own FPD comes from the context cache on every use.
    let cached = ConfigurationCaches.PASIDEntry(
      words: words, ready: time, domain: entry.domain,
      reportsFaults: !directory.faultProcessingDisabled && !entry.faultProcessingDisabled)
    caches.insert(cached, pasid, of: requester)
    return .success(cached)
  }

  private func fetchWord(
    at address: PhysicalAddress, time: inout SimTime, through port: UnsafeMutablePointer<MemoryPort>
  ) -> UInt64? {
    time = port.pointee.read(at: time)
    guard address.rawValue >> UInt64(identity.hostAddressWidth) == 0 else { return nil }
    return memory.read64(address)
  }

  func scalableReason(_ status: WalkStatus, isTopEntry: Bool, rights: AccessRights, request: TranslationRequest) -> FaultReason {
    switch status {
    case .accessError: isTopEntry ? .secondStageTopAccess : .secondStageAccess
    case .notPresent, .noRights: .secondStageNotPresent
    case .malformed: .secondStageReserved
    case .forbiddenOutput: .scalableInterruptRange
    case .updateNotCoherent: .secondStageUpdateNotSnooped
    case .updateFailed: .secondStageUpdateFailed
    case .permission, .translated: lacksWrite(rights, request) ? .scalableNoWrite : .scalableNoRead
    }
  }
}
