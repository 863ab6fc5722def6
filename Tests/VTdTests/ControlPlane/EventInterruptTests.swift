import Hardware
import Testing
import VTdArchitecture

@testable import VTd

@Suite struct EventInterruptTests {
  static let fault = FaultRecord(address: IOVirtualAddress(0x1000), source: RequesterID(8), reason: .noRead, type: .read)
  static let message = InterruptMessage(event: .fault, address: PhysicalAddress(0x12_FEE0_1000), data: 0x41)
  static let waitWithInterrupt = InvalidationDescriptor.wait(InvalidationWait(interrupt: true))
  static let pending: UInt64 = 1 << 30
  static let masked: UInt64 = 1 << 31

  static func unit() throws -> UnitUnderTest {
    let unit = try UnitUnderTest.legacyQueue()
    unit.unmask(RegisterOffset.faultEventControl, address: 0x12_FEE0_1000)
    unit.unmask(RegisterOffset.invalidationEventControl, data: 0x51)
    return unit
  }

  @Test("A fault sends its message at once when unmasked, and nothing stays pending")
  func unmasked() throws {
    let unit = try Self.unit()
    unit.record(Self.fault)
    #expect(unit.nextMessage() == Self.message)
    #expect(unit.nextMessage() == nil)
    #expect(unit.read(RegisterOffset.faultEventControl) == 0)
  }

  @Test("While masked the message waits, and goes out when the mask is taken away")
  func masked() throws {
    let unit = try Self.unit()
    unit.write(RegisterOffset.faultEventControl, Self.masked)
    unit.record(Self.fault)
    #expect(unit.nextMessage() == nil)
    #expect(unit.read(RegisterOffset.faultEventControl) == Self.masked | Self.pending)
    unit.write(RegisterOffset.faultEventControl, 0)
    #expect(unit.nextMessage() == Self.message)
    #expect(unit.read(RegisterOffset.faultEventControl) == 0)
  }

  @Test("Masking does not drop a message that waits")
  func maskAgain() throws {
    let unit = try Self.unit()
    unit.write(RegisterOffset.faultEventControl, Self.masked)
    unit.record(Self.fault)
    unit.write(RegisterOffset.faultEventControl, Self.masked)
    #expect(unit.read(RegisterOffset.faultEventControl) == Self.masked | Self.pending)
  }

  @Test("A waiting message is dropped once software has cleared every condition, not before")
  func serviced() throws {
    let unit = try Self.unit()
    unit.write(RegisterOffset.faultEventControl, Self.masked)
    unit.record(Self.fault)
    unit.submit([[0x0D, 0]])
    unit.write(0x10C, 1 << 31)
    #expect(unit.read(RegisterOffset.faultEventControl) == Self.masked | Self.pending)
    unit.memory.view.write64(PhysicalAddress(UnitUnderTest.queue), 0x11)
    unit.write(RegisterOffset.faultStatus, 0x10)
    #expect(unit.read(RegisterOffset.faultEventControl) == Self.masked)
    unit.write(RegisterOffset.faultEventControl, 0)
    #expect(unit.nextMessage() == nil)
  }

  @Test("A condition that joins another sends no further message")
  func joined() throws {
    let unit = try Self.unit()
    unit.record(Self.fault)
    _ = unit.nextMessage()
    unit.record(Self.fault)
    unit.submit([[0x0D, 0]])
    #expect(unit.nextMessage() == nil)
    #expect(unit.faultStatus == 0x12)
  }

  @Test("Queue errors, time-outs and unexpected completions are conditions of the fault event", arguments: [0x10, 0x20, 0x40] as [UInt64])
  func conditions(status: UInt64) throws {
    let unit = try Self.unit()
    switch status {
    case 0x10: unit.submit([[0x0D, 0]])
    case 0x20: unit.recordUnexpectedCompletion(from: RequesterID(8))
    default: unit.recordInvalidationTimeout(of: RequesterID(8))
    }
    #expect(unit.faultStatus == status)
    #expect(unit.nextMessage() == Self.message)
  }

  @Test("An overflow alone sends no message, yet keeps a new fault from sending one")
  func overflow() throws {
    let unit = try UnitUnderTest(cap: SampleUnit.legacyCapabilities & ~(0xFF << 40))
    unit.unmask(RegisterOffset.faultEventControl, address: 0x12_FEE0_1000)
    unit.record(Self.fault)
    #expect(unit.nextMessage() == Self.message)
    unit.record(Self.fault)
    #expect(unit.faultStatus == 0x3)
    #expect(unit.nextMessage() == nil)
    unit.write(0x10C, 1 << 31)
    unit.recordUnexpectedCompletion(from: RequesterID(8))
    #expect(unit.nextMessage() == nil)
  }

