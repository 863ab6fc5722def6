import Hardware
import Testing
import VTdArchitecture

@testable import VTd

@Suite struct GlobalCommandTests {
  static let root = RootTableAddress(table: PhysicalAddress(0x7000), mode: .scalable)

  @Test("RTADDR takes effect when SRTP latches it, not before")
  func rootTable() throws {
    let unit = try UnitUnderTest(ecap: SampleUnit.mixedExtended)
    unit.write(RegisterOffset.rootTableAddress, Self.root.rawValue, size: 8)
    #expect(unit.translation.rootTable == RootTableAddress(rawValue: 0))
    #expect(unit.translation.mode == .legacy)
    unit.command(set: .rootTable)
    #expect(unit.status == .rootTable)
    #expect(unit.translation.rootTable == Self.root)
    #expect(unit.translation.mode == .scalable)
    unit.write(RegisterOffset.rootTableAddress, 0x9000, size: 8)
    unit.command(set: .translation)
    #expect(unit.translation.rootTable == Self.root)
  }

  @Test("Root tables can be swapped while translation is enabled")
  func rootSwap() throws {
    let unit = try UnitUnderTest()
    unit.command(set: .translation)
    unit.setRootTable(RootTableAddress(table: PhysicalAddress(0xA000), mode: .legacy))
    #expect(unit.translation.rootTable.table == PhysicalAddress(0xA000))
    #expect(unit.status == [.translation, .rootTable])
  }

  @Test("Level bits follow the command, and a later command that leaves one-shot bits 0 keeps their statuses")
  func levels() throws {
    let unit = try UnitUnderTest()
    unit.setRootTable(RootTableAddress(table: PhysicalAddress(0x7000), mode: .legacy))
    unit.command(set: .translation)
    unit.command(set: .interruptRemapping)
    #expect(unit.status == [.rootTable, .translation, .interruptRemapping])
    #expect(unit.translation.isEnabled && unit.translation.remapsInterrupts)
    unit.command(clear: .translation)
    #expect(unit.status == [.rootTable, .interruptRemapping])
    #expect(!unit.translation.isEnabled)
  }

  @Test("Pointers are latched before what a command enables with them")
  func together() throws {
    let unit = try UnitUnderTest()
    unit.write(RegisterOffset.rootTableAddress, 0x3000, size: 8)
    unit.write(RegisterOffset.globalCommand, UInt64(([.rootTable, .translation] as GlobalCommand).rawValue))
    #expect(unit.translation.isEnabled)
    #expect(unit.translation.rootTable.table == PhysicalAddress(0x3000))
  }

  @Test("SRTP empties all translation caches if the unit has enhanced SRTP", arguments: [false, true])
  func enhancedRootTable(enhanced: Bool) throws {
    let unit = try UnitUnderTest(cap: SampleUnit.legacyCapabilities | (enhanced ? 1 << 63 : 0))
    unit.setRootTable(RootTableAddress(table: PhysicalAddress(0x7000), mode: .legacy))
    #expect(unit.takeInvalidations() == (enhanced ? [.everything] : []))
  }

  @Test("Disabling translation empties all translation caches of a unit with scalable mode", arguments: [false, true])
  func disableTranslation(scalable: Bool) throws {
    let unit = try UnitUnderTest(ecap: scalable ? SampleUnit.mixedExtended : SampleUnit.legacyExtended)
    unit.command(set: .translation)
    #expect(unit.takeInvalidations() == [])
    unit.command(clear: .translation)
    #expect(unit.takeInvalidations() == (scalable ? [.everything] : []))
    unit.command(clear: .translation)
    #expect(unit.takeInvalidations() == [])
  }

  @Test("SIRTP latches IRTA, and empties the interrupt entry cache if enhanced", arguments: [false, true])
  func interruptTable(enhanced: Bool) throws {
    let unit = try UnitUnderTest(cap: SampleUnit.legacyCapabilities | (enhanced ? 1 << 62 : 0))
    let table = InterruptTableAddress(table: PhysicalAddress(0x4000), sizeLog2: 7, extendedMode: true)
    unit.write(RegisterOffset.interruptRemappingTableAddress, table.rawValue, size: 8)
    #expect(unit.translation.interruptTable == InterruptTableAddress(rawValue: 0))
    unit.command(set: .interruptTable)
    #expect(unit.status == .interruptTable)
    #expect(unit.translation.interruptTable == table)
    #expect(unit.takeInvalidations() == (enhanced ? [.interruptEntries(.global)] : []))
  }

  @Test("Disabling interrupt remapping empties the interrupt entry cache if enhanced", arguments: [false, true])
  func disableInterruptRemapping(enhanced: Bool) throws {
    let unit = try UnitUnderTest(cap: SampleUnit.legacyCapabilities | (enhanced ? 1 << 62 : 0))
    unit.command(set: .interruptRemapping)
    #expect(unit.takeInvalidations() == [])
    unit.command(clear: .interruptRemapping)
    #expect(unit.takeInvalidations() == (enhanced ? [.interruptEntries(.global)] : []))
  }

  @Test("Compatibility-format interrupts pass while CFI is set")
  func compatibilityInterrupts() throws {
    let unit = try UnitUnderTest()
    unit.command(set: .compatibilityInterrupts)
    #expect(unit.status == .compatibilityInterrupts)
    #expect(unit.translation.passesCompatibilityInterrupts)
    unit.command(clear: .compatibilityInterrupts)
    #expect(!unit.translation.passesCompatibilityInterrupts)
  }

  @Test(
    "A command whose capability is missing is ignored",
    arguments: [.interruptRemapping, .interruptTable, .compatibilityInterrupts, .queuedInvalidation] as [GlobalCommand])
  func missing(command: GlobalCommand) throws {
    let unit = try UnitUnderTest(ecap: SampleUnit.legacyExtended & ~0b1010)
    unit.command(set: command)
    #expect(unit.status == [])
    #expect(!unit.translation.remapsInterrupts && !unit.translation.queueIsEnabled)
  }

  @Test("A write-buffer flush is over when software looks", arguments: [0, 1 << 4] as [UInt64])
  func writeBufferFlush(capability: UInt64) throws {
    let unit = try UnitUnderTest(cap: SampleUnit.legacyCapabilities | capability)
    unit.command(set: .writeBufferFlush)
    #expect(unit.status == [])
  }

  @Test("The state's generation tells every change, and reading tells none")
  func generation() throws {
    let unit = try UnitUnderTest()
    let before = unit.translation.generation
    _ = unit.read(RegisterOffset.globalStatus)
    unit.write(RegisterOffset.rootTableAddress, 0x7000, size: 8)
    #expect(unit.translation.generation == before)
    unit.command(set: .rootTable)
    #expect(unit.translation.generation != before)
  }
}
