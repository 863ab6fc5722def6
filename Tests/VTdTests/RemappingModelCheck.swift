import Hardware
import Testing
import Translation
import VTdArchitecture

@testable import VTd

/// Random structures, tables, requests and invalidations on units with random caches, against an oracle that knows no caches but what they
/// may hold.
@Suite struct RemappingModelCheck {
  /// What was seen over several worlds.
  private struct Seen {
    var translated = 0
    var faults: Set<UInt16> = []
    var silent = 0
    /// Answers that could not be otherwise.
    var certain = 0
    /// Answers that only one kind of stale thing explains.
    var stale: [RemappingOracle.Source: Int] = [:]
  }

  @Test(
    "An answer is what memory says, or what may be cached since the last invalidation that covers it", arguments: [false, true],
    0..<UInt64(6))
  func answers(isScalable: Bool, group: UInt64) throws {
    var seen = Seen()
    for seed in group * 25..<group * 25 + 25 {
      let world = try RemappingWorld(isScalable: isScalable, seed: seed)
      guard run(world, seed, &seen) else { return }
    }
    #expect(seen.translated > 1000)
    #expect(seen.certain > 4000)
    #expect(seen.faults.count > (isScalable ? 10 : 6))
    #expect(seen.silent > 0)
    // What is left out is seen: each cache keeps what software does not invalidate.
    for source in RemappingOracle.Source.allCases where isScalable || source != .pasid {
      #expect(seen.stale[source, default: 0] > 3, "\(source)")
    }
  }

  private func run(_ world: RemappingWorld, _ seed: UInt64, _ seen: inout Seen) -> Bool {
    for step in 0..<500 {
      switch world.next(below: 100) {
      case 0..<15: world.changeSomething()
      case 15..<30: _ = world.invalidate()
      case 30: world.invalidateEverything()
      default:
        let (request, answer, allowed) = world.request()
        guard allowed.contains(where: { $0.answer == answer }) else {
          Issue.record(
            "seed \(seed), step \(step): \(request.kind) \(request.access) of \(request.address) by \(request.requester), \(answer) of \(allowed)"
          )
          return false
        }
        note(answer, allowed, &seen)
      }
    }
    #expect(!world.queueStopped)
    return true
  }

  private func note(_ answer: RemappingOracle.Answer, _ allowed: Set<RemappingOracle.Candidate>, _ seen: inout Seen) {
    switch answer {
    case .to: seen.translated += 1
    case .fault(let code, let isReported):
      seen.faults.insert(code)
      if !isReported { seen.silent += 1 }
    }
    if Set(allowed.map(\.answer)).count == 1 { seen.certain += 1 }
    let explanations = Set(allowed.filter { $0.answer == answer }.map(\.sources))
    if explanations.count == 1, let sources = explanations.first, sources.count == 1, let source = sources.first {
      seen.stale[source, default: 0] += 1
    }
  }
}
