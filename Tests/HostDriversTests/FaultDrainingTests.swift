import Hardware
import Testing
import VTdArchitecture

@testable import HostDrivers

@Suite struct FaultDrainingTests {
  private func record(_ page: UInt64) -> FaultRecord {
    FaultRecord(
      address: IOVirtualAddress(page << 12), source: RequesterID(0x1234), reason: .secondStageNotPresent, type: .read, pasid: PASID(7))
  }

  @Test("Records are read from FRI on, around the end, each cleared, and the overflow cleared last")
  func wrap() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp()
    for (page, index) in [(1, 6), (2, 7), (3, 0)] as [(UInt64, Int)] { unit.fault(record(page), at: index) }
    unit.registers32[RegisterOffset.faultStatus]? |= 1
    let faults = driver.takeFaults()
    #expect(faults.map(\.address.rawValue) == [0x1000, 0x2000, 0x3000])
    let clear = UInt64(1) << 31
    #expect(unit.events == [.write(0x46C, clear), .write(0x47C, clear), .write(0x40C, clear), .write(RegisterOffset.faultStatus, 1)])
    #expect(unit.readRegister32(RegisterOffset.faultStatus) == 0)
    #expect(driver.activity.faults == 3)
    #expect(driver.activity.faultOverflows == 1)
    #expect(driver.takeFaults().isEmpty)
  }

  @Test("A record gives requester, PASID, address, request and code")
  func fields() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp()
    let record = record(5)
    unit.fault(record, at: 0)
    let expected = HostFault(
      requester: RequesterID(0x1234), pasid: PASID(7), address: IOVirtualAddress(0x5000), request: .read, code: 0x79,
      words: SIMD2(record.low, record.high))
    #expect(driver.takeFaults() == [expected])
    unit.fault(FaultRecord(interruptIndex: 9, source: RequesterID(3), reason: .interruptEntryNotPresent), at: 1)
    let interrupt = try #require(driver.takeFaults().first)
    #expect(interrupt.request == .interrupt)
    #expect(interrupt.address == IOVirtualAddress(0))
  }

  @Test("A full set of records is read once, and no further")
  func full() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp()
    for index in 0..<8 { unit.fault(record(UInt64(index)), at: index) }
    #expect(driver.takeFaults().count == 8)
  }

  @Test("The fault interrupt makes the driver read; another one does not")
  func interrupt() throws {
    let unit = try FakeUnit()
    let message = MessageSignalledInterrupt(address: PhysicalAddress(0x1_FEE0_1000), data: 0x55)
    let driver = try unit.bringUp { $0.faultMessage = message }
    #expect(unit.readRegister32(0x03C) == 0x55)
    #expect(unit.readRegister32(0x040) == 0xFEE0_1000)
    #expect(unit.readRegister32(0x044) == 1)
    unit.fault(record(1), at: 0)
    driver.receive(MessageSignalledInterrupt(address: message.address, data: 0x56))
    #expect(driver.activity.faults == 0)
    driver.receive(message)
    #expect(driver.activity.faults == 1)
    #expect(driver.takeFaults().count == 1)
  }

  @Test("Records that nobody takes are counted and dropped beyond the capacity of the log")
  func capacity() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp { $0.faultLogCapacity = 2 }
    for index in 0..<5 { unit.fault(record(UInt64(index)), at: index) }
    #expect(driver.takeFaults().map(\.address.rawValue) == [0, 0x1000])
    #expect(driver.activity.faults == 5)
    #expect(driver.activity.droppedFaults == 3)
  }
}
