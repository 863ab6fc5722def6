import Hardware
import Testing
import Translation
import VTdArchitecture

@testable import VTd

/// What was seen in worlds.
struct Seen {
  var requests = 0
  var translated = 0
  /// Answers that could not be otherwise.
  var certain = 0
  var flagUpdates = 0
  var faults: Set<UInt16> = []
  /// Answers that only a stale thing of one kind explains.
  var stale: [CacheUse: Int] = [:]

  mutating func note(_ answer: Answer, _ way: Way, isCertain: Bool) {
    requests += 1
    switch answer {
    case .to, .translation: translated += 1
    case .fault(let code, _): faults.insert(code)
    case .nothing, .unsupportedRequest, .completerAbort: break
    }
    if isCertain { certain += 1 }
    if !way.updates.isEmpty { flagUpdates += 1 }
    if way.uses.rawValue.nonzeroBitCount == 1 { stale[way.uses, default: 0] += 1 }
  }

  mutating func add(_ other: Seen) {
    requests += other.requests
    translated += other.translated
    certain += other.certain
    flagUpdates += other.flagUpdates
    faults.formUnion(other.faults)
    stale.merge(other.stale, uniquingKeysWith: +)
  }
}

/// Random structures, tables, requests, changes and invalidations on units with random caches, against an oracle without caches that knows
/// what may be cached.
@Suite struct TranslationModelCheck {
  @Test(
    "An answer is what memory says, or what may be cached since the last invalidation that covers it",
    arguments: TranslationWorld.Kind.allCases, [false, true])
  func answers(kind: TranslationWorld.Kind, hasDevices: Bool) throws {
    var seen = Seen()
    for seed in 0..<UInt64(hasDevices ? 200 : 400) {
      let world = try TranslationWorld(kind, hasDevices: hasDevices, seed: seed)
      guard run(world) else {
        let again = try TranslationWorld(kind, hasDevices: hasDevices, seed: seed, isLogging: true)
        _ = run(again)
        Issue.record("\(kind.rawValue), seed \(seed):\n\(again.log?.joined(separator: "\n") ?? "")")
        return
      }
      seen.add(world.seen)
    }
    #expect(seen.translated * 5 > seen.requests)
    #expect(seen.certain * 4 > seen.requests * 3)
    #expect(kind == .legacy || seen.flagUpdates > 500)
    // What is left out is seen: each cache keeps what software does not invalidate.
    for (use, name) in CacheUse.names where Self.caches(kind, hasDevices).contains(use) {
      #expect(seen.stale[use, default: 0] > 3, "\(name)")
    }
  }

  /// The kinds of cache that a unit has for translations of a kind.
  private static func caches(_ kind: TranslationWorld.Kind, _ hasDevices: Bool) -> CacheUse {
    var caches: CacheUse = [.context, .translation]
    if kind != .legacy { caches.insert(.pasid) }
    if kind == .firstStage || kind == .nested { caches.insert(.firstStageTable) }
    if kind != .firstStage { caches.insert(.secondStageTable) }
    if kind == .nested { caches.insert(.tablePage) }
    if hasDevices { caches.insert(.device) }
    return caches
  }

  private func run(_ world: TranslationWorld) -> Bool {
    for _ in 0..<80 where !world.hasFailed {
      switch world.random.next(below: 100) {
      case 0..<18: world.change()
      case 18..<26: world.invalidate()
      case 26: world.restart()
      default: world.request()
      }
    }
    if world.queueStopped { world.note("the queue has stopped") }
    if !world.differences.isEmpty { world.note("memory differs at \(world.differences)") }
    return !world.hasFailed && !world.queueStopped && world.differences.isEmpty
  }
}
