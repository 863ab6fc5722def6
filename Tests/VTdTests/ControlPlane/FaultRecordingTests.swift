import Hardware
import Testing
import VTdArchitecture

@testable import VTd

@Suite struct FaultRecordingTests {
  /// Eight registers of 16 bytes here.
  static let records: UInt64 = 0x100

  static func fault(_ source: UInt32, _ address: UInt64 = 0x1234_5000) -> FaultRecord {
    FaultRecord(address: IOVirtualAddress(address), source: RequesterID(source), reason: .noWrite, type: .write)
  }

  static func clear(_ index: UInt64, in unit: UnitUnderTest) { unit.write(records + index * 16 + 12, 1 << 31) }

  @Test("A fault fills the first register with every field, sets PPF and points FRI to it")
  func record() throws {
    let unit = try UnitUnderTest()
    unit.record(
      FaultRecord(
        address: IOVirtualAddress(0x1234_5678), source: RequesterID(0x18), reason: .requestBlocked, type: .read,
        addressType: .translationRequest))
    #expect(unit.read(Self.records, size: 8) == 0x1234_5000)
    #expect(unit.read(Self.records + 8, size: 8) == 0xD000_000D_0000_0018)
    #expect(unit.faultStatus == 0x2)
  }

  @Test("PASID and its attributes are recorded in a unit with PASIDs, the address type in one with device-TLBs")
  func capabilities() throws {
    let fault = FaultRecord(
      address: IOVirtualAddress(0), source: RequesterID(8), reason: .pasidEntryNotPresent, type: .read, addressType: .translated,
      pasid: PASID(0x12345), privileged: true, execute: true)
    let full = try UnitUnderTest(cap: SampleUnit.scalableCapabilities, ecap: SampleUnit.scalableExtended)
    full.record(fault)
    #expect(full.read(0xEE8, size: 8) == 0xE123_4559_E000_0008)
    let bare = try UnitUnderTest(ecap: 0xf0_20db)
    bare.record(fault)
    #expect(bare.read(Self.records + 8, size: 8) == 0xC000_0059_0000_0008)
  }

  @Test("Address bits above the largest table width read 0, unless chosen otherwise", arguments: [false, true])
  func addressWidth(whole: Bool) throws {
    var choices = ImplementationChoices()
    choices.recordsWholeAddress = whole
    let unit = try UnitUnderTest(choices: choices)
    unit.record(Self.fault(8, 0xFFFF_8000_0000_1000))
    #expect(unit.read(Self.records, size: 8) == (whole ? 0xFFFF_8000_0000_1000 : 0x8000_0000_1000))
  }

  @Test("The index of a blocked interrupt is kept whole")
  func interrupt() throws {
    let unit = try UnitUnderTest()
    unit.record(FaultRecord(interruptIndex: 0xBEEF, source: RequesterID(8), reason: .interruptEntryNotPresent))
    #expect(unit.read(Self.records, size: 8) == 0xBEEF_0000_0000_0000)
  }

  @Test("Further faults fill the next registers; FRI stays at the first")
  func next() throws {
    let unit = try UnitUnderTest()
    for source in 1...3 as ClosedRange<UInt32> { unit.record(Self.fault(source)) }
    #expect((0..<4).map { unit.read(Self.records + $0 * 16 + 8, size: 8) & 0xFFFF } == [1, 2, 3, 0])
    #expect(unit.faultStatus == 0x2)
  }

  @Test("PPF is the OR of all F bits, and FRI moves when PPF rises again")
  func pending() throws {
    let unit = try UnitUnderTest()
    unit.record(Self.fault(1))
    unit.record(Self.fault(2))
    Self.clear(0, in: unit)
    #expect(unit.faultStatus == 0x2)
    Self.clear(1, in: unit)
    #expect(unit.faultStatus & 0x2 == 0)
    unit.record(Self.fault(3))
    #expect(unit.faultStatus == 0x202)
    #expect(unit.read(Self.records + 0x28, size: 8) & 0xFFFF == 3)
  }

  @Test("F is cleared by writing 1 to it alone; the rest of a record cannot be written")
  func clear() throws {
    let unit = try UnitUnderTest()
    unit.record(Self.fault(1))
    unit.write(Self.records, .max, size: 8)
    unit.write(Self.records + 8, 0x7FFF_FFFF_FFFF_FFFF, size: 8)
    #expect(unit.read(Self.records, size: 8) == 0x1234_5000)
    #expect(unit.read(Self.records + 8, size: 8) == 0x8000_0005_0000_0001)
    unit.write(Self.records + 8, .max, size: 8)
    #expect(unit.read(Self.records + 8, size: 8) == 0x0000_0005_0000_0001)
  }

  @Test("A fault that finds its register filled is lost and sets PFO; until that is cleared all faults are lost")
  func overflow() throws {
    let unit = try UnitUnderTest()
    for source in 1...9 as ClosedRange<UInt32> { unit.record(Self.fault(source)) }
    #expect(unit.faultStatus == 0x3)
    #expect(unit.read(Self.records + 8, size: 8) & 0xFFFF == 1)
    for index in 0..<8 as Range<UInt64> { Self.clear(index, in: unit) }
    #expect(unit.faultStatus == 0x1)
    unit.record(Self.fault(10))
    #expect(unit.faultStatus == 0x1)
    unit.write(RegisterOffset.faultStatus, 0x1)
    unit.record(Self.fault(11))
    #expect(unit.faultStatus == 0x2)
    #expect(unit.read(Self.records + 8, size: 8) & 0xFFFF == 11)
  }

  @Test("PPF cannot be cleared through FSTS")
  func readOnly() throws {
    let unit = try UnitUnderTest()
    unit.record(Self.fault(1))
    unit.write(RegisterOffset.faultStatus, .max)
    #expect(unit.faultStatus == 0x2)
  }

  @Test("The index starts again at 0 when both translations are disabled", arguments: [false, true])
  func indexReset(interruptsStayOn: Bool) throws {
    let unit = try UnitUnderTest()
    unit.command(set: .translation)
    unit.command(set: .interruptRemapping)
    unit.record(Self.fault(1))
    Self.clear(0, in: unit)
    unit.command(clear: .translation)
    if !interruptsStayOn { unit.command(clear: .interruptRemapping) }
    unit.record(Self.fault(2))
    #expect(unit.faultStatus == (interruptsStayOn ? 0x102 : 0x2))
  }

  @Test("A second fault of the same requester is dropped if chosen", arguments: [false, true])
  func collapse(chosen: Bool) throws {
    var choices = ImplementationChoices()
    choices.collapsesFaultsOfOneRequester = chosen
    let unit = try UnitUnderTest(choices: choices)
    unit.record(Self.fault(1))
    unit.record(Self.fault(1, 0x9000))
    unit.record(Self.fault(2))
    #expect((0..<3).map { unit.read(Self.records + $0 * 16 + 8, size: 8) & 0xFFFF } == (chosen ? [1, 2, 0] : [1, 1, 2]))
    Self.clear(0, in: unit)
    unit.record(Self.fault(1))
    #expect(unit.read(Self.records + (chosen ? 0x28 : 0x38), size: 8) & 0xFFFF == 1)
  }
}
