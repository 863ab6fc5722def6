import Hardware
import PageTables
import Translation
import VTd
import VTdArchitecture

/// The VT-d model as a machine for cases.
final class VTdCaseMachine: CaseMachine {
  private let unit: RemappingUnit
  private let memory: MemoryView

  init(_ identity: UnitIdentity, _ models: IOMMUModels, memory: MemoryView) throws {
    self.memory = memory
    unit = try RemappingUnit(identity: identity, choices: models.vtdChoices, parameters: models.vtdParameters, memory: memory)
  }

  func readRegister(at offset: UInt64, size: Int) -> UInt64 { unit.readRegister(offset, size: size) }

  func writeRegister(at offset: UInt64, size: Int, value: UInt64) { unit.writeRegister(offset, size: size, value) }

  func settle() { unit.settle() }

  func access(_ request: CaseRequest) -> CaseOutcome {
    var translation = CaseTranslation(pieces: [])
    var isBacked = true
    var attributes: TranslationRequest.Attributes = request.privileged ? .privileged : []
    if request.execute { attributes.insert(.execute) }
    for piece in request.pieces {
      let response = unit.translate(
        TranslationRequest(
          request.kind, at: piece.address, length: UInt32(truncatingIfNeeded: piece.length), by: request.requester, pasid: request.pasid,
          attributes: attributes))
      if let fault = response.fault {
        return .blocked(CaseBlock(reason: FaultReason(UInt8(truncatingIfNeeded: fault.code)), landed: translation.pieces))
      }
      if translation.pieces.isEmpty { translation.pageSizeLog2 = response.pageSizeLog2 }
      translation.pieces.append(response.address)
      let start = Int(piece.address.distance(from: request.address))
      isBacked = transfer(request.transfer, start..<start + piece.length, at: response.address, &translation.data) && isBacked
    }
    return isBacked ? .completed(translation) : .busError(translation)
  }

  /// Moves the bytes of one piece; false if no memory is there.
  private func transfer(
    _ transfer: CaseRequest.Transfer, _ range: Range<Int>, at address: PhysicalAddress, _ received: inout [UInt8]
  ) -> Bool {
    switch transfer {
    case .none: return true
    case .write(let bytes): return bytes.count >= range.upperBound && memory.writeBytes(address, bytes[range])
    case .read:
      guard let bytes = memory.readBytes(address, count: range.count) else { return false }
      received += bytes
      return true
    }
  }
}

/// The models of this package, for cases.
public struct IOMMUModels: CaseMachineFactory, Sendable {
  /// What the VT-d model does where the specification leaves a choice.
  public var vtdChoices: ImplementationChoices
  /// Caches and latencies of the VT-d model.
  public var vtdParameters: TranslationParameters

  /// The models with the given choices and parameters.
  public init(vtdChoices: ImplementationChoices = ImplementationChoices(), vtdParameters: TranslationParameters = TranslationParameters()) {
    self.vtdChoices = vtdChoices
    self.vtdParameters = vtdParameters
  }

  /// First-stage and nested translation are not modelled.
  public func unsupported(_ demands: CaseDemands) -> CaseDemands.Stage? {
    CaseDemands.Stage.allCases.first { demands.stages.contains($0) && $0 != .second && $0 != .passThrough }
  }

  /// A remapping unit after reset.
  public func makeMachine(_ identity: UnitIdentity, memory: MemoryView) throws -> any CaseMachine {
    try VTdCaseMachine(identity, self, memory: memory)
  }

  /// Walks second-stage tables with every page size and snoop control.
  public func walk(_ table: BareTable, for address: IOVirtualAddress, kind: AccessKind, in memory: MemoryView) -> CaseOutcome {
    let features = VTdSecondStage.Features(hostAddressWidth: UInt8(clamping: table.hostAddressWidth))
    let format = VTdSecondStage(levels: table.levels, features: features)
    guard format.covers(address) else { return .blocked(CaseBlock(reason: .secondStageBeyondWidth)) }
    var probe = NoProbe()
    let walk: Walk<PhysicalAddress> = Walker.walk(
      format, from: WalkStart(table: table.root, level: format.rootLevel), for: address, demand: WalkDemand(kind), in: memory,
      probe: &probe)
    let reason: FaultReason
    switch walk.status {
    case .translated:
      let size = format.entrySizeLog2(level: walk.level)
      return .completed(CaseTranslation(pieces: [walk.page.advanced(by: address.pageOffset(size))], pageSizeLog2: size))
    case .accessError: reason = walk.level == format.rootLevel ? .secondStageTopAccess : .secondStageAccess
    case .notPresent, .noRights: reason = .secondStageNotPresent
    case .malformed: reason = .secondStageReserved
    case .forbiddenOutput: reason = .scalableInterruptRange
    case .permission: reason = kind.writes ? .scalableNoWrite : .scalableNoRead
    case .updateNotCoherent: reason = .secondStageUpdateNotSnooped
    case .updateFailed, .tableBeyondSecondStage, .tableNotReadable, .tableNotWritable: reason = .secondStageUpdateFailed
    }
    return .blocked(CaseBlock(reason: reason))
  }
}
