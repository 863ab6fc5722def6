import Hardware
import Testing
import Translation
import VTdArchitecture

@testable import VTd

/// Random structures, tables, requests, changes and invalidations on units with random caches, against an oracle without caches that knows
/// what may be cached.
@Suite struct TranslationModelCheck {
  /// What was seen over several worlds.
  private struct Seen {
    var requests = 0
    var translated = 0
    /// Answers that could not be otherwise.
    var certain = 0
    var flagUpdates = 0
    var faults: Set<UInt16> = []
    /// Answers that only a stale thing of one kind explains.
    var stale: [CacheUse: Int] = [:]
  }

  @Test(
    "An answer is what memory says, or what may be cached since the last invalidation that covers it",
    arguments: TranslationWorld.Kind.allCases, 0..<UInt64(4))
  func answers(kind: TranslationWorld.Kind, group: UInt64) throws {
    var seen = Seen()
    let count: UInt64 = 150
    for seed in group * count..<(group + 1) * count {
      let world = try TranslationWorld(kind, seed: seed)
      guard run(world, &seen) else {
        let again = try TranslationWorld(kind, seed: seed, isLogging: true)
        _ = run(again, &seen)
        Issue.record("\(kind.rawValue), seed \(seed):\n\(again.log?.joined(separator: "\n") ?? "")")
        return
      }
    }
    print(kind, seen)
  }

  private func run(_ world: TranslationWorld, _ seen: inout Seen) -> Bool {
    for _ in 0..<80 {
      switch world.random.next(below: 100) {
      case 0..<18: world.change()
      case 18..<26: world.invalidate()
      case 26: world.restart()
      default:
        let (_, answer, allowed) = world.request()
        guard let way = world.explanation(answer, allowed) else {
          world.note("allowed: \(allowed)")
          return false
        }
        note(answer, way, allowed, &seen)
        world.oracle.commit(way)
      }
    }
    if world.queueStopped { world.note("the queue has stopped") }
    if !world.differences.isEmpty { world.note("memory differs at \(world.differences)") }
    return !world.queueStopped && world.differences.isEmpty
  }

  private func note(_ answer: Answer, _ way: Way, _ allowed: [Candidate], _ seen: inout Seen) {
    seen.requests += 1
    switch answer {
    case .to: seen.translated += 1
    case .fault(let code, _): seen.faults.insert(code)
    }
    if allowed.count == 1 { seen.certain += 1 }
    if !way.updates.isEmpty { seen.flagUpdates += 1 }
    if way.uses.rawValue.nonzeroBitCount == 1 { seen.stale[way.uses, default: 0] += 1 }
  }
}
