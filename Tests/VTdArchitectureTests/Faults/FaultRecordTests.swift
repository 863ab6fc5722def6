import Hardware
import Testing

@testable import VTdArchitecture

@Suite struct FaultRecordTests {
  @Test("A translated read without PASID has the words of the specification's layout")
  func translatedRead() {
    let record = FaultRecord(
      address: IOVirtualAddress(0), source: RequesterID(0xFEDC), reason: .secondStageUpdateFailed, type: .read, addressType: .translated)
    #expect(record.high == 0xE000_007D_0000_FEDC)
  }

  @Test("An untranslated write with PASID has the words of the specification's layout")
  func writeWithPASID() {
    let record = FaultRecord(
      address: IOVirtualAddress(0x1234_5678), source: RequesterID(0x0108), reason: .firstStageNotPresent, type: .write,
      pasid: PASID(0x12345))
    #expect(record.high == 0x8123_4571_8000_0108)
    #expect(record.low == 0x1234_5000)
  }

  @Test("A record survives its encoding", arguments: FaultRequestType.allCases, AddressType.allCases)
  func roundTrip(type: FaultRequestType, addressType: AddressType) {
    for pasid in [nil, PASID(0xFFFFF)] {
      let record = FaultRecord(
        address: IOVirtualAddress(0xABC_DEF0_1000), source: RequesterID(0x1234), reason: .noWrite, type: type, addressType: addressType,
        pasid: pasid, privileged: pasid != nil, execute: pasid != nil)
      #expect(FaultRecord(low: record.low, high: record.high) == record)
    }
  }

  @Test("Privileged and execute are recorded only with a PASID")
  func withoutPASID() {
    let record = FaultRecord(
      address: IOVirtualAddress(0), source: RequesterID(0), reason: .noRead, type: .read, privileged: true, execute: true)
    #expect(record.high == 0xC000_0006_0000_0000)
  }

  @Test("An interrupt's index stands in the top bits")
  func interrupt() {
    let record = FaultRecord(interruptIndex: 0xBEEF, source: RequesterID(8), reason: .interruptEntryNotPresent)
    #expect(record.low == 0xBEEF_0000_0000_0000)
    #expect(record.interruptIndex == 0xBEEF)
  }

  @Test("The layout names what the record holds")
  func layout() {
    let decoded = FaultRecord.layout.decode([0x1000, 0x8123_4571_8000_0108])
    let expected: [(String, UInt64)] = [
      ("FI", 1), ("SID", 0x108), ("FR", 0x71), ("PP", 1), ("PV", 0x12345), ("AT", 0), ("T1", 0), ("T2", 0), ("F", 1),
    ]
    for (name, value) in expected { #expect(decoded[name] == value, "\(name)") }
  }
}
