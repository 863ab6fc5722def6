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
    if let cached = caches.context(of: request.requester, at: &time) {
      context = ScalableContextEntry(words: cached.pointee.words)
    } else {
      switch readScalableContext(request, at: &time, through: port) {
      case .success(let read): context = read
      case .failure(let fault): return .fault(fault.fault)
      }
    }
    let reports = !context.faultProcessingDisabled
    if let reason = requestFault(request, context) { return .fault(fault(reason, reported: reports)) }
    if request.kind == .translated {
      if let reason = passThroughFault(request, beyondWidth: .scalableBeyondHostWidth, interruptRange: .scalableInterruptRange) {
        return .fault(fault(reason, reported: reports))
      }
      return resolved(TranslationContext(stages: .passThrough, domain: 0, addressSpace: 0, reportsFaults: reports))
    }
    let pasid = request.pasid ?? (usesRequesterPASID ? context.requesterPASID : PASID(0))
    guard let entry = caches.pasidEntry(pasid, of: request.requester, at: &time) else {
      switch readPASIDEntry(pasid, context, for: request, at: &time, through: port) {
      case .success(var read): return translation(request, context, &read)
      case .failure(let fault): return .fault(fault.fault)
      }
    }
    return translation(request, context, entry)
  }

  // The checks of a context entry against the request, in the order of VT-d rev 5.10 table 30.
  @inline(__always) private mutating func requestFault(_ request: TranslationRequest, _ context: ScalableContextEntry) -> FaultReason? {
    if request.kind != .untranslated, !context.deviceTLBEnabled { return .deviceTLBNotEnabled }
    guard let pasid = request.pasid else { return nil }
    if request.kind == .translated {
      guard context.pasidInTranslatedRequests else { return .translatedPASIDNotEnabled }
    } else {
      guard context.pasidEnabled else { return .pasidNotEnabled }
    }
    if UInt64(pasid.rawValue) >> pasidWidth != 0 { return .pasidBeyondWidth }
    if pasid.rawValue >= context.pasidLimit { return .pasidBeyondDirectory }
    let requesterPASID = context.requesterPASID
    if usesRequesterPASID ? pasid == requesterPASID : refusesPASIDZero && pasid == PASID(0) {
      return .pasidEqualsRequesterPASID
    }
    return nil
  }

  // What a request meets at its PASID entry.
  @inline(__always) private mutating func translation(
    _ request: TranslationRequest, _ context: ScalableContextEntry, _ entry: UnsafePointer<ConfigurationCaches.PASIDEntry>
  ) -> Resolution {
    recentInputWidth = entry.pointee.inputWidth
    var translation = entry.pointee.translation
    if context.faultProcessingDisabled { translation.reportsFaults = false }
    translation.forcesPrivilege = makesPrivileged(request, context)
    let reason = privilegeFault(
      request, context, allowsSupervisor: entry.pointee.allowsSupervisor, allowsExecution: entry.pointee.allowsExecution)
    if let reason {
      return .fault(fault(reason, reported: translation.reportsFaults))
    }
    if request.isInterruptTranslation { return interruptTranslation() }
    let above = request.address.rawValue >> entry.pointee.inputWidth
    if above != 0 {
      switch translation.stages {
      case .passThrough: return .fault(fault(.scalableBeyondHostWidth, reported: translation.reportsFaults))
      case .second: return .fault(fault(.secondStageBeyondWidth, reported: translation.reportsFaults))
      case .first, .nested:
        guard above == .max >> entry.pointee.inputWidth else {
          return .fault(fault(.notCanonical, reported: translation.reportsFaults))
        }
      }
    }
    // Translation requests to it are answered, not refused (conditions S.1 to S.3 of table 30).
    if translation.stages == .passThrough, InterruptAddressRange.contains(request.address), request.kind == .untranslated {
      return .fault(fault(.scalableInterruptRange, reported: translation.reportsFaults))
    }
    return resolved(translation)
  }

  @inline(__always) private mutating func privilegeFault(
    _ request: TranslationRequest, _ context: ScalableContextEntry, allowsSupervisor: Bool, allowsExecution: Bool
  ) -> FaultReason? {
    if request.executes, !allowsExecution { return .executeRequest }
    return !allowsSupervisor && (request.isPrivileged || makesPrivileged(request, context)) ? .supervisorRequest : nil
  }

  // RID_PRIV: a request without PASID is privileged because its requester is.
  @inline(__always) private mutating func makesPrivileged(_ request: TranslationRequest, _ context: ScalableContextEntry) -> Bool {
    request.pasid == nil && usesRequesterPrivilege && context.requesterPrivileged
  }

  // The translation that a valid PASID entry asks for.
  private mutating func decode(
    _ entry: PASIDTableEntry, _ stages: PASIDTranslationType, _ pasid: PASID, reports: Bool, ready: SimTime
  ) -> ConfigurationCaches.PASIDEntry {
    let contextStages: ContextStages =
      switch stages {
      case .firstStage: .first
      case .secondStage: .second
      case .nested: .nested
      case .passThrough: .passThrough
      }
    var translation = TranslationContext(
      stages: contextStages, domain: UInt32(entry.domain.rawValue), addressSpace: pasid.rawValue, reportsFaults: reports,
      forcesSnoop: entry.pageSnoop)
    var width = hostAddressWidth
    if stages == .secondStage || stages == .nested {
      width = inputWidth(secondStageWidth: entry.width)
      translation.secondStage = formats.pointer.pointee.secondStage(entry)
      translation.secondStageRoot = entry.secondStageTable
      translation.guestAddressWidth = UInt8(truncatingIfNeeded: width)
      translation.secondStageKeepsFlags = entry.secondStageAccessedDirty
      translation.nestedRules = nestedRules
    }
    if stages == .firstStage || stages == .nested {
      // Bits from the highest that is translated up are all alike.
      width = entry.firstStageMode == 1 ? 56 : 47
      translation.firstStage = formats.pointer.pointee.firstStage(entry, servesExecuteRequests: servesExecuteRequests)
      translation.firstStageRoot = entry.firstStageTable
    }
    return ConfigurationCaches.PASIDEntry(
      translation: translation, inputWidth: width, ready: ready, domain: entry.domain, allowsSupervisor: entry.supervisorRequests,
      allowsExecution: servesExecuteRequests && entry.executeRequests)
  }

  @inline(never) mutating func readScalableContext(
    _ request: TranslationRequest, at time: inout SimTime, through port: UnsafeMutablePointer<MemoryPort>
  ) -> Result<ScalableContextEntry, StructureFault> {
    let rootPlace = root.advanced(by: UInt64(request.requester.bus) * ScalableRootEntry.byteCount)
    guard let rootWords = fetch(SIMD2<UInt64>.self, at: rootPlace, time: &time, through: port) else {
      return stop(.scalableRootAccess)
    }
    let rootEntry = ScalableRootEntry(words: rootWords)
    let half = rootEntry[request.requester.deviceFunction]
    if let reason = rules.pointer.pointee.fault(in: half) { return stop(reason) }
    if checksBothRootHalves, rules.pointer.pointee.fault(in: rootEntry[request.requester.deviceFunction ^ 0x80]) == .scalableRootReserved {
      return stop(.scalableRootReserved)
    }
    let index = UInt64(request.requester.deviceFunction & 0x7F)
    let place = half.contextTable.advanced(by: index * ScalableContextEntry.byteCount)
    guard let words = fetch(SIMD4<UInt64>.self, at: place, time: &time, through: port) else { return stop(.scalableContextAccess) }
    let entry = ScalableContextEntry(words: words)
    if let reason = rules.pointer.pointee.fault(in: entry) {
      return stop(requestFaultBefore(reason, request, entry) ?? reason, reported: !entry.faultProcessingDisabled)
    }
    caches.insert(context: words, domain: nil, of: request.requester, ready: time)
    return .success(entry)
  }

  // A request that may not carry its PASID meets that before EPTR contradicts PASIDE (VT-d rev 5.10 table 30, SCT.4.3).
  private mutating func requestFaultBefore(
    _ reason: FaultReason, _ request: TranslationRequest, _ entry: ScalableContextEntry
  ) -> FaultReason? {
    guard reason == .scalableContextInvalid, request.pasid != nil, request.kind != .translated, !entry.pasidEnabled else { return nil }
    var other = entry
    other.pasidInTranslatedRequests = false
    return rules.pointer.pointee.fault(in: other) == nil ? requestFault(request, other) : nil
  }

  @inline(never) mutating func readPASIDEntry(
    _ pasid: PASID, _ context: ScalableContextEntry, for request: TranslationRequest, at time: inout SimTime,
    through port: UnsafeMutablePointer<MemoryPort>
  ) -> Result<ConfigurationCaches.PASIDEntry, StructureFault> {
    var reports = !context.faultProcessingDisabled
    let directoryPlace = context.directory.advanced(by: PASIDDirectoryEntry.index(of: pasid) * PASIDDirectoryEntry.byteCount)
    guard let directoryWord = fetchWord(at: directoryPlace, time: &time, through: port) else { return stop(.directoryAccess) }
    let directory = PASIDDirectoryEntry(rawValue: directoryWord)
    reports = reports && !directory.faultProcessingDisabled
    if let reason = rules.pointer.pointee.fault(in: directory) { return stop(reason, reported: reports) }
    let place = directory.table.advanced(by: PASIDTableEntry.index(of: pasid) * PASIDTableEntry.byteCount)
    guard let words = fetch(SIMD8<UInt64>.self, at: place, time: &time, through: port) else { return stop(.pasidEntryAccess) }
    let entry = PASIDTableEntry(words: words)
    reports = reports && !entry.faultProcessingDisabled
    if let reason = rules.pointer.pointee.fault(in: entry) {
      let privilege = privilegeFault(
        request, context, allowsSupervisor: entry.supervisorRequests, allowsExecution: servesExecuteRequests && entry.executeRequests)
      return stop(reason == .pasidEntryInvalid && requestFaultsBeforeEntryType ? privilege ?? reason : reason, reported: reports)
    }
    // The context's own FPD comes from the context cache on every use.
    let reportsBelow = !directory.faultProcessingDisabled && !entry.faultProcessingDisabled
    guard let stages = entry.stages else { return stop(.pasidEntryInvalid, reported: reports) }
    let decoded = decode(entry, stages, pasid, reports: reportsBelow, ready: time)
    caches.insert(decoded, pasid, of: request.requester)
    return .success(decoded)
  }

  private mutating func fetchWord(
    at address: PhysicalAddress, time: inout SimTime, through port: UnsafeMutablePointer<MemoryPort>
  ) -> UInt64? {
    time = port.pointee.read(at: time)
    guard address.rawValue >> hostAddressWidth == 0 else { return nil }
    return memory.read64(address)
  }
}
