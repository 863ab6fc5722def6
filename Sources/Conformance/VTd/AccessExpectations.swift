import Hardware
import VTdArchitecture

/// What an access may do.
struct ExpectedAccess {
  /// Outcomes that are right whatever the file says, with the deviations that explain a difference from it.
  var alternatives: [PredictedAccess: Set<Deviation>]
  /// Whether what was observed is right too.
  var admitsObservation: Bool

  /// The outcomes in words.
  func description(_ observed: IOMMUCase.Observation) -> String {
    let outcomes = Set((admitsObservation ? ["\(observed)"] : []) + alternatives.keys.map { "\($0)" })
    return outcomes.sorted().joined(separator: " or ")
  }
}

extension VTdExpectations {
  /// What the access may do that did `access.observed` on the observed machine.
  func expected(_ access: IOMMUCase.Access, _ request: CaseRequest) -> ExpectedAccess {
    let reading = self.reading
    let seen = access.observed
    let isExplained = reading.observed(request).map { explains(seen, $0, request) } ?? false
    var alternatives = reading.architectural(request)
    let earlier = history[request.withoutData] ?? []
    func admitEarlier() {
      for access in earlier where alternatives[access] == nil { alternatives[access] = [.staleTranslation] }
    }
    if access.isImplementationDefined {
      unsettle(access.requester)
      admitEarlier()
      return ExpectedAccess(alternatives: alternatives.mapValues { $0.union([.staleTranslation]) }, admitsObservation: true)
    }
    if isExplained, !alternatives.isEmpty {
      if mayUseOldTranslations(access.requester) { admitEarlier() }
      return ExpectedAccess(alternatives: alternatives, admitsObservation: false)
    }
    if earlier.contains(where: { explains(seen, $0, request) }) {
      // The tables have changed and the observed machine still uses what it has cached.
      return ExpectedAccess(alternatives: alternatives.mapValues { _ in [.staleTranslation] }, admitsObservation: true)
    }
    alternatives = [:]
    if mayUseOldTranslations(access.requester) { admitEarlier() }
    return ExpectedAccess(alternatives: alternatives, admitsObservation: true)
  }

  /// Whether a prediction says exactly what was seen, as far as it was seen.
  private func explains(_ seen: IOMMUCase.Observation, _ access: PredictedAccess, _ request: CaseRequest) -> Bool {
    if seen.completed {
      return access.fault == nil && (seen.pieces == nil || (seen.pieces == access.pieces && isBacked(access.pieces)))
    }
    guard let fault = access.fault else { return seen.fault == nil && seen.landed.isEmpty && !isBacked(access.pieces) }
    guard seen.landed == access.pieces || request.kind == .read else { return false }
    guard let shown = seen.fault else { return !fault.isRecorded }
    guard fault.isRecorded else { return false }
    var log = observedFaults
    let isFresh = log.canRecord && !log.hasPendingRecord(of: request.requester)
    log.record(Self.record(fault, request), collapses: true)
    let reasons = isFresh && root.mode == .scalable ? Deviation.scalableModeReasons(for: fault.reason) ?? [] : []
    return shown.status == log.status && shown.architecturalReasons == reasons
      && (shown.record.map { log.records.contains(FaultLog.Record(low: $0.low, high: $0.high)) } ?? true)
  }

  func isBacked(_ pieces: [PhysicalAddress]) -> Bool { pieces.allSatisfy { memory.read8($0) != nil } }

  /// The record of a fault of the request.
  static func record(_ fault: PredictedFault, _ request: CaseRequest) -> FaultLog.Record {
    let record = FaultRecord(
      address: fault.address, source: request.requester, reason: fault.reason, type: FaultRequestType(request.kind), pasid: request.pasid)
    return FaultLog.Record(low: record.low, high: record.high)
  }

  /// Whether the outcome is what was seen, as far as it was seen.
  func admits(_ seen: IOMMUCase.Observation, _ outcome: CaseOutcome, _ request: CaseRequest) -> Bool {
    switch outcome {
    case .completed(let translation):
      return seen.completed && (seen.pieces == nil || seen.pieces == translation.pieces)
    case .busError:
      // The observed machine reads zeros where there is no memory.
      if seen.completed { return seen.pieces == nil && (seen.data ?? []).allSatisfy { $0 == 0 } }
      return seen.fault == nil
    case .blocked(let block):
      guard !seen.completed, seen.landed == block.landed || request.kind == .read else { return false }
      guard let shown = seen.fault, let record = shown.record else { return true }
      let isFresh = observedFaults.canRecord && !observedFaults.hasPendingRecord(of: request.requester)
      guard isFresh else { return true }
      return shown.architecturalReasons.isEmpty ? block.reason == record.reason : shown.architecturalReasons.contains(block.reason)
    }
  }

