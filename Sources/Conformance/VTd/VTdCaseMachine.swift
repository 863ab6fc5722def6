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

  /// A remapping unit after reset.
  public func makeMachine(_ identity: UnitIdentity, updatesWithoutSnoop: Bool, memory: MemoryView) throws -> any CaseMachine {
    var models = self
    if updatesWithoutSnoop { models.vtdChoices.updatesFlagsWithoutSnoop = true }
    return try VTdCaseMachine(identity, models, memory: memory)
  }

  /// Walks tables with every page size and snoop control for a request without privilege.
  public func walk(_ table: BareTable, for address: IOVirtualAddress, kind: AccessKind, in memory: MemoryView) -> CaseOutcome {
    let width = UInt8(clamping: table.hostAddressWidth)
    switch table.stage {
    case .first:
      let format = X86FirstStage(levels: table.levels, features: X86FirstStage.Features(hostAddressWidth: width))
      guard format.covers(address) else { return .blocked(CaseBlock(reason: .notCanonical)) }
      return walk(format, table, for: address, kind: kind, in: memory)
    case .second:
      let format = VTdSecondStage(levels: table.levels, features: VTdSecondStage.Features(hostAddressWidth: width))
      guard format.covers(address) else { return .blocked(CaseBlock(reason: .secondStageBeyondWidth)) }
      return walk(format, table, for: address, kind: kind, in: memory)
    }
  }

  private func walk<Format: PageTableFormat>(
    _ format: Format, _ table: BareTable, for address: IOVirtualAddress, kind: AccessKind, in memory: MemoryView
  ) -> CaseOutcome {
    var probe = NoProbe()
    let walk: Walk<PhysicalAddress> = Walker.walk(
      format, from: WalkStart(table: table.root, level: format.rootLevel), for: address, demand: WalkDemand(kind), in: memory,
      probe: &probe)
    let isFirst = table.stage == .first
    let isTop = walk.level == format.rootLevel
    let reason: FaultReason
    switch walk.status {
    case .translated:
      let size = format.entrySizeLog2(level: walk.level)
      return .completed(CaseTranslation(pieces: [walk.page.advanced(by: address.pageOffset(size))], pageSizeLog2: size))
    case .accessError:
      reason = isFirst ? (isTop ? .firstStageTopAccess : .firstStageAccess) : isTop ? .secondStageTopAccess : .secondStageAccess
    case .notPresent: reason = isFirst ? .firstStageNotPresent : .secondStageNotPresent
    case .malformed: reason = isFirst ? .firstStageReserved : .secondStageReserved
    case .forbiddenOutput: reason = .scalableInterruptRange
    case .updateNotCoherent: reason = isFirst ? .firstStageUpdateNotSnooped : .secondStageUpdateNotSnooped
    case .updateFailed: reason = isFirst ? .firstStageUpdateFailed : .secondStageUpdateFailed
    case .tableBeyondSecondStage: reason = .firstStageBeyondWidth
    case .tableNotReadable: reason = isTop ? .firstStageTopNotReadable : .firstStageNotReadable
    case .tableNotWritable: reason = .firstStageNotWritable
    // Without privilege a first stage permits reads wherever U/S is set; a second stage that permits nothing maps nothing.
    case .permission, .noRights:
      let permitted = walk.rights.permissions(privileged: false)
      if permitted.isDisjoint(with: .readWrite) {
        reason = isFirst ? .supervisorPage : .secondStageNotPresent
      } else {
        reason = kind.writes && !permitted.contains(.write) ? .scalableNoWrite : .scalableNoRead
      }
    }
    return .blocked(CaseBlock(reason: reason))
  }
}
