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
  ///
  /// Only an observation that the tables explain, as they are or as they were, is replaced by other outcomes. Any other is compared as it
  /// stands.
  func expected(_ access: IOMMUCase.Access, _ request: CaseRequest) -> ExpectedAccess {
    if access.isImplementationDefined { unsettle(access.requester) }
    let reading = self.reading
    let seen = access.observed
    let isCurrent = reading.observed(request).map { explains(seen, $0, request) } ?? false
    let earlier = isEnabled ? history[request.withoutData] ?? [] : []
    let isStale = earlier.contains { explains(seen, $0, request) }
    guard isCurrent || isStale else { return ExpectedAccess(alternatives: [:], admitsObservation: true) }
    var alternatives = reading.architectural(request)
    if isStale, !isCurrent { alternatives = alternatives.mapValues { _ in [.staleTranslation] } }
    if isStale && !isCurrent || mayUseOldTranslations(access.requester) {
      for access in earlier where alternatives[access] == nil { alternatives[access] = [.staleTranslation] }
    }
    return ExpectedAccess(alternatives: alternatives, admitsObservation: alternatives.isEmpty)
  }

  /// Whether a prediction says exactly what was seen, as far as it was seen.
  private func explains(_ seen: IOMMUCase.Observation, _ access: PredictedAccess, _ request: CaseRequest) -> Bool {
    if seen.completed {
      guard access.fault == nil else { return false }
      guard isBacked(access.pieces) else { return seen.mayBeBusError(request) }
      guard seen.pieces == nil || seen.pieces == access.pieces else { return false }
      return seen.data == nil || seen.data == bytes(request, access.pieces)
    }
    guard let fault = access.fault else { return !isBacked(access.pieces) && seen.mayBeBusError(request) }
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

  /// What memory holds where the pieces of the request lie; nil if there is none.
  func bytes(_ request: CaseRequest, _ pieces: [PhysicalAddress]) -> [UInt8]? {
    var bytes: [UInt8] = []
    for (piece, address) in zip(request.pieces, pieces) {
      guard let more = memory.readBytes(address, count: piece.length) else { return nil }
      bytes += more
    }
    return bytes
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
    case .busError: return seen.mayBeBusError(request)
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
    if isEnabled { history[request.withoutData, default: []].insert(access) }
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
      // What the record must hold beside the code that the file spells out.
      let pieces = request.pieces
      let blocked = seen.landed.count < pieces.count ? pieces[seen.landed.count].address : request.address
      let fault = PredictedFault(reason: shown.record?.reason ?? FaultReason(0), isRecorded: true, address: blocked)
      observedFaults.record(Self.record(fault, request), collapses: true)
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

extension IOMMUCase.Observation {
  /// Whether a translated request that meets no memory looks like this: reads give zeros, writes are found nowhere, nothing is recorded.
  fileprivate func mayBeBusError(_ request: CaseRequest) -> Bool {
    guard completed else { return fault == nil && landed.isEmpty }
    return pieces == nil && (request.kind == .read ? (data ?? []).allSatisfy { $0 == 0 } : isMissing)
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