  /// The prediction that the outcome comes to.
  func prediction(_ outcome: CaseOutcome, _ request: CaseRequest, isRecorded: Bool) -> PredictedAccess {
    switch outcome {
    case .completed(let translation), .busError(let translation): return PredictedAccess(pieces: translation.pieces)
    case .blocked(let block):
      let pieces = request.pieces
      let address = block.landed.count < pieces.count ? pieces[block.landed.count].address : request.address
      let fault = PredictedFault(reason: block.reason, isRecorded: isRecorded, address: address)
      return PredictedAccess(pieces: block.landed, fault: fault)
    }
  }

  /// Follows an access that was found right: what the fault registers hold on both sides now.
  func follow(_ access: PredictedAccess, _ request: CaseRequest, seen: IOMMUCase.Observation, machine: any CaseMachine) {
    history[request.withoutData, default: []].insert(access)
    if let fault = access.fault, fault.isRecorded {
      var record = Self.record(fault, request)
      let status = machine.readRegister(at: RegisterOffset.faultStatus, size: 4)
      let collapses = faults.hasPendingRecord(of: request.requester) && !status[bit: 0]
      if collapses == false, faults.hasPendingRecord(of: request.requester) { deviations.insert(.faultCollapse) }
      let low = machine.readRegister(at: identity.capabilities.faultRecordingOffset, size: 8)
      // Address bits from the largest supported width up may read 0.
      let narrow = record.low & UInt64.mask(width: 30 + 9 * Int(identity.capabilities.largestSecondStageWidth))
      if faults.canRecord, low != record.low, low == narrow {
        record.low = narrow
        deviations.insert(.faultInformationWidth)
      }
      faults.record(record, collapses: collapses)
    }
    if let shown = seen.fault {
      observedFaults.adopt(status: shown.status, record: shown.record.map { FaultLog.Record(low: $0.low, high: $0.high) })
    }
  }

  /// Reads and clears the fault registers of the machine as software does after a fault, where the file has no such steps.
  func clearFaults(of machine: any CaseMachine) {
    let offset = identity.capabilities.faultRecordingOffset + 12
    for (register, value) in [(offset, UInt64(1) << 31), (RegisterOffset.faultStatus, 1)] {
      machine.writeRegister(at: register, size: 4, value: value)
      faults.write(offset: register, size: 4, value: value)
    }
    machine.settle()
  }
}

extension CaseRequest {
  /// The request as a key: what it carries makes no difference to where it goes.
  var withoutData: CaseRequest {
    var request = self
    request.transfer = .none
    return request
  }
}

extension PredictedAccess: CustomStringConvertible {
  var description: String {
    let places = pieces.map(\.description).joined(separator: ", ")
    guard let fault else { return "at \(places)" }
    let recorded = fault.isRecorded ? "" : " (not recorded)"
    return "fault \(fault.reason)\(recorded)" + (pieces.isEmpty ? "" : " after \(places)")
  }
}

extension IOMMUCase.Observation: CustomStringConvertible {
  /// What was seen, in words.
  public var description: String {
    if completed { return pieces.map { "at \($0.map(\.description).joined(separator: ", "))" } ?? "to complete" }
    let after = landed.isEmpty ? "" : " after \(landed.map(\.description).joined(separator: ", "))"
    guard let fault else { return "to be blocked without a record" + after }
    let reasons = fault.architecturalReasons.isEmpty ? fault.record.map { [$0.reason] } ?? [] : fault.architecturalReasons
    return (reasons.isEmpty ? "a fault" : "fault " + reasons.map(\.description).joined(separator: " or ")) + after
  }
}

extension CaseOutcome: CustomStringConvertible {
  /// What became of the request, in words.
  public var description: String {
    switch self {
    case .completed(let translation): "at \(translation.pieces.map(\.description).joined(separator: ", "))"
    case .busError(let translation): "a bus error at \(translation.pieces.map(\.description).joined(separator: ", "))"
    case .blocked(let block):
      "fault \(block.reason)" + (block.landed.isEmpty ? "" : " after \(block.landed.map(\.description).joined(separator: ", "))")
    }
  }
}