  @Test("A wait descriptor with interrupt flag sets IWC and sends the completion message")
  func completion() throws {
    let unit = try Self.unit()
    unit.submit(.wait(InvalidationWait(status: (PhysicalAddress(UnitUnderTest.status), 7), interrupt: true)))
    #expect(unit.statusWord == 7)
    #expect(unit.read(RegisterOffset.invalidationCompletionStatus) == 1)
    #expect(unit.nextMessage() == InterruptMessage(event: .invalidationCompletion, address: PhysicalAddress(0xFEE0_1000), data: 0x51))
  }

  @Test("While IWC is set no further completion message is sent; after it is cleared the next is")
  func completionAgain() throws {
    let unit = try Self.unit()
    unit.submit(Self.waitWithInterrupt, Self.waitWithInterrupt)
    #expect(unit.nextMessage() != nil)
    #expect(unit.nextMessage() == nil)
    unit.submit(Self.waitWithInterrupt)
    #expect(unit.nextMessage() == nil)
    unit.write(RegisterOffset.invalidationCompletionStatus, 1)
    unit.submit(Self.waitWithInterrupt)
    #expect(unit.nextMessage() != nil)
  }

  @Test("Clearing IWC drops a completion message that waits")
  func completionServiced() throws {
    let unit = try Self.unit()
    unit.write(RegisterOffset.invalidationEventControl, Self.masked)
    unit.submit(Self.waitWithInterrupt)
    #expect(unit.read(RegisterOffset.invalidationEventControl) == Self.masked | Self.pending)
    unit.write(RegisterOffset.invalidationCompletionStatus, 0)
    #expect(unit.read(RegisterOffset.invalidationEventControl) == Self.masked | Self.pending)
    unit.write(RegisterOffset.invalidationCompletionStatus, 1)
    #expect(unit.read(RegisterOffset.invalidationEventControl) == Self.masked)
    unit.write(RegisterOffset.invalidationEventControl, 0)
    #expect(unit.nextMessage() == nil)
  }

  @Test("Messages of different events come in the order they arose")
  func order() throws {
    let unit = try Self.unit()
    unit.submit(Self.waitWithInterrupt)
    unit.record(Self.fault)
    #expect(unit.nextMessage()?.event == .invalidationCompletion)
    #expect(unit.nextMessage()?.event == .fault)
    #expect(unit.nextMessage() == nil)
  }

  @Test("A message that nobody has taken up is joined by the next of its event")
  func merged() throws {
    let unit = try Self.unit()
    for _ in 0..<3 {
      unit.submit(Self.waitWithInterrupt)
      unit.write(RegisterOffset.invalidationCompletionStatus, 1)
    }
    unit.record(Self.fault)
    #expect(unit.nextMessage()?.event == .invalidationCompletion)
    #expect(unit.nextMessage()?.event == .fault)
    #expect(unit.nextMessage() == nil)
  }

  @Test("The upper message address exists with extended interrupt mode only")
  func upperAddress() throws {
    let unit = try UnitUnderTest(ecap: SampleUnit.legacyExtended & ~(1 << 4))
    unit.unmask(RegisterOffset.faultEventControl, address: 0x12_FEE0_1000)
    unit.record(Self.fault)
    #expect(unit.nextMessage()?.address == PhysicalAddress(0xFEE0_1000))
  }

  @Test(
    "Clearing page request and counter statuses drops their waiting messages",
    arguments: [EventInterrupt.pageRequest, .performanceMonitoring])
  func optionalEvents(event: EventInterrupt) throws {
    let memory = try PhysicalMemory(regions: [])
    let identity = UnitIdentity(
      version: ArchitectureVersion(major: 6, minor: 0), capabilities: Capabilities(rawValue: SampleUnit.scalableCapabilities),
      extended: ExtendedCapabilities(rawValue: SampleUnit.scalableExtended), hostAddressWidth: 52)
    var plane = try ControlPlane(identity: identity, memory: memory.view)
    var received = ReceivedInvalidations()
    plane.raise(event, status: 1)
    let waiting = plane.read(offset: event.controlOffset, size: 4)
    #expect(waiting == Self.masked | Self.pending)
    plane.write(offset: event.status.offset, size: 4, value: 1, caches: &received)
    let cleared = plane.read(offset: event.controlOffset, size: 4)
    #expect(cleared == Self.masked)
    plane.raise(event, status: 1)
    plane.write(offset: event.controlOffset, size: 4, value: 0, caches: &received)
    let sent = plane.nextMessage()
    #expect(sent?.event == event)
  }
}
