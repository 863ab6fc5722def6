import Hardware
import PageTables
import VTdArchitecture

/// What an access does according to one reading of the tables.
struct PredictedAccess: Hashable {
  /// Where the pieces before a fault, or all of them, land.
  var pieces: [PhysicalAddress]
  var fault: PredictedFault?
}

/// A fault according to one reading of the tables.
struct PredictedFault: Hashable {
  /// The code that the fault record shows.
  var reason: FaultReason
  /// Whether it is recorded, FPD considered.
  var isRecorded: Bool
  /// The address of the piece that is blocked.
  var address: IOVirtualAddress
}

/// Reads the tables in memory for accesses, without any cache: as the observed machine reads them, and as the architecture demands.
struct AccessReading {
  let identity: UnitIdentity
  let hasTransientMapping: Bool
  let root: RootTableAddress
  let isEnabled: Bool
  let memory: MemoryView

  /// What the access does on the observed machine; nil where this reading doesn't cover what the tables hold.
  func observed(_ request: CaseRequest) -> PredictedAccess? {
    var access = PredictedAccess(pieces: [])
    for piece in request.pieces {
      guard let outcome = observed(piece.address, request) else { return nil }
      switch outcome {
      case .translated(let address): access.pieces.append(address)
      case .blocked(let reason, let isSuppressed):
        access.fault = PredictedFault(reason: reason, isRecorded: !isSuppressed, address: piece.address)
        return access
      }
    }
    return access
  }

  /// What the access may do by the architecture, with the deviations that explain each outcome.
  func architectural(_ request: CaseRequest) -> [PredictedAccess: Set<Deviation>] {
    var partial: [PredictedAccess: Set<Deviation>] = [PredictedAccess(pieces: []): []]
    for piece in request.pieces {
      let outcomes = architectural(piece.address, request)
      var extended: [PredictedAccess: Set<Deviation>] = [:]
      for (access, deviations) in partial {
        if access.fault != nil { extended[access] = deviations }
        for (outcome, further) in outcomes where access.fault == nil {
          var longer = access
          switch outcome {
          case .translated(let address): longer.pieces.append(address)
          case .blocked(let reason, let isSuppressed):
            longer.fault = PredictedFault(reason: reason, isRecorded: !isSuppressed, address: piece.address)
          }
          extended[longer] = deviations.union(further)
        }
      }
      partial = extended
    }
    return partial
  }

  /// The entries on the way of the access's first piece.
  func trail(_ request: CaseRequest) -> [TableWord] {
    let structures = self.structures(request)
    var trail = structures.trail
    if let tables = tables(structures, observed: false), tables.inputFault(request.address, isLegacy: false) == nil {
      _ = tables.outcome(for: request.address, kind: request.kind, order: .permissionLast, trail: &trail)
    }
    return trail
  }

  /// The first-stage entries on the way of one piece, with the flags that the request sets in them, and what they come to; nil if the
  /// request does not get that far.
  func firstStageWalk(_ address: IOVirtualAddress, _ request: CaseRequest, observed: Bool) -> (outcome: WalkOutcome, words: [TableWord])? {
    guard isEnabled, !InterruptAddressRange.contains(address) else { return nil }
    let structures = self.structures(request)
    guard observed ? structures.earlierBlock == nil : !structures.findings.contains(where: \.isCertain),
      case .firstStage? = tables(structures, observed: observed), let tables = tables(structures, observed: observed),
      tables.inputFault(address, isLegacy: false) == nil
    else { return nil }
    var words: [TableWord] = []
    let order: OrderOfChecks = observed ? .permissionFirst : .permissionLast
    let outcome = tables.outcome(for: address, kind: request.kind, order: order, trail: &words)
    return (outcome, words)
  }

  enum Outcome: Hashable {
    case translated(PhysicalAddress)
    case blocked(FaultReason, isSuppressed: Bool)
  }

  func structures(_ request: CaseRequest) -> StructureReading {
    StructureReading(root, requester: request.requester, pasid: request.pasid, identity: identity, memory: memory)
  }

