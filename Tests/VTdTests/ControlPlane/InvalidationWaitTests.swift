import Hardware
import Testing
import VTdArchitecture

@testable import VTd

/// Wait descriptors that have devices to wait for.
@Suite struct InvalidationWaitTests {
  static let device = DeviceMessagesTests.device

  static func wait(_ index: UInt64, fence: Bool = false, interrupt: Bool = false) -> SIMD2<UInt64> {
    let status = (PhysicalAddress(UnitUnderTest.status + 4 * index), UInt32(0xA0 + index))
    return InvalidationDescriptor.wait(InvalidationWait(status: status, interrupt: interrupt, fence: fence)).words
  }

  static func statuses(_ unit: UnitUnderTest) -> [UInt32?] {
    (0..<2 as Range<UInt64>).map { unit.memory.view.read32(PhysicalAddress(UnitUnderTest.status + 4 * $0)) }
  }

  @Test("A wait completes with the last invalidation before it, status before event")
  func last() throws {
    let unit = try UnitUnderTest.scalableTranslation()
    unit.unmask(RegisterOffset.invalidationEventControl)
    unit.submit(DeviceMessagesTests.invalidations(2) + [Self.wait(0, interrupt: true)])
    unit.complete(0b10, from: Self.device)
    #expect(Self.statuses(unit) == [0, 0])
    #expect(unit.nextMessage() == nil)
    unit.complete(0b01, from: Self.device)
    #expect(Self.statuses(unit) == [0xA0, 0])
    #expect(unit.nextMessage()?.event == .invalidationCompletion)
  }

  @Test("The head goes on past a wait that is pending")
  func head() throws {
    let unit = try UnitUnderTest.scalableTranslation()
    unit.submit(DeviceMessagesTests.invalidations(1) + [Self.wait(0)])
    #expect(unit.head == 0x40)
  }

  @Test("A wait does not wait for invalidations behind it")
  func behind() throws {
    let unit = try UnitUnderTest.scalableTranslation()
    unit.submit(DeviceMessagesTests.invalidations(1) + [Self.wait(0)] + DeviceMessagesTests.invalidations(1) + [Self.wait(1)])
    unit.complete(0b01, from: Self.device)
    #expect(Self.statuses(unit) == [0xA0, 0])
    unit.complete(0b10, from: Self.device)
    #expect(Self.statuses(unit) == [0xA0, 0xA1])
  }

  @Test("Waits complete in the order of the queue")
  func inOrder() throws {
    let unit = try UnitUnderTest.scalableTranslation()
    unit.submit(DeviceMessagesTests.invalidations(1) + [Self.wait(0)] + DeviceMessagesTests.invalidations(1) + [Self.wait(1)])
    unit.complete(0b10, from: Self.device)
    #expect(Self.statuses(unit) == [0, 0])
  }

  @Test("Without a fence what follows a pending wait runs", arguments: [false, true])
  func fence(fence: Bool) throws {
    let unit = try UnitUnderTest.scalableTranslation()
    let follower = InvalidationDescriptor.contextCache(.global).words
    unit.submit(DeviceMessagesTests.invalidations(1) + [Self.wait(0, fence: fence), follower])
    #expect(unit.takeInvalidations() == (fence ? [] : [.contexts(.all)]))
    #expect(unit.head == (fence ? 0x40 : 0x60))
    unit.complete(1, from: Self.device)
    #expect(unit.takeInvalidations() == (fence ? [.contexts(.all)] : []))
    #expect(unit.head == 0x60)
  }

  @Test("A queue error behind a pending wait does not keep it from completing")
  func queueError() throws {
    let unit = try UnitUnderTest.scalableTranslation()
    unit.submit(DeviceMessagesTests.invalidations(1) + [Self.wait(0), [0x0F, 0]])
    #expect(unit.faultStatus == 0x10)
    unit.complete(1, from: Self.device)
    #expect(Self.statuses(unit) == [0xA0, 0])
    #expect(unit.head == 0x40)
  }

  @Test("A wait with page request drain completes behind the page requests that came before the completion")
  func drain() throws {
    let unit = try UnitUnderTest.scalableTranslation()
    unit.write(RegisterOffset.pageRequestQueueAddress, PageRequestQueueTests.queue, size: 8)
    let wait = InvalidationWait(status: (PhysicalAddress(UnitUnderTest.status), 0xCAFE), pageRequestDrain: true)
    unit.submit(DeviceMessagesTests.invalidations(1) + [InvalidationDescriptor.wait(wait).words])
    unit.receive(PageRequestQueueTests.request, PageRequestQueueTests.accepted)
    #expect(unit.statusWord == 0)
    unit.complete(1, from: Self.device)
    #expect(unit.statusWord == 0xCAFE)
    #expect(unit.read(RegisterOffset.pageRequestQueueTail, size: 8) == 0x20)
  }
}
