import Hardware
import VTdArchitecture

/// What a read or a write must come to by one answer of a page-table case.
enum TableOutcome: Hashable, CustomStringConvertible {
  case translated(PhysicalAddress, pageSizeLog2: UInt8?)
  case fault(FaultReason)

  /// The outcome of a request of the given kind, not privileged.
  init(_ answer: PageTableCase.Answer, _ kind: AccessKind, isLegacy: Bool, isFirstStage: Bool) {
    let denial: FaultReason =
      isLegacy ? (kind.writes ? .noWrite : .noRead) : (kind.writes ? .scalableNoWrite : .scalableNoRead)
    let secondStageMiss: FaultReason = isLegacy ? denial : .secondStageNotPresent
    switch answer {
    case .hit(let mapping):
      let permitted = mapping.permissions?.isSuperset(of: Permissions(for: kind)) ?? true
      if mapping.user == false {
        self = .fault(.supervisorPage)
      } else if permitted {
        self = .translated(PhysicalAddress(mapping.output), pageSizeLog2: mapping.pageSizeLog2)
      } else {
        self = .fault(mapping.permissions?.isDisjoint(with: .readWrite) == true ? secondStageMiss : denial)
      }
    case .nested(let first, _, let second):
      let firstPermits = first.permissions?.isSuperset(of: Permissions(for: kind)) ?? true
      let secondPermits = second.permissions?.isSuperset(of: Permissions(for: kind)) ?? true
      if first.user == false {
        self = .fault(.supervisorPage)
      } else if firstPermits, secondPermits {
        self = .translated(PhysicalAddress(second.output), pageSizeLog2: min(first.pageSizeLog2, second.pageSizeLog2))
      } else {
        self = .fault(denial)
      }
    case .miss: self = .fault(isFirstStage ? .firstStageNotPresent : secondStageMiss)
    case .range: self = .fault(isLegacy ? .addressBeyondWidth : .secondStageBeyondWidth)
    case .nonCanonical: self = .fault(.notCanonical)
    case .secondStageMiss: self = .fault(.secondStageNotPresent)
    case .passThrough(let address): self = .translated(address, pageSizeLog2: nil)
    case .fault(let reason): self = .fault(reason)
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
