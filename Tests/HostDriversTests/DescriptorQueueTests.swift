import Hardware
import Testing
import VTdArchitecture

@testable import HostDrivers

@Suite struct DescriptorQueueTests {
  @Test("The tail wraps at the end of the queue, and every descriptor arrives", arguments: [VTdDriverConfiguration.Mode.legacy, .scalable])
  func wrap(mode: VTdDriverConfiguration.Mode) throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp { $0.mode = mode }
    for round in 0..<UInt32(300) { try driver.invalidate(.translationsOf(domain: round)) }
    let taken = unit.takeDescriptors()
    #expect(taken.count == 300)
    #expect(taken.last == .iotlb(IOTLBInvalidation(.domain(DomainID(299)), drainReads: true, drainWrites: true)))
    let places: UInt64 = mode == .legacy ? 256 : 128
    let before: UInt64 = mode == .legacy ? 3 : 4
    #expect(unit.readRegister64(RegisterOffset.invalidationQueueTail) == (before + 600) % places * (4096 / places))
  }

  @Test("A driver with more descriptors than places lets the unit catch up", arguments: [false, true])
  func full(isSlow: Bool) throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp()
    unit.isSlow = isSlow
    for number in 0..<UInt16(500) { try driver.issue(.iotlb(IOTLBInvalidation(.domain(DomainID(number))))) }
    try driver.complete()
    #expect(unit.takeDescriptors() == (0..<500).map { .iotlb(IOTLBInvalidation(.domain(DomainID($0)))) })
    #expect(unit.waits == 1)
  }

  @Test("The driver polls the status that the wait descriptor writes")
  func slow() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp()
    unit.isSlow = true
    try driver.invalidate(.all)
    #expect(unit.now == SimTime(nanoseconds: 400))
    #expect(unit.waits == 1)
  }

  @Test("A descriptor that the unit refuses is reported, replaced, and the queue goes on", arguments: [false, true])
  func refused(isSlow: Bool) throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp()
    unit.isSlow = isSlow
    unit.refusedType = 7
    #expect(throws: HostDriverError.invalidationRefused(code: 3)) { try driver.invalidate(.all) }
    #expect(unit.takeDescriptors().count == 2)
    unit.refusedType = nil
    try driver.invalidate(.all)
    #expect(unit.takeDescriptors().count == 3)
    #expect(!unit.readRegister32(RegisterOffset.faultStatus)[bit: 4])
  }

  @Test("A queue that stops for good is reported with its reason")
  func stopped() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp()
    unit.refusedType = 5
    #expect(throws: HostDriverError.invalidationRefused(code: 3)) { try driver.invalidate(.contexts) }
  }

  @Test("A unit that takes nothing is given up")
  func timeout() throws {
    let unit = try FakeUnit()
    let driver = try unit.bringUp()
    unit.registers32[RegisterOffset.globalStatus] = 0
    #expect(throws: HostDriverError.timeout("wait descriptor")) { try driver.invalidate(.contexts) }
  }
}
