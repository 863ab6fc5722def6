import Hardware
import PageTables
import Translation
import VTdArchitecture

/// VT-d's side of translation: from source-id and PASID to a translation context, with every check and fault on the way
/// (VT-d rev 5.10 sections 3.4 and 7.1).
struct RequestContextResolver: ContextResolver, ~Copyable {
  /// What the unit does with requests, by GSTS.TES and the latched RTADDR.
  enum Mode {
    /// Translation is off: untranslated requests pass.
    case disabled
    /// Legacy mode: root and context tables.
    case legacy
    /// Scalable mode: PASID directories and tables as well.
    case scalable
    /// Every request is refused for this reason.
    case refusing(FaultReason)
  }

  private(set) var mode = Mode.disabled
  /// Second-stage entries hold their rights in IR and IW (5.x).
  private(set) var usesIORights = false
  var root = PhysicalAddress(0)
  var caches: ConfigurationCaches
  let memory: MemoryView
  /// The request that was resolved last, as far as its sender goes.
  var recent = RecentResolution()
  /// Checked against whatever is read from memory; large, so kept apart from what every request needs.
  let rules: UniqueBox<EntryRules>
  // What every request needs of capabilities and choices.
  let hostAddressWidth: UInt64
  let pasidWidth: UInt64
  let usesRequesterPASID: Bool
  let usesRequesterPrivilege: Bool
  /// Whether a request with PASID 0 is refused in a unit without RID_PASID.
  let refusesPASIDZero: Bool
  let checksOutputBeforeRights: Bool
  let rewalksOnDenial: Bool
  let checksBothRootHalves: Bool
  let requestFaultsBeforeEntryType: Bool
  /// Whether translated requests may carry a PASID (5.x).
  let acceptsTranslatedPASIDs: Bool
  /// Whether execute requests are refused before any table is read (5.x).
  private let refusesExecuteRequests: Bool
  /// Whether execute requests are served where a PASID entry allows them (3.x).
  let servesExecuteRequests: Bool
  /// What nested walks do where the specification leaves it open.
  let nestedRules: NestedRules
  private let hitsRequesterEntries: Bool
  private let honoursNoWrite: Bool
  private let supportsIORights: Bool
  private let allowsZeroLengthReads: Bool
  private let supportsScalableMode: Bool
  private let supportsAbortDMA: Bool
  let atomicReportsWriteFirst: Bool
  private let interruptRangeFaultsWhileDisabled: Bool
  /// The bits of an address that the translation resolved last takes.
  var recentInputWidth: UInt64 = 0
  // The bits that a second stage of each AW from 1 translates.
  private let inputWidths: InlineArray<3, UInt64>
  let formats: UniqueBox<StageFormats>
  // How the last request that got so far is translated.
  let current: UnsafeMutablePointer<TranslationContext>
  private let storage = OwnedStorage()

  init(_ identity: UnitIdentity, choices: ImplementationChoices, parameters: TranslationParameters, memory: MemoryView) {
    self.memory = memory
    let entryRules = EntryRules(identity, options: choices.entries)
    self.rules = UniqueBox(entryRules)
    hostAddressWidth = UInt64(identity.hostAddressWidth)
    pasidWidth = UInt64(identity.extended.pasidWidth)
    usesRequesterPASID = identity.extended.requesterPASID
    usesRequesterPrivilege = identity.extended.requesterPrivilege
    refusesPASIDZero = choices.pasidZeroIsRequesterPASID
    checksOutputBeforeRights = choices.interruptRangeBeforePermission
    rewalksOnDenial = choices.rewalksOnDenial
    checksBothRootHalves = choices.checksBothRootHalves
    requestFaultsBeforeEntryType = choices.requestFaultsBeforeEntryType
    acceptsTranslatedPASIDs = choices.revision == .revision5 && identity.extended.pasidInTranslatedRequests
    refusesExecuteRequests = choices.revision == .revision5 && identity.version.major >= 8
    servesExecuteRequests = choices.revision == .revision3 && identity.extended.executeRequests
    var rules: NestedRules = choices.tableReadSetsDirty ? .tableReadsSetDirty : []
    if choices.tableWriteFault == .notWritable { rules.insert(.reportsUnwritableTables) }
    nestedRules = rules
    hitsRequesterEntries = choices.pasidRequestsHitRequesterEntries
    honoursNoWrite = identity.extended.noWriteFlag
    supportsIORights = choices.revision == .revision5 && identity.extended.secondStageIORights
    allowsZeroLengthReads = identity.capabilities.zeroLengthRead
    supportsScalableMode = identity.extended.scalableMode
    supportsAbortDMA = identity.extended.abortDMAMode
    atomicReportsWriteFirst = choices.atomicReportsWriteFirst
    interruptRangeFaultsWhileDisabled = choices.interruptRangeFaultsWhileDisabled
    inputWidths = InlineArray { UInt64(entryRules.inputWidth(secondStageWidth: UInt8($0) + 1)) }
    caches = ConfigurationCaches(parameters)
    formats = UniqueBox(StageFormats(identity, choices: choices))
    current = storage.array(1, of: TranslationContext(stages: .passThrough, domain: 0, addressSpace: 0))
  }

