import Hardware
import PageTables
import Testing

@testable import Translation

/// Invalidations against what is cached, and against walks under way.
@Suite struct PipelineInvalidationTests {
  typealias Latency = PipelineUnderTest.Latency

  /// A machine with a page mapped, then mapped elsewhere while its walk is under way or after.
  private func remapped(_ change: (inout TranslationParameters) -> Void = { _ in }) throws -> PipelineUnderTest {
    let machine = try PipelineUnderTest(VTdSecondStage(levels: 4), change)
    try machine.map(0x5000, to: 0x9000)
    #expect(machine.request(0x5000).address == PhysicalAddress(0x9000))
    machine.write(0xA003, at: 1, for: 0x5000)
    return machine
  }

  @Test("Without an invalidation the old translation stays", arguments: [1, 1000] as [UInt64])
  func stale(time: UInt64) throws {
    let machine = try remapped()
    #expect(machine.request(0x5000, at: time).address == PhysicalAddress(0x9000))
  }

  @Test("After an invalidation the page is walked anew", arguments: [1, 1000] as [UInt64])
  func fresh(time: UInt64) throws {
    let machine = try remapped()
    machine.invalidate(at: SimTime(nanoseconds: time))
    let response = machine.request(0x5000, at: time)
    #expect(response.outcome == .miss)
    #expect(response.address == PhysicalAddress(0xA000))
    #expect(machine.counters.invalidations == 1)
  }

  @Test("An invalidation during a walk keeps it from filling, now and at its end")
  func cancelled() throws {
    let machine = try remapped()
    machine.invalidate(at: SimTime(nanoseconds: 200))
    #expect(machine.counters.invalidations == 1)
    let response = machine.request(0x5000, at: 1000)
    #expect(response.outcome == .miss)
    #expect(response.address == PhysicalAddress(0xA000))
    #expect(machine.counters.fills == 0)
    machine.advance(to: 2000)
    #expect(machine.counters.fills == 1)
  }

  @Test("A request that had merged before keeps its answer; one that comes after walks for itself")
  func mergedBefore() throws {
    let machine = try remapped()
    #expect(machine.request(0x5000, at: 1).address == PhysicalAddress(0x9000))
    machine.invalidate(at: SimTime(nanoseconds: 2))
    let later = machine.request(0x5000, at: 2)
    #expect(later.outcome == .miss)
    #expect(later.address == PhysicalAddress(0xA000))
    let last = machine.request(0x5000, at: 3)
    #expect(last.outcome == .merge)
    #expect(last.address == PhysicalAddress(0xA000))
    #expect(machine.request(0x5000, at: 2000).address == PhysicalAddress(0xA000))
    #expect(machine.counters.fills == 1)
  }

  @Test("A cancelled walk keeps its walker until it is done")
  func cancelledKeepsWalker() throws {
    let machine = try remapped { $0.walkers = 1 }
    machine.invalidate()
    #expect(machine.request(0x5000).latency.walkerWait == Latency.pagingStructure + Latency.memory * 4)
  }

  @Test(
    "An invalidation by address reaches a large page, cached or being walked, by any address in it", arguments: [200, 1000] as [UInt64],
    [
      (0x20_0000...0x20_0FFF, true), (0x3F_F000...0x3F_FFFF, true), (0x2A_A000...0x2A_AFFF, true), (0...UInt64.max, true),
      (0x1F_F000...0x1F_FFFF, false), (0x40_0000...0x40_0FFF, false),
    ] as [(ClosedRange<UInt64>, Bool)])
  func largePage(time: UInt64, range: (addresses: ClosedRange<UInt64>, isCovered: Bool)) throws {
    let machine = try PipelineUnderTest()
    try machine.map(0x20_0000, to: 0x80_0000, length: 0x20_0000)
    machine.request(0x31_1000)
    machine.write(0xC0_0083, at: 2, for: 0x20_0000)
    machine.invalidate(range.addresses, at: SimTime(nanoseconds: time))
    #expect(machine.request(0x31_1000, at: 1000).address == PhysicalAddress(range.isCovered ? 0xD1_1000 : 0x91_1000))
  }

  @Test("Another domain's translations stay, cached or being walked", arguments: [200, 1000] as [UInt64])
  func otherDomain(time: UInt64) throws {
    let machine = try remapped()
    machine.invalidate(domain: 2, at: SimTime(nanoseconds: time))
    #expect(machine.counters.invalidations == 0)
    #expect(machine.request(0x5000, at: 1000).outcome == .hit)
  }

  // MARK: Upper-level entries

  /// A machine that has walked to one page, and whose table at level 1 has been replaced by one that maps the pages around elsewhere.
  private func retabled() throws -> PipelineUnderTest {
    let machine = try PipelineUnderTest { $0.pagingStructureCaches.second.level2 = CacheGeometry(entries: 4) }
    try machine.map(0x5000, to: 0x9000, length: 0x2000)
    machine.request(0x5000)
    let table = PhysicalAddress(0x40_0000)
    machine.physical.view.write64(table.advanced(by: 6 * 8), 0xB003)
    machine.write(table.rawValue | 3, at: 2, for: 0x5000)
    return machine
  }

  @Test("An upper-level entry stays until it is invalidated, cached or found by a walk under way", arguments: [200, 1000] as [UInt64])
  func staleTable(time: UInt64) throws {
    let machine = try retabled()
    machine.invalidate(at: SimTime(nanoseconds: time))
    // A walk that was cancelled has no table to give either.
    #expect(machine.request(0x6000, at: 1000).address == PhysicalAddress(time == 200 ? 0xB000 : 0xA000))
  }

  @Test(
    "An upper-level entry goes with any address that it covers", arguments: [200, 1000] as [UInt64],
    [
      (nil, true), (0x6000...0x6FFF, true), (0x1F_F000...0x1F_FFFF, true), (0x20_0000...0x20_0FFF, false),
    ] as [(ClosedRange<UInt64>?, Bool)])
  func freshTable(time: UInt64, range: (addresses: ClosedRange<UInt64>?, isCovered: Bool)) throws {
    let machine = try retabled()
    machine.invalidateTables(range.addresses, at: SimTime(nanoseconds: time))
    #expect(machine.request(0x6000, at: 1000).address == PhysicalAddress(range.isCovered ? 0xB000 : 0xA000))
    // The translation itself was not invalidated.
    #expect(machine.request(0x5000, at: 2000).outcome == .hit)
  }

  @Test("Another domain's upper-level entries stay", arguments: [200, 1000] as [UInt64])
  func otherDomainsTable(time: UInt64) throws {
    let machine = try retabled()
    machine.invalidateTables(domain: 2, at: SimTime(nanoseconds: time))
    #expect(machine.request(0x6000, at: 1000).address == PhysicalAddress(0xA000))
  }
}
