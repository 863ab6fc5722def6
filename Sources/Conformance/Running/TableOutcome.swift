import Hardware
import VTdArchitecture

/// What a read or a write must come to by one answer of a page-table case.
enum TableOutcome: Hashable, CustomStringConvertible {
  case translated(PhysicalAddress, pageSizeLog2: UInt8?)
  case fault(FaultReason)

  /// The outcomes that are right by an answer, for a request of the given kind without privilege.
  ///
  /// - Parameters:
  ///   - isFirstStage: Whether there is a first stage, alone or nested.
  ///   - guestAddressWidth: How many bits of a guest physical address the second stage of nested translation translates.
  ///   - isWritable: Whether the first stage lets writes through.
  static func outcomes(
    _ answer: PageTableCase.Answer, _ kind: AccessKind, isLegacy: Bool, isFirstStage: Bool, guestAddressWidth: Int = 64,
    isWritable: Bool = true
  ) -> [TableOutcome] {
    let denial: FaultReason =
      isLegacy ? (kind.writes ? .noWrite : .noRead) : (kind.writes ? .scalableNoWrite : .scalableNoRead)
    let secondStageMiss: FaultReason = isLegacy ? denial : .secondStageNotPresent
    switch answer {
    case .hit(let mapping):
      if mapping.user == false { return [.fault(.supervisorPage)] }
      if mapping.permits(kind) { return [.translated(PhysicalAddress(mapping.output), pageSizeLog2: mapping.pageSizeLog2)] }
      return [.fault(mapping.permissions?.isDisjoint(with: .readWrite) == true ? secondStageMiss : denial)]
    case .nested(let first, _, let second):
      if first.user == false { return [.fault(.supervisorPage)] }
      guard first.permits(kind), second.permits(kind) else { return [.fault(denial)] }
      return [.translated(PhysicalAddress(second.output), pageSizeLog2: min(first.pageSizeLog2, second.pageSizeLog2))]
    case .miss: return [.fault(isFirstStage ? .firstStageNotPresent : secondStageMiss)]
    case .range: return [.fault(isLegacy ? .addressBeyondWidth : .secondStageBeyondWidth)]
    case .nonCanonical: return [.fault(.notCanonical)]
    case .secondStageMiss(let address):
      if guestAddressWidth < 64, address.rawValue >> UInt64(guestAddressWidth) != 0 { return [.fault(.firstStageBeyondWidth)] }
      // Which stage's refusal counts is open.
      return [.fault(.secondStageNotPresent)] + (kind.writes && !isWritable ? [.fault(denial)] : [])
    case .passThrough(let address): return [.translated(address, pageSizeLog2: nil)]
    case .fault(let reason): return [.fault(reason)]
    }
  }

  var isTranslation: Bool { if case .translated = self { true } else { false } }

  /// Whether the model's outcome is this one; where pages lie is no question of whether memory is there.
  func admits(_ outcome: CaseOutcome) -> Bool {
    switch (self, outcome) {
    case (.translated(let address, let size), .completed(let translation)),
      (.translated(let address, let size), .busError(let translation)):
      translation.pieces == [address] && (size == nil || size == translation.pageSizeLog2)
    case (.fault(let reason), .blocked(let block)): reason == block.reason
    default: false
    }
  }

  var description: String {
    switch self {
    case .translated(let address, nil): "at \(address)"
    case .translated(let address, let size?): "at \(address), page of 2^\(size) bytes"
    case .fault(let reason): "fault \(reason)"
    }
  }
}

extension PageTableCase.Mapping {
  /// Whether the entries permit the access; they do if the case doesn't say.
  fileprivate func permits(_ kind: AccessKind) -> Bool { permissions?.isSuperset(of: Permissions(for: kind)) ?? true }
}

extension CaseOutcome {
  /// The code, if the request was blocked.
  var reason: FaultReason? { if case .blocked(let block) = self { block.reason } else { nil } }

  /// The outcome with the size of the page.
  var sizedDescription: String {
    switch self {
    case .completed(let translation), .busError(let translation):
      "at \(translation.pieces.map(\.description).joined(separator: ", "))"
        + (translation.pageSizeLog2.map { ", page of 2^\($0) bytes" } ?? ", page size not told")
    case .blocked: description
    }
  }
}
