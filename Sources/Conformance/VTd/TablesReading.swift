import Hardware
import PageTables
import VTdArchitecture

/// The page tables that a requester's structures lead to, read for one access as the observed machine or as the architecture reads them.
enum TablesReading {
  /// A first stage; its addresses are canonical by the given number of bits.
  case firstStage(FirstStageReading, canonicalWidth: Int)
  /// A second stage; its addresses have the given number of bits.
  case secondStage(SecondStageReading, inputWidth: Int)

  var isFirstStage: Bool { if case .firstStage = self { true } else { false } }

  /// The code of an address that the tables do not cover, whatever they hold; nil for one that they do.
  func inputFault(_ address: IOVirtualAddress, isLegacy: Bool) -> FaultReason? {
    switch self {
    case .firstStage(_, let width): FirstStageReading.isCanonical(address, width: width) ? nil : .notCanonical
    case .secondStage(_, let width):
      address.rawValue >> UInt64(width) == 0 ? nil : isLegacy ? .addressBeyondWidth : .secondStageBeyondWidth
    }
  }

  /// Reads the tables; the entries met are appended to `trail`.
  func outcome(for address: IOVirtualAddress, kind: AccessKind, order: OrderOfChecks, trail: inout [TableWord]) -> WalkOutcome {
    switch self {
    case .firstStage(let tables, _): tables.outcome(for: address, kind: kind, order: order, trail: &trail)
    case .secondStage(let tables, _): tables.outcome(for: address, kind: kind, order: order, trail: &trail)
    }
  }

  /// The code of an outcome; nil if it is none. A first stage has codes of scalable mode only.
  func reason(_ outcome: WalkOutcome, kind: AccessKind, isLegacy: Bool) -> FaultReason? {
    let isLegacy = isLegacy && !isFirstStage
    switch outcome {
    case .translated: return nil
    case .accessError(let top):
      if isFirstStage { return top ? .firstStageTopAccess : .firstStageAccess }
      return isLegacy ? (top ? .contextInvalid : .tableAccess) : (top ? .secondStageTopAccess : .secondStageAccess)
    case .notPresent:
      if isFirstStage { return .firstStageNotPresent }
      return isLegacy ? (kind.writes ? .noWrite : .noRead) : .secondStageNotPresent
    case .malformed: return isFirstStage ? .firstStageReserved : isLegacy ? .tableReserved : .secondStageReserved
    case .denied(let none):
      if isLegacy { return kind.writes ? .noWrite : .noRead }
      return none ? .secondStageNotPresent : kind.writes ? .scalableNoWrite : .scalableNoRead
    case .supervisorPage: return .supervisorPage
    case .interruptRange: return isLegacy ? .interruptRange : .scalableInterruptRange
    case .beyondSecondStage: return .firstStageBeyondWidth
    }
  }
}

extension AccessReading {
  /// The tables that structures lead to; nil if they lead to none, or to none that the observed machine has.
  func tables(_ structures: StructureReading, observed: Bool) -> TablesReading? {
    switch structures.destination {
    case .blocked, .passThrough, .unread: return nil
    case .secondStage(let root, let width):
      return .secondStage(secondStage(root, width, observed: observed, structures), inputWidth: inputWidth(width))
    case .firstStage(let root, let levels, let second):
      if observed, second != nil { return nil }
      let entry = structures.pasidEntry
      var tables = FirstStageReading(
        levels: levels, root: root.rawValue, hostAddressWidth: identity.hostAddressWidth,
        pages1G: identity.capabilities.firstStage1G || observed,
        setsExtendedAccessed: !observed && identity.extended.extendedAccessedFlag && entry?.extendedAccessed == true,
        wholePageInRange: observed, memory: memory)
      if let second {
        tables.secondStage = secondStage(second.root, second.width, observed: false, structures)
        tables.guestAddressWidth = inputWidth(second.width)
      }
      // The observed machine takes AW for the width of first-stage addresses too.
      let observedWidth = min(identity.hostAddressWidth, 30 + 9 * Int(entry?.width ?? 2))
      return .firstStage(tables, canonicalWidth: observed ? observedWidth : 12 + 9 * levels)
    }
  }

  /// Inputs lie below 2^min(MGAW, AGAW).
  private func inputWidth(_ width: UInt8) -> Int { min(identity.capabilities.maximumGuestAddressWidth, 30 + 9 * Int(width)) }

  private func secondStage(
    _ root: PhysicalAddress, _ width: UInt8, observed: Bool, _ structures: StructureReading
  ) -> SecondStageReading {
    let capabilities = identity.capabilities
    let features = VTdSecondStage.Features(
      hostAddressWidth: UInt8(identity.hostAddressWidth), pages2M: capabilities.secondStage2M, pages1G: capabilities.secondStage1G,
      snoopControl: identity.extended.snoopControl || (observed && !structures.isLegacy),
      transientMapping: observed && hasTransientMapping)
    return SecondStageReading(
      format: VTdSecondStage(levels: width + 2, features: features), root: root, memory: memory, wholePageInRange: observed,
      setsFlags: identity.extended.secondStageAccessedDirty && structures.pasidEntry?.secondStageAccessedDirty == true)
  }
}
