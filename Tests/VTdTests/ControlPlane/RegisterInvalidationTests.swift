import Hardware
import Testing
import VTdArchitecture

@testable import VTd

@Suite struct RegisterInvalidationTests {
  static let address: UInt64 = 0x200
  static let command: UInt64 = 0x208

  @Test(
    "A context command invalidates what it asks for, and reports that granularity",
    arguments: [
      (0xA000_0000_0000_0000, 1, .all), (0xC000_0000_0000_0005, 2, .domain(DomainID(5))),
      (0xE000_0003_00F8_0005, 3, .requester(RequesterID(0xF8), functionMask: 3, domain: DomainID(5))),
    ] as [(UInt64, UInt64, ContextScope)])
  func context(value: UInt64, granularity: UInt64, scope: ContextScope) throws {
    let unit = try UnitUnderTest()
    unit.write(RegisterOffset.contextCommand, value, size: 8)
    #expect(unit.takeInvalidations() == [.contexts(scope)])
    let expected = value & ~(1 << 63) & ~0x3_FFFF_0000 | granularity << 59
    #expect(unit.read(RegisterOffset.contextCommand, size: 8) == expected)
  }

  @Test("A context command starts when its upper half is written with ICC set")
  func trigger() throws {
    let unit = try UnitUnderTest()
    unit.write(RegisterOffset.contextCommand, 0x5)
    #expect(unit.takeInvalidations() == [])
    unit.write(RegisterOffset.contextCommand + 4, 0x4000_0000)
    #expect(unit.takeInvalidations() == [])
    unit.write(RegisterOffset.contextCommand + 4, 0xC000_0000)
    #expect(unit.takeInvalidations() == [.contexts(.domain(DomainID(5)))])
  }

  @Test(
    "An IOTLB command invalidates what it asks for, and reports that granularity",
    arguments: [
      (0x9000_0000_0000_0000, 1, IOTLBInvalidation(.global)),
      (0xA003_0007_0000_0000, 2, IOTLBInvalidation(.domain(DomainID(7)), drainReads: true, drainWrites: true)),
      (
        0xB000_0007_0000_0000, 3,
        IOTLBInvalidation(.pages(DomainID(7), PageRange(IOVirtualAddress(0x20_0000), addressMask: 9), leafOnly: true))
      ),
    ] as [(UInt64, UInt64, IOTLBInvalidation)])
  func iotlb(value: UInt64, granularity: UInt64, invalidation: IOTLBInvalidation) throws {
    let unit = try UnitUnderTest()
    unit.write(Self.address, 0xFFFF_0000_0020_0049, size: 8)
    unit.write(Self.command, value, size: 8)
    #expect(unit.takeInvalidations() == [.translations(invalidation)])
    #expect(unit.read(Self.command, size: 8) == value & ~(1 << 63) | granularity << 57)
    #expect(unit.read(Self.address, size: 8) == 0)
  }

  @Test("An address mask above MAMV is an error: granularity 0, and nothing happens", arguments: [(18, 3), (19, 0)] as [(UInt64, UInt64)])
  func addressMask(mask: UInt64, granularity: UInt64) throws {
    let unit = try UnitUnderTest()
    unit.write(Self.address, mask, size: 8)
    unit.write(Self.command, 0xB000_0000_0000_0000, size: 8)
    #expect(unit.read(Self.command, size: 8)[bits: 57...58] == granularity)
    #expect(unit.takeInvalidations().count == (granularity == 0 ? 0 : 1))
  }

  @Test("Without page-selective invalidation a page request takes the whole domain")
  func withoutPages() throws {
    let unit = try UnitUnderTest(cap: SampleUnit.legacyCapabilities & ~(1 << 39))
    unit.write(Self.command, 0xB000_0007_0000_0000, size: 8)
    #expect(unit.takeInvalidations() == [.translations(IOTLBInvalidation(.domain(DomainID(7))))])
    #expect(unit.read(Self.command, size: 8)[bits: 57...58] == 2)
  }

  @Test("A reserved granularity reports 0 and does nothing")
  func reserved() throws {
    let unit = try UnitUnderTest()
    unit.write(RegisterOffset.contextCommand, 1 << 63, size: 8)
    unit.write(Self.command, 1 << 63, size: 8)
    #expect(unit.read(RegisterOffset.contextCommand, size: 8) == 0)
    #expect(unit.read(Self.command, size: 8) == 0)
    #expect(unit.takeInvalidations() == [])
  }

  /// Why register-based invalidation does not work.
  enum Obstacle: CaseIterable { case majorVersion, queue, scalableMode }

  @Test("Where register-based invalidation does not work, granularity 0 is reported and nothing happens", arguments: Obstacle.allCases)
  func refused(obstacle: Obstacle) throws {
    let unit = try UnitUnderTest(ecap: SampleUnit.mixedExtended, major: obstacle == .majorVersion ? 6 : 5)
    if obstacle == .queue { unit.enableQueue(wide: false) }
    if obstacle == .scalableMode { unit.setRootTable(RootTableAddress(table: PhysicalAddress(0), mode: .scalable)) }
    unit.write(RegisterOffset.contextCommand, 0xA000_0000_0000_0000, size: 8)
    unit.write(Self.command, 0x9000_0000_0000_0000, size: 8)
    #expect(unit.read(RegisterOffset.contextCommand, size: 8) == 0x2000_0000_0000_0000)
    #expect(unit.read(Self.command, size: 8) == 0x1000_0000_0000_0000)
    #expect(unit.takeInvalidations() == [])
  }

  @Test("It works in scalable mode if chosen, where contexts have no domains")
  func everyMode() throws {
    var choices = ImplementationChoices()
    choices.registerInvalidation = .everyMode
    let unit = try UnitUnderTest(ecap: SampleUnit.mixedExtended, choices: choices)
    unit.setRootTable(RootTableAddress(table: PhysicalAddress(0), mode: .scalable))
    unit.write(RegisterOffset.contextCommand, 0xC000_0000_0000_0005, size: 8)
    #expect(unit.takeInvalidations() == [.contexts(.all)])
    #expect(unit.read(RegisterOffset.contextCommand, size: 8)[bits: 59...60] == 2)
  }

  @Test("It works while translation is disabled, and domain ids are cut to the unit's width")
  func domainWidth() throws {
    let unit = try UnitUnderTest(cap: SampleUnit.legacyCapabilities & ~7 | 2)
    unit.write(RegisterOffset.contextCommand, 0xC000_0000_0000_FF05, size: 8)
    unit.write(Self.command, 0xA000_FF07_0000_0000, size: 8)
    #expect(
      unit.takeInvalidations() == [.contexts(.domain(DomainID(5))), .translations(IOTLBInvalidation(.domain(DomainID(7))))])
  }
}
