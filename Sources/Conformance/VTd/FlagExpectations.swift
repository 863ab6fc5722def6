import Hardware
import VTdArchitecture

/// What a word of memory must hold.
struct ExpectedWord {
  var word: UInt64
  /// Bits that may be set as well.
  var open: UInt64 = 0
  /// What was seen.
  var seen: UInt64

  func admits(_ value: UInt64) -> Bool { (value ^ word) & ~open == 0 }

  /// The deviations that explain a right value that is not what was seen.
  func deviations(_ value: UInt64) -> Set<Deviation> {
    var deviations: Set<Deviation> = []
    if value & ~seen & word != 0 { deviations.insert(.flagsLeftClear) }
    if seen & ~value != 0 || value & ~seen & ~word != 0 { deviations.insert(.flagsOfBlockedRequests) }
    return deviations
  }
}

/// The first-stage entries that one piece of an access comes by before it is made.
struct FlagTrail {
  let page: IOVirtualAddress
  /// As the observed machine reads them; nil if it does not get that far.
  let observed: (outcome: WalkOutcome, words: [TableWord])?
  /// As the architecture does.
  let demanded: (outcome: WalkOutcome, words: [TableWord])?
}

extension VTdExpectations {
  /// The entries that an access will come by, piece by piece.
  func flagTrails(_ request: CaseRequest) -> [FlagTrail] {
    guard identity.extended.firstStageTranslation else { return [] }
    let reading = self.reading
    let trails = request.pieces.map { piece in
      FlagTrail(
        page: piece.address.alignedDown(PageSizeLog2.size4K), observed: reading.firstStageWalk(piece.address, request, observed: true),
        demanded: reading.firstStageWalk(piece.address, request, observed: false))
    }
    for trail in trails {
      flags.meet(trail.observed?.words ?? [])
      flags.meet(trail.demanded?.words ?? [])
    }
    return trails
  }

  /// Follows an access that was found right: the flags that it set on the observed machine, and those that it must and may set.
  func followFlags(_ trails: [FlagTrail], _ access: PredictedAccess, _ request: CaseRequest) {
    for trail in trails {
      guard let (outcome, words) = trail.observed else { break }
      var isTranslated = false
      if case .translated = outcome { isTranslated = true }
      flags.observe(words, trail.page, request.requester, isTranslated: isTranslated)
      if !isTranslated { break }
    }
    for (index, trail) in trails.prefix(access.pieces.count + 1).enumerated() {
      guard let (outcome, words) = trail.demanded else { continue }
      if index == access.pieces.count {
        flags.permit(words, isBlocked: true)
      } else if case .translated(access.pieces[index], _) = outcome, !mayUseOldTranslations(request.requester) {
        flags.demand(words)
        if !identity.extended.scalableModePageWalkCoherency, words.contains(where: { $0.missingFlags != 0 }) {
          deviations.insert(.flagsWithoutSnoop)
        }
      } else {
        flags.permit(words, isBlocked: false)
      }
    }
  }

  /// An entry on the way in which a flag is clear that must be set.
  func entryWithoutFlags(_ trails: [FlagTrail]) -> (address: PhysicalAddress, expected: UInt64, found: UInt64)? {
    for word in trails.flatMap({ $0.demanded?.words ?? [] }) {
      guard let expected = flags[word.address]?.expected.word, let found = memory.read64(word.address), expected & ~found != 0 else {
        continue
      }
      return (word.address, expected, found)
    }
    return nil
  }

  /// What memory must hold where `observed` was seen.
  func expected(_ observed: IOMMUCase.MemoryWords) -> [ExpectedWord] {
    observed.words.enumerated().map { index, seen in
      let place = observed.address.advanced(by: UInt64(8 * index))
      if let entry = flags[place], entry.explains(seen) {
        return ExpectedWord(word: entry.expected.word, open: entry.expected.open, seen: seen)
      }
      return ExpectedWord(word: demanded(seen, at: place), seen: seen)
    }
  }
}
