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
  private let allowsZeroLengthReads: Bool
  private let supportsScalableMode: Bool
  private let supportsAbortDMA: Bool
  private let atomicReportsWriteFirst: Bool
  private let interruptRangeFaultsWhileDisabled: Bool
  /// The bits of an address that the translation resolved last takes.
  var recentInputWidth: UInt64 = 0
  // The bits that a second stage of each AW from 1 translates.
  private let inputWidths: InlineArray<3, UInt64>
  // For each AW from 1: without flags, with flags and coherent walks, with flags and walks that are not coherent.
  private let formats: UnsafeMutablePointer<VTdSecondStage>
  // How the last request that got so far is translated.
  let current: UnsafeMutablePointer<TranslationContext>
  private let storage = OwnedStorage()

  init(_ identity: UnitIdentity, choices: ImplementationChoices, parameters: TranslationParameters, memory: MemoryView) {
    self.memory = memory
    let entryRules = EntryRules(identity, options: choices.entries)
    rules = UniqueBox(entryRules)
    hostAddressWidth = UInt64(identity.hostAddressWidth)
    pasidWidth = UInt64(identity.extended.pasidWidth)
    usesRequesterPASID = identity.extended.requesterPASID
    usesRequesterPrivilege = identity.extended.requesterPrivilege
    refusesPASIDZero = choices.pasidZeroIsRequesterPASID
    checksOutputBeforeRights = choices.interruptRangeBeforePermission
    rewalksOnDenial = choices.rewalksOnDenial
    checksBothRootHalves = choices.checksBothRootHalves
    requestFaultsBeforeEntryType = choices.requestFaultsBeforeEntryType
    allowsZeroLengthReads = identity.capabilities.zeroLengthRead
    supportsScalableMode = identity.extended.scalableMode
    supportsAbortDMA = identity.extended.abortDMAMode
    atomicReportsWriteFirst = choices.atomicReportsWriteFirst
    interruptRangeFaultsWhileDisabled = choices.interruptRangeFaultsWhileDisabled
    inputWidths = InlineArray { UInt64(entryRules.inputWidth(secondStageWidth: UInt8($0) + 1)) }
    caches = ConfigurationCaches(parameters)
    let features = VTdSecondStage.Features(
      hostAddressWidth: UInt8(clamping: identity.hostAddressWidth), pages2M: identity.capabilities.secondStage2M,
      pages1G: identity.capabilities.secondStage1G, snoopControl: identity.extended.snoopControl,
      checksRightsAtEveryLevel: choices.secondStagePermissionCheck == .atEachLevel,
      checksOutputBeforeRights: choices.interruptRangeBeforePermission)
    current = storage.array(1, of: TranslationContext(stages: .passThrough, domain: 0, addressSpace: 0))
    formats = storage.array(uninitialized: 9)
    for width in 0..<3 {
      let levels = UInt8(width) + 3
      (formats + width * 3).initialize(to: VTdSecondStage(levels: levels, features: features))
      (formats + width * 3 + 1).initialize(to: VTdSecondStage(levels: levels, features: features, accessedDirty: true))
      (formats + width * 3 + 2).initialize(to: VTdSecondStage(levels: levels, features: features, accessedDirty: true, coherent: false))
    }
  }

  /// Follows the control plane: GSTS.TES, and RTADDR as SRTP latched it.
  mutating func follow(_ state: TranslationState) {
    recent.isCached = false
    root = state.rootTable.table
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
    if request.pasid == nil, request.kind == .untranslated, InterruptAddressRange.contains(request.address) {
      return admitInterrupt(request)
    }
    // What a context allows depends on the kind of request, so that one kind is not served from what another was allowed.
    switch mode {
    case .legacy:
      guard request.pasid == nil else { return .fault(fault(.pasidInLegacyMode, reported: true)) }
      return .translate(context: UInt64(request.requester.rawValue & 0xFFFF) | request.checks &<< 37)
    case .scalable:
      let pasid = request.pasid.map { UInt64($0.rawValue) << 16 | 1 << 36 } ?? 0
      return .translate(context: UInt64(request.requester.rawValue & 0xFFFF) | pasid | request.checks &<< 37)
    case .disabled:
      // Anything but an untranslated request is answered Unsupported Request, without a record.
      return request.kind == .untranslated ? .bypass : .fault(TranslationFault(code: 0, isReported: false))
    case .refusing(let reason): return .fault(fault(reason, reported: true))
    }
  }

  // Requests without PASID to the interrupt range are never remapped, whatever the tables say (VT-d rev 5.10 section 3.14).
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

  /// The second-stage format of the given AW (1 to 3).
  mutating func secondStage(width: UInt8, accessedDirty: Bool = false, coherent: Bool = true) -> SecondStage {
    let flags = accessedDirty ? (coherent ? 1 : 2) : 0
    return .vtd(UnsafePointer(formats + (Int(min(max(width, 1), 3)) - 1) * 3 + flags))
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

  /// Whether an address is beyond what a second stage of the given AW translates: min(MGAW, AGAW) bits.
  mutating func isBeyondSecondStage(_ address: IOVirtualAddress, width: UInt8) -> Bool {
    address.rawValue >> inputWidth(secondStageWidth: width) != 0
  }

  /// The bits of an address that a second stage of the given AW translates.
  mutating func inputWidth(secondStageWidth width: UInt8) -> UInt64 { inputWidths[Int(min(max(width, 1), 3)) - 1] }

  // MARK: Walks

  @inline(__always) mutating func demand(_ request: TranslationRequest) -> WalkDemand {
    // A zero-length read may be served by a page that can only be written (CAP.ZLR).
    if request.attributes.contains(.zeroLength), request.access == .read, allowsZeroLengthReads {
      return WalkDemand(rights: [], dirty: .leave)
    }
    return WalkDemand(request.access, privileged: request.attributes.contains(.privileged))
  }

  mutating func fault(
    _ status: WalkStatus, isTopEntry: Bool, rights: AccessRights, stages: ContextStages, request: TranslationRequest
  ) -> UInt16 {
    let reason: FaultReason
    if case .scalable = mode {
      reason = scalableReason(status, isTopEntry: isTopEntry, rights: rights, request: request)
    } else {
      reason = legacyReason(status, isTopEntry: isTopEntry, rights: rights, request: request)
    }
    return UInt16(reason.rawValue)
  }

  /// Whether it is the write permission whose lack is reported; an AtomicOp may lack both.
  mutating func lacksWrite(_ rights: AccessRights, _ request: TranslationRequest) -> Bool {
    let granted = rights.permissions(privileged: request.attributes.contains(.privileged))
    if request.access == .atomic, !atomicReportsWriteFirst, !granted.contains(.read) { return false }
    return request.access.writes && !granted.contains(.write)
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