  private func observed(_ address: IOVirtualAddress, _ request: CaseRequest) -> Outcome? {
    guard isEnabled else { return .translated(PhysicalAddress(address.rawValue)) }
    guard !InterruptAddressRange.contains(address) else { return nil }
    let structures = self.structures(request)
    func blocked(_ reason: FaultReason) -> Outcome {
      .blocked(reason, isSuppressed: structures.isSuppressed && reason.isQualified)
    }
    if let reason = structures.earlierBlock { return blocked(reason) }
    switch structures.destination {
    case .blocked(let reason): return blocked(reason)
    case .passThrough: return .translated(PhysicalAddress(address.rawValue))
    case .unread: return nil
    case .secondStage, .firstStage:
      guard let tables = tables(structures, observed: true) else { return nil }
      if let reason = tables.inputFault(address, isLegacy: true) { return blocked(reason) }
      var trail: [TableWord] = []
      let outcome = tables.outcome(for: address, kind: request.kind, order: .permissionFirst, trail: &trail)
      if case .translated(let output, _) = outcome { return .translated(output) }
      if case .interruptRange = outcome, !structures.isLegacy { return blocked(.scalableInterruptRange) }
      return tables.reason(outcome, kind: request.kind, isLegacy: true).map(blocked)
    }
  }

  private func architectural(_ address: IOVirtualAddress, _ request: CaseRequest) -> [Outcome: Set<Deviation>] {
    guard isEnabled else { return [.translated(PhysicalAddress(address.rawValue)): []] }
    let structures = self.structures(request)
    var outcomes: [Outcome: Set<Deviation>] = [:]
    for finding in structures.findings {
      outcomes[.blocked(finding.reason, isSuppressed: finding.isSuppressed), default: []].insert(finding.deviation)
      if finding.isCertain { return outcomes }
    }
    func blocked(_ reason: FaultReason) -> Outcome {
      .blocked(reason, isSuppressed: structures.isSuppressed && reason.isQualified)
    }
    let isLegacy = structures.isLegacy
    switch structures.destination {
    case .unread: break
    case .blocked(let reason):
      let scalable = isLegacy ? nil : Deviation.scalableModeReasons(for: reason)
      for reason in scalable ?? [reason] { outcomes[blocked(reason), default: []].formUnion(scalable == nil ? [] : [.scalableModeCodes]) }
    case .passThrough:
      if address.rawValue >> UInt64(identity.hostAddressWidth) == 0 {
        outcomes[.translated(PhysicalAddress(address.rawValue))] = []
      } else {
        outcomes[blocked(isLegacy ? .addressBeyondWidth : .scalableBeyondHostWidth)] = [.passThroughWidth]
      }
    case .secondStage, .firstStage:
      guard let tables = tables(structures, observed: false) else { break }
      let codes: Set<Deviation> = isLegacy || tables.isFirstStage ? [] : [.scalableModeCodes]
      if let reason = tables.inputFault(address, isLegacy: isLegacy) {
        outcomes[blocked(reason)] = codes
        break
      }
      let isNarrowed = tables.isFirstStage && self.tables(structures, observed: true)?.inputFault(address, isLegacy: false) != nil
      for order in OrderOfChecks.allCases {
        var trail: [TableWord] = []
        let outcome = tables.outcome(for: address, kind: request.kind, order: order, trail: &trail)
        let narrowed: Set<Deviation> = isNarrowed ? [.firstStageWidth] : []
        if case .translated(let output, let size) = outcome {
          let overlaps = InterruptAddressRange.overlaps(output.alignedDown(size), sizeLog2: size)
          outcomes[.translated(output), default: []].formUnion(narrowed.union(overlaps ? [.interruptRange] : []))
        } else if let reason = tables.reason(outcome, kind: request.kind, isLegacy: isLegacy) {
          outcomes[blocked(reason), default: []].formUnion(codes.union(narrowed).union(deviations(outcome, trail)))
        }
      }
    }
    // Whoever does not mind what a finding minds goes on.
    let found = Set(structures.findings.map(\.deviation))
    return found.isEmpty ? outcomes : outcomes.mapValues { $0.union(found) }
  }

  private func deviations(_ outcome: WalkOutcome, _ trail: [TableWord]) -> Set<Deviation> {
    guard case .malformed = outcome, let entry = trail.last else { return [.orderOfChecks] }
    if entry.stage == .first { return [.firstStageLargePages, .orderOfChecks] }
    let isTransient = entry.value & VTdSecondStage.EntryBits.transientMapping != 0 && hasTransientMapping
    return [isTransient ? .transientMapping : .snoopInLeaf, .orderOfChecks]
  }
}