  /// Follows the control plane: GSTS.TES, and RTADDR as SRTP latched it.
  mutating func follow(_ state: TranslationState) {
    recent.isCached = false
    root = state.rootTable.table
    usesIORights = supportsIORights && state.rootTable.secondStageIORights
    guard state.isEnabled else {
      mode = .disabled
      return
    }
    switch state.mode {
    case .legacy: mode = .legacy
    case .scalable where supportsScalableMode: mode = .scalable
    case .abortDMA where supportsAbortDMA: mode = .refusing(.abortDMA)
    case .scalable, .abortDMA, .reserved: mode = .refusing(.tableModeInvalid)
    }
  }

  // MARK: Admission

  @inline(__always) mutating func admit(_ request: TranslationRequest) -> Admission {
    if request.checks == 0 {
      if request.pasid == nil, InterruptAddressRange.contains(request.address) { return admitInterrupt(request) }
    } else if let admission = admitSpecial(request) {
      return admission
    }
    switch mode {
    case .legacy:
      guard request.pasid == nil else { return .fault(fault(.pasidInLegacyMode, reported: true)) }
      if usesIORights { return .fault(fault(.tableModeInvalid, reported: true)) }
      return .translate(context: tag(request))
    case .scalable:
      if hitsRequesterEntries, usesRequesterPASIDEntries(request) { return .translate(context: tag(request, ofRequester: true)) }
      return .translate(context: tag(request))
    case .disabled:
      // Anything but an untranslated request is answered Unsupported Request, without a record.
      return request.kind == .untranslated ? .bypass : .fault(Self.unrecorded)
    case .refusing(let reason): return .fault(fault(reason, reported: true))
    }
  }

  // What a context allows depends on the kind of request, so that one kind is not served from what another was allowed.
  @inline(__always) private func tag(_ request: TranslationRequest, ofRequester: Bool = false) -> UInt64 {
    let pasid = ofRequester ? 0 : request.sender.pasidField &<< 16
    return UInt64(request.requester.rawValue & 0xFFFF) | pasid | request.checks &<< 37
  }

  // Answered Unsupported Request, without a record.
  private static var unrecorded: TranslationFault { TranslationFault(code: 0, isReported: false) }

  // What no table decides of requests that are more than plain accesses (VT-d rev 5.10 section 4.2.1).
  @inline(never) private mutating func admitSpecial(_ request: TranslationRequest) -> Admission? {
    switch request.kind {
    case .untranslated:
      if request.pasid == nil, InterruptAddressRange.contains(request.address) { return admitInterrupt(request) }
    case .translationRequest:
      guard request.access == .read else { return .fault(Self.unrecorded) }
    case .translated:
      // In legacy mode any PASID is a fault, in this mode no more than a violated protocol.
      if request.pasid != nil, !acceptsTranslatedPASIDs, !isLegacy { return .fault(Self.unrecorded) }
    }
    if case .disabled = mode { return nil }
    if request.executes, refusesExecuteRequests { return .fault(fault(.executeRequestUnsupported, reported: true)) }
    return nil
  }

  private var isLegacy: Bool { if case .legacy = mode { true } else { false } }

  @inline(never) private mutating func usesRequesterPASIDEntries(_ request: TranslationRequest) -> Bool {
    guard let pasid = request.pasid, usesRequesterPASID, let context = caches.peekContextEntry(of: request.requester) else { return false }
    return ScalableContextEntry(words: context.words).requesterPASID == pasid
  }

  // Requests without PASID to the interrupt range are never remapped, whatever the tables say (VT-d rev 5.10 section 3.15).
  @inline(never) private mutating func admitInterrupt(_ request: TranslationRequest) -> Admission {
    if request.access == .write, request.length == 4, request.address.isAligned(2) { return .interrupt }
    if request.access == .read, request.attributes.contains(.zeroLength) { return .bypass }
    if case .disabled = mode, !interruptRangeFaultsWhileDisabled { return .bypass }
    return .fault(fault(.interruptRangeRequest, reported: true))
  }

  // MARK: Resolution

  @inline(__always) mutating func resolve(
    _ request: TranslationRequest, at time: inout SimTime, through port: UnsafeMutablePointer<MemoryPort>
  ) -> Resolution {
    // The same sender again: what is cached has not changed, so that looking it up would find it, and would not reorder it either.
    if recent.isCached, request.isPlain(from: recent.sender), request.address.rawValue >> recent.inputWidth == 0, recent.ready <= time {
      time += caches.countRepeatedHits(byPASID: recent.usesPASIDCache)
      return .context(UnsafePointer(current))
    }
    return resolveAnew(request, at: &time, through: port)
  }

