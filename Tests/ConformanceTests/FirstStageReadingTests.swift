import Hardware
import PageTables
import Testing

@testable import Conformance

@Suite struct FirstStageReadingTests {
  let memory = try? PhysicalMemory(regions: [MemoryRegion(start: PhysicalAddress(0), length: 1 << 24)])

  /// Four levels at 0x1_0000 to 0x1_3000 that map 0x5000 to 0x20_0000.
  private func outcome(
    _ changes: [UInt64: UInt64] = [:], _ kind: AccessKind = .read, _ order: OrderOfChecks = .permissionLast,
    at address: UInt64 = 0x5000, extendedAccessed: Bool = false, pages1G: Bool = true
  ) throws -> (WalkOutcome, [TableWord]) {
    let memory = try #require(memory)
    let entries: [UInt64: UInt64] = [0x1_0000: 0x1_1007, 0x1_1000: 0x1_2007, 0x1_2000: 0x1_3007, 0x1_3028: 0x20_0007]
    for (place, entry) in entries.merging(changes, uniquingKeysWith: { $1 }) { memory.view.write64(PhysicalAddress(place), entry) }
    let reading = FirstStageReading(
      levels: 4, root: 0x1_0000, hostAddressWidth: 39, pages1G: pages1G, setsExtendedAccessed: extendedAccessed, memory: memory.view)
    var trail: [TableWord] = []
    return (reading.outcome(for: IOVirtualAddress(address), kind: kind, order: order, trail: &trail), trail)
  }

  @Test(
    "An entry is present by P, then well-formed by its reserved bits, then a table or a page by PS",
    arguments: [
      (0x1_3028, 0x20_0007, WalkOutcome.translated(PhysicalAddress(0x20_0000), sizeLog2: 12)),
      (0x1_3028, 0x20_0087, .translated(PhysicalAddress(0x20_0000), sizeLog2: 12)), (0x1_3028, 0x20_0006, .notPresent),
      (0x1_3028, 1 << 39 | 7, .malformed), (0x1_3028, 1 << 52 | 1 << 63 | 0x20_0F07, .translated(PhysicalAddress(0x20_0000), sizeLog2: 12)),
      (0x1_2000, 0x20_1087, .translated(PhysicalAddress(0x20_5000), sizeLog2: 21)), (0x1_2000, 0x20_2087, .malformed),
      (0x1_1000, 0x4000_1087, .translated(PhysicalAddress(0x4000_5000), sizeLog2: 30)), (0x1_1000, 0x4020_0087, .malformed),
      (0x1_0000, 0x1_1087, .malformed), (0x1_2000, 0x7FFF_F007, .accessError(top: false)), (0x1_3028, 0x20_0003, .supervisorPage),
      (0x1_0000, 0x1_1003, .supervisorPage), (0x1_3028, 0xFEE0_0007, .interruptRange),
    ] as [(UInt64, UInt64, WalkOutcome)])
  func entries(place: UInt64, entry: UInt64, expected: WalkOutcome) throws {
    #expect(try outcome([place: entry]).0 == expected)
  }

  @Test("PS of a PDPE is reserved without 1 GiB pages")
  func largePages() throws { #expect(try outcome([0x1_1000: 0x4000_0087], pages1G: false).0 == .malformed) }

  @Test("A write needs R/W at every level; which of two conditions counts is a question of order")
  func writes() throws {
    #expect(try outcome([0x1_1000: 0x1_2005], .write).0 == .denied(none: false))
    let both: [UInt64: UInt64] = [0x1_1000: 0x1_2005, 0x1_3028: 0]
    #expect(try outcome(both, .write, .permissionLast).0 == .notPresent)
    #expect(try outcome(both, .write, .permissionAtEachLevel).0 == .denied(none: false))
    let malformed: [UInt64: UInt64] = [0x1_3028: 1 << 39 | 5]
    #expect(try outcome(malformed, .write, .permissionFirst).0 == .denied(none: false))
    #expect(try outcome(malformed, .write, .permissionAtEachLevel).0 == .malformed)
  }

  @Test("An access sets A in every entry, EA if it is enabled, and a write D in the leaf")
  func flags() throws {
    #expect(try outcome([:], .read).1.map(\.flags) == [0x20, 0x20, 0x20, 0x20])
    #expect(try outcome([:], .write).1.map(\.flags) == [0x20, 0x20, 0x20, 0x60])
    #expect(try outcome([:], .write, extendedAccessed: true).1.map(\.flags) == [0x420, 0x420, 0x420, 0x460])
    #expect(try outcome([0x1_3028: 0], .write).1.map(\.flags) == [0x20, 0x20, 0x20, 0])
  }

  @Test(
    "Canonical addresses have equal bits from the highest translated one up",
    arguments: [(0x7FFF_FFFF_FFFF, true), (0x8000_0000_0000, false), (0xFFFF_8000_0000_0000, true), (0xFFFF_7FFF_FFFF_FFFF, false)]
      as [(UInt64, Bool)])
  func canonical(address: UInt64, expected: Bool) {
    #expect(FirstStageReading.isCanonical(IOVirtualAddress(address), width: 48) == expected)
  }

  @Test("Nested, tables and output go through the second stage; a flag set in a table dirties the page it lies in")
  func nested() throws {
    let memory = try #require(memory)
    _ = try outcome()
    // Guest physical addresses are physical ones: one page of 1 GiB.
    memory.view.write64(PhysicalAddress(0x8_0000), 0x83)
    let second = SecondStageReading(
      format: VTdSecondStage(levels: 3), root: PhysicalAddress(0x8_0000), memory: memory.view, setsFlags: true)
    var reading = FirstStageReading(
      levels: 4, root: 0x1_0000, hostAddressWidth: 52, pages1G: true, secondStage: second, guestAddressWidth: 39, memory: memory.view)
    var trail: [TableWord] = []
    let found = reading.outcome(for: IOVirtualAddress(0x5000), kind: .read, order: .permissionLast, trail: &trail)
    #expect(found == .translated(PhysicalAddress(0x20_0000), sizeLog2: 12))
    #expect(trail.map(\.stage) == [.second, .first, .second, .first, .second, .first, .second, .first, .second])
    #expect(trail.filter { $0.stage == .second }.map(\.flags) == [0x300, 0x300, 0x300, 0x300, 0x100])
    reading.guestAddressWidth = 20
    #expect(reading.outcome(for: IOVirtualAddress(0x5000), kind: .read, order: .permissionLast, trail: &trail) == .beyondSecondStage)
  }
}
