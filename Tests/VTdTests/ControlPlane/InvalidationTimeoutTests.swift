import Hardware
import Testing
import VTdArchitecture

@testable import VTd

@Suite struct InvalidationTimeoutTests {
  static let device = DeviceMessagesTests.device
  static let timeout = SimTime(nanoseconds: 1000)

  static func unit() throws -> UnitUnderTest {
    var choices = ImplementationChoices()
    choices.invalidationTimeout = timeout
    return try UnitUnderTest.scalableTranslation(choices: choices)
  }

  /// A unit with one invalidation and a wait under way.
  static func waitingUnit() throws -> UnitUnderTest {
    let unit = try unit()
    unit.submit(DeviceMessagesTests.invalidations(1) + [InvalidationQueueTests.waitForStatus.words])
    return unit
  }

  @Test("A device that is silent for the time-out is reported, not before")
  func timeout() throws {
    let unit = try Self.waitingUnit()
    unit.advance(to: SimTime(nanoseconds: 999))
    #expect(unit.faultStatus == 0)
    unit.advance(to: Self.timeout)
    #expect(unit.faultStatus == 0x40)
    #expect(unit.queueError == 0x300 << 32)
  }

  @Test("The time-out runs from when the invalidation was sent")
  func start() throws {
    let unit = try Self.unit()
    unit.advance(to: SimTime(nanoseconds: 500))
    unit.submit(DeviceMessagesTests.invalidations(1))
    unit.advance(to: SimTime(nanoseconds: 1499))
    #expect(unit.faultStatus == 0)
    unit.advance(to: SimTime(nanoseconds: 1500))
    #expect(unit.faultStatus == 0x40)
  }

  @Test("Of several time-outs the first is named")
  func first() throws {
    let unit = try Self.unit()
    unit.submit(DeviceMessagesTests.invalidations(1) + DeviceMessagesTests.invalidations(1, of: DeviceMessagesTests.virtualFunction))
    unit.advance(to: Self.timeout)
    #expect(unit.queueError == 0x300 << 32)
  }

  @Test("A time-out aborts waits that are pending, and leaves the head behind them")
  func abortedWait() throws {
    let unit = try Self.waitingUnit()
    unit.advance(to: Self.timeout)
    unit.write(RegisterOffset.faultStatus, 0x40)
    #expect(unit.statusWord == 0)
    #expect(unit.head == 0x40)
  }

  @Test("A wait for another device is aborted as well, and its completion, late, is still taken")
  func otherDevice() throws {
    let unit = try Self.unit()
    unit.submit(DeviceMessagesTests.invalidations(1))
    unit.advance(to: SimTime(nanoseconds: 500))
    unit.submit(
      DeviceMessagesTests.invalidations(1, of: DeviceMessagesTests.virtualFunction) + [InvalidationQueueTests.waitForStatus.words])
    unit.advance(to: Self.timeout)
    unit.complete(1, from: DeviceMessagesTests.virtualFunction)
    #expect(unit.statusWord == 0)
    #expect(unit.faultStatus == 0x40)
  }

  @Test("While it is reported nothing is fetched; clearing it resumes at the head")
  func resume() throws {
    let unit = try Self.waitingUnit()
    unit.advance(to: Self.timeout)
    unit.submit(.contextCache(.global))
    #expect(unit.takeInvalidations() == [])
    unit.write(RegisterOffset.faultStatus, 0x40)
    #expect(unit.takeInvalidations() == [.contexts(.all)])
  }

  @Test("Clearing it lets a resubmitted invalidation and wait complete")
  func resubmit() throws {
    let unit = try Self.waitingUnit()
    unit.advance(to: Self.timeout)
    unit.write(RegisterOffset.faultStatus, 0x40)
    unit.submit(DeviceMessagesTests.invalidations(1) + [InvalidationQueueTests.waitForStatus.words])
    unit.complete(1, from: Self.device)
    #expect(unit.statusWord == 0xCAFE)
  }

  @Test("The tag is free again: a completion that comes after the time-out is an error")
  func late() throws {
    let unit = try Self.waitingUnit()
    unit.advance(to: Self.timeout)
    unit.complete(1, from: Self.device)
    #expect(unit.faultStatus == 0x60)
    #expect(unit.queueError == 0x300 << 48 | 0x300 << 32)
  }

  @Test("An aborted fence holds nothing back")
  func abortedFence() throws {
    let unit = try Self.unit()
    let fence = InvalidationDescriptor.wait(InvalidationWait(fence: true)).words
    unit.submit(DeviceMessagesTests.invalidations(1) + [fence, InvalidationDescriptor.contextCache(.global).words])
    unit.advance(to: Self.timeout)
    #expect(unit.takeInvalidations() == [])
    unit.write(RegisterOffset.faultStatus, 0x40)
    #expect(unit.takeInvalidations() == [.contexts(.all)])
  }

  @Test("A completed invalidation does not time out")
  func completed() throws {
    let unit = try Self.waitingUnit()
    unit.complete(1, from: Self.device)
    unit.advance(to: Self.timeout)
    #expect(unit.faultStatus == 0)
  }

  @Test("A time-out raises the fault event")
  func event() throws {
    let unit = try Self.waitingUnit()
    unit.unmask(RegisterOffset.faultEventControl)
    unit.advance(to: Self.timeout)
    #expect(unit.nextMessage()?.event == .fault)
  }
}
