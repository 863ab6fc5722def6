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
    if case .secondStage(let root, let width) = structures.destination {
      _ = tables(root, width, observed: false, structures).outcome(
        for: request.address, kind: request.kind, order: .permissionLast, trail: &trail)
    }
    return trail
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
    case .secondStage(let root, let width):
      guard address.rawValue >> UInt64(inputWidth(width)) == 0 else { return blocked(.addressBeyondWidth) }
      var trail: [TableWord] = []
      let outcome = tables(root, width, observed: true, structures)
        .outcome(for: address, kind: request.kind, order: .permissionFirst, trail: &trail)
      if case .translated(let output, _) = outcome { return .translated(output) }
      if case .interruptRange = outcome, !structures.isLegacy { return blocked(.scalableInterruptRange) }
      return Self.reason(outcome, kind: request.kind, isLegacy: true).map(blocked)
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
    case .secondStage(let root, let width):
      let codes: Set<Deviation> = isLegacy ? [] : [.scalableModeCodes]
      guard address.rawValue >> UInt64(inputWidth(width)) == 0 else {
        outcomes[blocked(isLegacy ? .addressBeyondWidth : .secondStageBeyondWidth)] = codes
        break
      }
      let tables = self.tables(root, width, observed: false, structures)
      for order in SecondStageReading.Order.allCases {
        var trail: [TableWord] = []
        let outcome = tables.outcome(for: address, kind: request.kind, order: order, trail: &trail)
        if case .translated(let output, let size) = outcome {
          let overlaps = InterruptAddressRange.overlaps(output.alignedDown(size), sizeLog2: size)
          outcomes[.translated(output), default: []].formUnion(overlaps ? [.interruptRange] : [])
        } else if let reason = Self.reason(outcome, kind: request.kind, isLegacy: isLegacy) {
          outcomes[blocked(reason), default: []].formUnion(codes.union(deviations(outcome, trail)))
        }
      }
    }
    // Whoever does not mind what a finding minds goes on.
    let found = Set(structures.findings.map(\.deviation))
    return found.isEmpty ? outcomes : outcomes.mapValues { $0.union(found) }
  }

  private func deviations(_ outcome: SecondStageReading.Outcome, _ trail: [TableWord]) -> Set<Deviation> {
    guard case .malformed = outcome, let entry = trail.last?.value else { return [.orderOfChecks] }
    return [
      entry & VTdSecondStage.EntryBits.transientMapping != 0 && hasTransientMapping ? .transientMapping : .snoopInLeaf, .orderOfChecks,
    ]
  }

  /// Inputs lie below 2^min(MGAW, AGAW).
  private func inputWidth(_ width: UInt8) -> Int { min(identity.capabilities.maximumGuestAddressWidth, 30 + 9 * Int(width)) }

  private func tables(_ root: PhysicalAddress, _ width: UInt8, observed: Bool, _ structures: StructureReading) -> SecondStageReading {
    let capabilities = identity.capabilities
    let features = VTdSecondStage.Features(
      hostAddressWidth: UInt8(identity.hostAddressWidth), pages2M: capabilities.secondStage2M, pages1G: capabilities.secondStage1G,
      snoopControl: identity.extended.snoopControl || (observed && !structures.isLegacy),
      transientMapping: observed && hasTransientMapping)
    return SecondStageReading(
      format: VTdSecondStage(levels: width + 2, features: features), root: root, memory: memory, wholePageInRange: observed)
  }

  /// The code of an outcome in legacy or scalable mode; nil if it is none.
  private static func reason(_ outcome: SecondStageReading.Outcome, kind: AccessKind, isLegacy: Bool) -> FaultReason? {
    switch outcome {
    case .translated: nil
    case .accessError(let top):
      isLegacy ? (top ? .contextInvalid : .tableAccess) : (top ? .secondStageTopAccess : .secondStageAccess)
    case .notPresent: isLegacy ? (kind.writes ? .noWrite : .noRead) : .secondStageNotPresent
    case .malformed: isLegacy ? .tableReserved : .secondStageReserved
    case .denied(let none):
      isLegacy
        ? (kind.writes ? .noWrite : .noRead) : none ? .secondStageNotPresent : (kind.writes ? .scalableNoWrite : .scalableNoRead)
    case .interruptRange: isLegacy ? .interruptRange : .scalableInterruptRange
    }
  }
}
