import Testing
import VTdArchitecture

@testable import Conformance

@Suite struct FaultLogTests {
  private static let capabilities = Capabilities(rawValue: SmallCase.legacyCapabilities)

  private func record(_ source: UInt64) -> FaultLog.Record { FaultLog.Record(low: 0x5000, high: 1 << 63 | 5 << 32 | source) }

  @Test("A fault of another requester finds the register taken and sets PFO; further ones are dropped until it is cleared")
  func overflow() {
    var log = FaultLog(Self.capabilities)
    log.record(record(1), collapses: true)
    log.record(record(2), collapses: true)
    #expect(log.status == 3)
    log.write(offset: 0x22C, size: 4, value: 1 << 31)
    #expect(log.status == 1)
    log.record(record(2), collapses: true)
    #expect(log.status == 1 && log.read(offset: 0x228, size: 8) == 5 << 32 | 1)
    log.write(offset: 0x34, size: 4, value: 1)
    log.record(record(2), collapses: true)
    #expect(log.status == 2 && log.read(offset: 0x228, size: 8) == 1 << 63 | 5 << 32 | 2)
  }

  @Test("A further fault of the same requester is dropped, or sets PFO")
  func collapse() {
    var log = FaultLog(Self.capabilities)
    log.record(record(1), collapses: true)
    log.record(record(1), collapses: true)
    #expect(log.status == 2)
    log.record(record(1), collapses: false)
    #expect(log.status == 3)
  }

  @Test("The masked event is pending until its cause is cleared")
  func event() {
    var log = FaultLog(Self.capabilities)
    #expect(log.read(offset: 0x38, size: 4) == 1 << 31)
    log.record(record(1), collapses: true)
    #expect(log.read(offset: 0x38, size: 4) == 3 << 30)
    log.write(offset: 0x228, size: 8, value: 1 << 63)
    #expect(log.read(offset: 0x38, size: 4) == 1 << 31)
    log.setQueueError(4)
    #expect(log.status == 0x10 && log.read(offset: 0x38, size: 4) == 3 << 30)
    log.write(offset: 0x34, size: 4, value: 0x10)
    #expect(log.status == 0 && log.read(offset: 0x38, size: 4) == 1 << 31)
  }
}