  @inline(never) private mutating func resolveAnew(
    _ request: TranslationRequest, at time: inout SimTime, through port: UnsafeMutablePointer<MemoryPort>
  ) -> Resolution {
    recent.isCached = false
    let isScalable = if case .scalable = mode { true } else { false }
    let resolution =
      isScalable ? resolveScalable(request, at: &time, through: port) : resolveLegacy(request, at: &time, through: port)
    guard case .context = resolution, current.pointee.stages != .passThrough, request.isPlain(from: request.sender) else {
      return resolution
    }
    recent.sender = request.sender
    recent.ready = time
    recent.usesPASIDCache = isScalable
    recent.inputWidth = recentInputWidth
    recent.isCached = caches.remembersRepeats
    return resolution
  }

  /// The resolution to a context, kept where it stays until the next request is resolved.
  mutating func resolved(_ context: TranslationContext) -> Resolution {
    current.pointee = context
    return .context(UnsafePointer(current))
  }

  /// A fault for the given reason: qualified ones are silent if a structure that was read asks for it (FPD).
  @inline(never) mutating func fault(_ reason: FaultReason, reported: Bool) -> TranslationFault {
    TranslationFault(code: UInt16(reason.rawValue), isReported: reported || !reason.isQualified)
  }

  /// Reads a structure of up to eight words that hardware fetches in one piece; `nil` if any of it aborts.
  mutating func fetch<Words: SIMD>(
    _ type: Words.Type, at address: PhysicalAddress, time: inout SimTime, through port: UnsafeMutablePointer<MemoryPort>
  ) -> Words? where Words.Scalar == UInt64 {
    time = port.pointee.read(at: time)
    guard address.rawValue >> hostAddressWidth == 0 else { return nil }
    var words = Words()
    for index in 0..<Words.scalarCount {
      guard let word = memory.read64(address.advanced(by: UInt64(index) * 8)) else { return nil }
      words[index] = word
    }
    return words
  }

  /// What stops a request that passes through: an address beyond the host address width, or in the interrupt range.
  mutating func passThroughFault(_ request: TranslationRequest, beyondWidth: FaultReason, interruptRange: FaultReason) -> FaultReason? {
    if request.address.rawValue >> hostAddressWidth != 0 { return beyondWidth }
    return InterruptAddressRange.contains(request.address) ? interruptRange : nil
  }

  /// What a translation request without PASID to the interrupt range resolves to: no table gives its answer.
  mutating func interruptTranslation() -> Resolution {
    resolved(TranslationContext(stages: .passThrough, domain: 0, addressSpace: 0))
  }

  /// Whether an address is beyond what a second stage of the given AW translates: min(MGAW, AGAW) bits.
  mutating func isBeyondSecondStage(_ address: IOVirtualAddress, width: UInt8) -> Bool {
    address.rawValue >> inputWidth(secondStageWidth: width) != 0
  }

  /// The bits of an address that a second stage of the given AW translates.
  mutating func inputWidth(secondStageWidth width: UInt8) -> UInt64 { inputWidths[Int(min(max(width, 1), 3)) - 1] }

  // MARK: Walks

  @inline(__always) mutating func demand(_ request: TranslationRequest) -> WalkDemand {
    // Most requests are neither of these.
    if request.checks != 0 || request.attributes.contains(.zeroLength) { return specialDemand(request) }
    return WalkDemand(request.access)
  }

  @inline(never) private mutating func specialDemand(_ request: TranslationRequest) -> WalkDemand {
    var demand = WalkDemand(request.access, privileged: request.isPrivileged)
    if request.kind == .translationRequest {
      // Whatever the tables permit is the answer, and may be used for writing unless the device says otherwise.
      demand.rights = []
      demand.outputSizeLog2 = 64
      demand.dirty = honoursNoWrite && request.attributes.contains(.noWrite) ? .leave : .setIfWritable
    } else if request.attributes.contains(.zeroLength), request.access == .read, allowsZeroLengthReads {
      // A zero-length read may be served by a page that can only be written (CAP.ZLR).
      demand.rights = []
    }
    if request.executes, servesExecuteRequests {
      demand.rights.insert(AccessRights(demand: .execute, privileged: request.isPrivileged))
    }
    return demand
  }
}

/// How the last request was resolved, for the next one of the same sender.
struct RecentResolution {
  var sender: TranslationRequest.Sender = .init()
  /// The bits of an address that the translation takes.
  var inputWidth: UInt64 = 0
  /// When everything that the translation was found in had been fetched.
  var ready = SimTime.zero
  var usesPASIDCache = false
  /// Whether all of it is in the configuration caches; cleared by whatever changes them.
  var isCached = false
}
