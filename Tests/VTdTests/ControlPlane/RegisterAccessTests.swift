import Hardware
import Testing
import VTdArchitecture

@testable import VTd

@Suite struct RegisterAccessTests {
  @Test("Registers read their reset values, identification registers the unit's")
  func reset() throws {
    let unit = try UnitUnderTest(major: 5)
    #expect(unit.read(RegisterOffset.version) == 0x50)
    #expect(unit.read(RegisterOffset.capabilities, size: 8) == SampleUnit.legacyCapabilities)
    #expect(unit.read(RegisterOffset.extendedCapabilities, size: 8) == SampleUnit.legacyExtended)
    #expect(unit.read(RegisterOffset.faultEventControl) == 0x8000_0000)
    #expect(unit.read(RegisterOffset.invalidationEventControl) == 0x8000_0000)
    #expect(unit.status == [])
    #expect(unit.faultStatus == 0)
  }

  @Test("A 64-bit register can be written as two halves or at once, and read so")
  func halves() throws {
    let unit = try UnitUnderTest()
    unit.write(RegisterOffset.rootTableAddress, 0x1234_5678_9ABC_DEF0, size: 8)
    #expect(unit.read(RegisterOffset.rootTableAddress, size: 8) == 0x1234_5678_9ABC_DC00)
    unit.write(RegisterOffset.rootTableAddress + 4, 0x7)
    #expect(unit.read(RegisterOffset.rootTableAddress + 4) == 0x7)
    #expect(unit.read(RegisterOffset.rootTableAddress) == 0x9ABC_DC00)
  }

  @Test(
    "Writes of other sizes, or misaligned, do nothing",
    arguments: [(0x1B, 1), (0x1A, 2), (0x1A, 4), (0x14, 8), (0x18, 16), (0x18, 0)] as [(UInt64, Int)])
  func ignored(offset: UInt64, size: Int) throws {
    let unit = try UnitUnderTest()
    unit.write(offset, .max, size: size)
    #expect(unit.status == [])
  }

  @Test("GCMD reads 0")
  func globalCommand() throws {
    let unit = try UnitUnderTest()
    unit.command(set: .translation)
    #expect(unit.read(RegisterOffset.globalCommand) == 0)
  }

  @Test(
    "Offsets without a register read 0 and ignore writes",
    arguments: [0x004, 0x030, 0x048, 0x0C0, 0x0E0, 0x300, 0x400, 0xFFC, 0x10_0000] as [UInt64])
  func unimplemented(offset: UInt64) throws {
    let unit = try UnitUnderTest()
    unit.write(offset, .max)
    #expect(unit.read(offset) == 0)
  }

  @Test("The register file spans as many pages as the capabilities need")
  func size() throws {
    #expect(try UnitUnderTest().registerByteCount == 4096)
    let far = SampleUnit.legacyCapabilities & ~(0x3FF << 24) | 0x2FF << 24
    let unit = try UnitUnderTest(cap: far)
    #expect(unit.registerByteCount == 16384)
    unit.record(FaultRecord(address: IOVirtualAddress(0), source: RequesterID(8), reason: .noRead, type: .read))
    #expect(unit.read(0x2FF8, size: 8) == 0xC000_0006_0000_0008)
  }

  @Test("Capabilities that put registers on top of each other are refused")
  func overlap() {
    let overlapping = SampleUnit.legacyCapabilities & ~(0x3FF << 24) | 0x08 << 24
    #expect(throws: RegisterFileError.self) { try UnitUnderTest(cap: overlapping) }
  }

  @Test("Registers that lie where an absent option would have its own act as what they are")
  func faultRecordOverAbsentOption() throws {
    // Fault recording at 410h, where a unit with enhanced commands has ECRSP.
    let unit = try UnitUnderTest(cap: SampleUnit.legacyCapabilities & ~(0x3FF << 24) | 0x41 << 24)
    unit.record(FaultRecord(address: IOVirtualAddress(0x1000), source: RequesterID(8), reason: .noRead, type: .read))
    unit.write(RegisterOffset.enhancedCommand, 0)
    #expect(unit.read(0x410, size: 8) == 0x1000)
    unit.write(0x41C, 1 << 31)
    #expect(unit.faultStatus == 0)
  }

  @Test("An enhanced command that ECCAP does not offer ends at once as undefined")
  func enhancedCommand() throws {
    let unit = try UnitUnderTest(cap: SampleUnit.scalableCapabilities, ecap: SampleUnit.scalableExtended, major: 6)
    unit.write(RegisterOffset.enhancedCommand, 0xF0, size: 8)
    #expect(unit.read(0x448, size: 8) == 0)
    #expect(unit.read(RegisterOffset.enhancedCommandResponse, size: 8) == 2)
  }
}
