import DMATrace
import Hardware
import Machine
import Replay
import Testing

/// Random software that forgets some of its invalidations, against a model of what a cache without limit still holds.
@Suite("Stale uses of random software") struct StaleCheckModelCheck {
  struct Software {
    var random: SplitMix64
    /// Pages are invalidated by PASID.
    var hasFirstStage: Bool
    var mapped: [UInt64: UInt64] = [:]
    var cached: [UInt64: UInt64] = [:]
    var records = [attach()]
    var staleUses: UInt64 = 0

    mutating func draw(_ count: UInt64) -> UInt64 { random.next() % count }

    mutating func step(forgets: Bool) {
      let page = 1 + draw(6)
      switch draw(8) {
      case 0, 1:
        guard mapped[page] == nil else { return }
        mapped[page] = 100 + draw(3)
        records.append(map(page, to: mapped[page] ?? 0))
      case 2:
        guard mapped.removeValue(forKey: page) != nil else { return }
        records.append(unmap(page))
        if !forgets { drop(page, 1) }
      case 3:
        guard forgets else { return }
        drop(page, 1 + draw(2))
      default:
        records.append(read(page))
        if let frame = cached[page] { staleUses += frame == mapped[page] ? 0 : 1 } else { cached[page] = mapped[page] }
      }
    }

    // A range is carried out as the aligned run of pages around it.
    private mutating func drop(_ page: UInt64, _ count: UInt64) {
      records.append(hasFirstStage ? invalidate(page, count: count, ofPASID: PASID(0)) : invalidate(page, count: count))
      var size: UInt64 = 1
      while page & ~(size - 1) + size < page + count { size *= 2 }
      for covered in page & ~(size - 1)..<page & ~(size - 1) + size { cached[covered] = nil }
    }
  }

  @Test("As many uses are found as there are, and none where nothing is forgotten", arguments: [false, true])
  func counts(forgets: Bool) throws {
    var all: UInt64 = 0
    for seed in UInt64(0)..<150 {
      let stages = MachineConfiguration.Stages.translated[Int(seed % 4)]
      var software = Software(random: SplitMix64(seed: seed), hasFirstStage: stages == .first || stages == .nested)
      for _ in 0..<80 { software.step(forgets: forgets) }
      let uses = try Script(stages: stages, records: software.records).findings()
      #expect(uses.uses == software.staleUses, "seed \(seed)")
      all += uses.uses
    }
    #expect(forgets ? all > 100 : all == 0)
  }
}
