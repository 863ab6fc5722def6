import Hardware
import PageTables
import Testing

@testable import Translation

/// Random tables of both stages, table changes, requests and invalidations, against walks of the tables without any cache.
@Suite struct StagedModelTests {
  /// How changes are followed by invalidations.
  enum Care: Sendable, CaseIterable { case exact, wide, none }

  private struct World {
    var random: SplitMix64
    let machine: StagedPipeline
    var freed: [PhysicalAddress] = []
    /// A first-stage table that lies elsewhere for now.
    var moved: (table: UInt64, home: PhysicalAddress, away: PhysicalAddress)?

    init(random: SplitMix64, machine: StagedPipeline) {
      self.random = random
      self.machine = machine
    }

    static let pages: UInt64 = 24

    /// Inputs under three tables of level 1, in two of level 2.
    mutating func input() -> UInt64 {
      let slot = random.next(below: Self.pages)
      return (slot / 8) << 30 | (slot % 8) / 4 << 21 | (slot % 4) << 12
    }

    mutating func guestPage() -> UInt64 { 1 << 30 + random.next(below: 3) << 21 + random.next(below: 4) << 12 }

    mutating func permissions() -> Permissions { random.next(below: 3) == 0 ? .read : .readWrite }

    /// Changes a first-stage page, and tells the input.
    mutating func changeFirst(of requester: UInt32) throws -> ClosedRange<UInt64> {
      guard let builder = machine.first[requester] else { return 0...0 }
      let isLarge = random.next(below: 6) == 0
      let size: UInt64 = isLarge ? 1 << 21 : 4096
      let input = self.input() & ~(size - 1)
      try builder.unmap(IOVirtualAddress(input), length: size, freed: &freed)
      if random.next(below: 4) != 0 {
        try machine.map(input, to: guestPage() & ~(size - 1), length: size, permissions(), by: requester, dirty: random.next(below: 2) == 0)
      }
      return input...input + size - 1
    }

    /// Moves a first-stage table in memory, where the guest does not see it, or moves it home again; what it leaves is clear. Tells the guest
    /// addresses of the table.
    mutating func moveTable() throws -> ClosedRange<UInt64> {
      let view = machine.physical.view
      let (table, from, to): (UInt64, PhysicalAddress, PhysicalAddress)
      if let moved {
        (table, from, to) = (moved.table, moved.away, moved.home)
        self.moved = nil
      } else {
        table = machine.guestTable(1 + UInt8(random.next(below: 4)), for: input(), by: 1 + UInt32(random.next(below: 2)))
        guard table >= StagedPipeline.displacement else { return 0...0 }
        (from, to) = (PhysicalAddress(table - StagedPipeline.displacement), StagedPipeline.spareFrame)
        moved = (table, from, to)
      }
      view.writeBytes(to, view.readBytes(from, count: 4096) ?? [])
      view.clearFrame(from)
      try machine.second.unmap(GuestPhysicalAddress(table), length: 4096, freed: &freed)
      try machine.back(table, by: to.rawValue)
      return table...table + 4095
    }

    /// Changes a second-stage page, and tells the guest address.
    mutating func changeSecond() throws -> ClosedRange<UInt64> {
      let size: UInt64 = random.next(below: 6) == 0 ? 1 << 21 : 4096
      let guest = guestPage() & ~(size - 1)
      try machine.second.unmap(GuestPhysicalAddress(guest), length: size, freed: &freed)
      if random.next(below: 4) != 0 {
        try machine.back(guest, by: (16 << 30) + random.next(below: 64) << 21, length: size, permissions())
      }
      return guest...guest + size - 1
    }
  }

  private static func parameters(_ seed: UInt64) -> (inout TranslationParameters) -> Void {
    { parameters in
      var random = SplitMix64(seed: seed)
      func geometry() -> CacheGeometry {
        switch random.next(below: 4) {
        case 0: .none
        case 1: .unlimited
        default: CacheGeometry(entries: 4, ways: 2)
        }
      }
      func levels() -> TranslationParameters.LevelCaches {
        var levels = TranslationParameters.LevelCaches()
        (levels.level2, levels.level3, levels.level4) = (geometry(), geometry(), geometry())
        return levels
      }
      parameters.iotlb.geometry = random.next(below: 3) == 0 ? .none : CacheGeometry(entries: 16, ways: 4)
      parameters.pagingStructureCaches.first = levels()
      parameters.pagingStructureCaches.second = levels()
      parameters.pagingStructureCaches.nested = levels()
      parameters.pagingStructureCaches.nestedTables = geometry()
    }
  }

  /// Runs a random history, and tells how many answers were not what the tables say.
  private func run(_ seed: UInt64, _ care: Care) throws -> (stale: Int, served: Int) {
    let machine = try StagedPipeline(accessedDirty: seed % 2 == 0, Self.parameters(seed))
    var world = World(random: SplitMix64(seed: seed &+ 1000), machine: machine)
    for _ in 0..<40 {
      for requester in 1...3 as ClosedRange<UInt32> { _ = try world.changeFirst(of: requester) }
      _ = try world.changeSecond()
    }
    for requester: UInt32 in 1...3 { machine.invalidate(domain: requester == 3 ? 8 : 7) }
    var (stale, served) = (0, 0)
    for _ in 0..<400 {
      if world.random.next(below: 5) == 0 {
        let target = 1 + UInt32(world.random.next(below: 5))
        if target > 3 || world.moved != nil {
          let guest = try target == 4 ? world.changeSecond() : world.moveTable()
          switch care {
          case .exact: machine.invalidate(domain: 7, secondStageInputs: guest, leafOnly: false)
          case .wide: machine.invalidate(domain: 7)
          case .none: break
          }
        } else {
          let input = try world.changeFirst(of: target)
          let domain: UInt32 = target == 3 ? 8 : 7
          switch care {
          case .exact: machine.invalidate(domain: domain, addressSpace: target * 10, input, leafOnly: false)
          case .wide: machine.invalidate(domain: domain, addressSpace: target * 10, nil, leafOnly: false)
          case .none: break
          }
        }
      }
      let requester = 1 + UInt32(world.random.next(below: 4))
      let address = (requester == 4 ? world.guestPage() : world.input()) + world.random.next(below: 4096)
      let kind = AccessKind.allCases[Int(world.random.next(below: 3))]
      let response = machine.request(address, kind, by: requester)
      let answer = response.succeeded ? response.address.rawValue : nil
      let truth = machine.truth(address, kind, by: requester)
      if answer != truth { stale += 1 }
      if answer != nil { served += 1 }
    }
    return (stale, served)
  }

  @Test("After the invalidation that covers a change, no answer is stale and none is lost", arguments: 0..<UInt64(40), [Care.exact, .wide])
  func neverStale(seed: UInt64, care: Care) throws {
    let (stale, served) = try run(seed, care)
    #expect(stale == 0)
    #expect(served > 0)
  }

  @Test("Without invalidations, stale answers are seen")
  func stale() throws {
    var stale = 0
    for seed in 0..<UInt64(20) { stale += try run(seed, .none).stale }
    #expect(stale > 50)
  }
}
