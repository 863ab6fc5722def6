import Hardware
import VTd
import VTdArchitecture

/// Why something stale was still cached.
struct Diagnosis {
  var cause: StaleUse.Cause
  var given: StaleUse.Given?
  var needed: InvalidationRequest
}

extension StaleCheck {
  /// Finds out which invalidation a stale thing has lacked.
  ///
  /// An invalidation that served other changes of its own says nothing about this one: only one that comes with the change's own record, that
  /// served the change in part, or that was good for nothing at all, is taken for a failed attempt.
  func diagnose(_ thing: CachedThing, at address: IOVirtualAddress, _ change: TableHistory.Change?, _ fill: Fill?) -> Diagnosis {
    let needed = thing.needed(after: change?.role)
    if let origin = fill?.origin, let filled = fill?.sequence { return diagnoseRefill(thing, from: origin, filled: filled) }
    guard let change else { return Diagnosis(cause: .missing, needed: needed) }
    if isPutOff(thing, at: address, change) { return Diagnosis(cause: .deferred, needed: needed) }
    let earliest = history.validity(of: change.write.place, before: change.sequence)
    for invalidation in history.invalidations where invalidation.sequence > change.sequence {
      guard thing.isOfItsKind(invalidation.request), isMeant(invalidation, for: change) else { continue }
      return Diagnosis(cause: .tooNarrow, given: Self.given(invalidation), needed: needed)
    }
    for invalidation in history.invalidations.reversed()
    where invalidation.sequence < change.sequence && invalidation.sequence > earliest {
      guard thing.isCovered(by: invalidation.request), isMeant(invalidation, for: change) else { continue }
      return Diagnosis(cause: .outOfOrder, given: Self.given(invalidation), needed: needed)
    }
    return Diagnosis(cause: .missing, needed: needed)
  }

  // Something was invalidated, but what it was then filled from was still stale.
  private func diagnoseRefill(_ thing: CachedThing, from origin: Origin, filled: UInt64) -> Diagnosis {
    let changed = origin.change?.sequence ?? 0
    let early = history.invalidations.last {
      $0.sequence > changed && $0.sequence < filled && thing.isCovered(by: $0.request)
    }
    let upstream = history.invalidations.contains { $0.sequence > filled && origin.thing.isCovered(by: $0.request) }
    guard let early, upstream else { return origin.diagnosis }
    return Diagnosis(cause: .outOfOrder, given: Self.given(early), needed: thing.needed(after: origin.change?.role))
  }

  private func isMeant(_ invalidation: TableHistory.Invalidation, for change: TableHistory.Change) -> Bool {
    let record = change.write.moment.record
    return invalidation.moment.record == record || invalidation.purposes.isEmpty || invalidation.purposes.contains(record)
  }

  private func isPutOff(_ thing: CachedThing, at address: IOVirtualAddress, _ change: TableHistory.Change) -> Bool {
    guard !change.isConfiguration else { return false }
    switch thing {
    case .translation(_, _, _, let domain, _, _, _), .tablePointer(_, _, _, _, let domain, _):
      return isDeferred(address, DomainID(UInt16(truncatingIfNeeded: domain)))
    case .contextEntry, .pasidEntry: return false
    }
  }

  private static func given(_ invalidation: TableHistory.Invalidation) -> StaleUse.Given {
    StaleUse.Given(moment: invalidation.moment, request: invalidation.request)
  }
}
