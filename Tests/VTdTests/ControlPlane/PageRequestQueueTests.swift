import Hardware
import Testing
import Translation
import VTdArchitecture

@testable import VTd

@Suite struct PageRequestQueueTests {
  static let queue: UInt64 = 0x4_0000
  static let device = RequesterID(0x300)
  static let request = PageRequest(
    requester: device, pasid: PASID(5), address: IOVirtualAddress(0x7F00_0000_1000), group: 0x1F, last: true, read: true, write: true)
  static let accepted = PageRequestResolution.accepted(domain: DomainID(3), pasid: PASID(5), stages: .first)
  static let refused = PageRequestResolution.fault(TranslationFault(code: 0x59))
  static let pending: UInt64 = 1
  static let overflow: UInt64 = 2

  static func unit(ecap: UInt64 = SampleUnit.scalableExtended, choices: ImplementationChoices = ImplementationChoices()) throws
    -> UnitUnderTest
  {
    let unit = try UnitUnderTest.scalableTranslation(ecap: ecap, choices: choices)
    unit.write(RegisterOffset.pageRequestQueueAddress, queue, size: 8)
    unit.unmask(RegisterOffset.pageRequestEventControl)
    return unit
  }

  /// A unit whose queue of 128 entries has one place left.
  static func fullUnit() throws -> UnitUnderTest {
    let unit = try unit()
    unit.write(RegisterOffset.pageRequestQueueHead, 0x20, size: 8)
    return unit
  }

  static func answer(_ code: Translation.PageGroupResponse.Code) -> DeviceMessage {
    .respond(Translation.PageGroupResponse(requester: device, pasid: PASID(5), group: 0x1F, code: code))
  }

  func words(_ unit: UnitUnderTest, at offset: UInt64 = 0) -> [UInt64?] {
    (0..<4 as Range<UInt64>).map { unit.memory.view.read64(PhysicalAddress(Self.queue + offset + 8 * $0)) }
  }

  func status(_ unit: UnitUnderTest) -> UInt64 { unit.read(RegisterOffset.pageRequestStatus) }
  func tail(_ unit: UnitUnderTest) -> UInt64 { unit.read(RegisterOffset.pageRequestQueueTail, size: 8) }

  @Test("A page request is written behind the tail, the tail moves, and the event is raised")
  func queued() throws {
    let unit = try Self.unit()
    unit.memory.view.write64(PhysicalAddress(Self.queue + 16), .max)
    unit.receive(Self.request, Self.accepted)
    #expect(words(unit) == [0x5_0300_0101, 0x7F00_0000_10FF, 0, 0])
    #expect(tail(unit) == 0x20)
    #expect(status(unit) == Self.pending)
    #expect(unit.nextMessage()?.event == .pageRequest)
    #expect(unit.takeDeviceMessages() == [])
  }

  @Test("Execute and privilege are in the descriptor")
  func attributes() throws {
    let unit = try Self.unit()
    var request = Self.request
    request.execute = true
    request.privileged = true
    unit.receive(request, Self.accepted)
    #expect(words(unit)[0] == 0x30_0005_0300_0101)
  }

  @Test("The tail wraps at the end of the queue", arguments: [0, 3] as [UInt64])
  func wrap(sizeLog2: UInt64) throws {
    let unit = try Self.unit()
    unit.write(RegisterOffset.pageRequestQueueAddress, Self.queue | sizeLog2, size: 8)
    let size: UInt64 = 0x1000 << sizeLog2
    unit.write(RegisterOffset.pageRequestQueueTail, size - 0x20, size: 8)
    unit.write(RegisterOffset.pageRequestQueueHead, size - 0x20, size: 8)
    unit.receive(Self.request, Self.accepted)
    #expect(words(unit, at: size - 0x20)[0] == 0x5_0300_0101)
    #expect(tail(unit) == 0)
  }

  @Test("A request that finds the queue full is lost: overflow, event, and Success for the last of a group", arguments: [true, false])
  func full(last: Bool) throws {
    let unit = try Self.fullUnit()
    var request = Self.request
    request.last = last
    unit.receive(request, Self.accepted)
    #expect(tail(unit) == 0)
    #expect(words(unit)[0] == 0)
    #expect(status(unit) == Self.overflow)
    #expect(unit.nextMessage()?.event == .pageRequest)
    #expect(unit.takeDeviceMessages() == (last ? [Self.answer(.success)] : []))
    #expect(unit.takeInvalidations() == [])
  }

  @Test("While the overflow is not cleared nothing is queued though there is room, and nothing more is reported", arguments: [true, false])
  func overflowing(last: Bool) throws {
    let unit = try Self.fullUnit()
    unit.receive(Self.request, Self.accepted)
    _ = unit.takeDeviceMessages()
    _ = unit.nextMessage()
    unit.write(RegisterOffset.pageRequestQueueHead, 0, size: 8)
    var request = Self.request
    request.last = last
    unit.receive(request, Self.accepted)
    #expect(tail(unit) == 0)
    #expect(unit.nextMessage() == nil)
    #expect(unit.takeDeviceMessages() == (last ? [Self.answer(.success)] : []))
    #expect(unit.takeInvalidations() == [])
    unit.write(RegisterOffset.pageRequestStatus, Self.overflow)
    unit.receive(Self.request, Self.accepted)
    #expect(tail(unit) == 0x20)
    #expect(status(unit) == Self.pending)
  }

  @Test("A refused request is answered Invalid Request if it is the last of its group, otherwise dropped", arguments: [true, false])
  func refused(last: Bool) throws {
    let unit = try Self.unit()
    var request = Self.request
    request.last = last
    unit.receive(request, Self.refused)
    #expect(tail(unit) == 0)
    #expect(status(unit) == 0)
    #expect(unit.takeDeviceMessages() == (last ? [Self.answer(.invalidRequest)] : []))
    #expect(unit.takeInvalidations() == [])
  }

  @Test("A fault wins over an overflow")
  func refusedWhileOverflowing() throws {
    let unit = try Self.fullUnit()
    unit.receive(Self.request, Self.accepted)
    _ = unit.takeDeviceMessages()
    unit.receive(Self.request, Self.refused)
    #expect(unit.takeDeviceMessages() == [Self.answer(.invalidRequest)])
  }

  @Test("A stop marker is queued, and never answered", arguments: [true, false])
  func stopMarker(isAccepted: Bool) throws {
    let unit = try Self.unit()
    unit.receive(.stopMarker(requester: Self.device, pasid: PASID(5)), isAccepted ? Self.accepted : Self.refused)
    #expect(unit.takeDeviceMessages() == [])
    #expect(words(unit) == (isAccepted ? [0x5_0300_0101, 4, 0, 0] : [0, 0, 0, 0]))
  }

  @Test("A stop marker that finds the queue full is lost without an answer")
  func lostStopMarker() throws {
    let unit = try Self.fullUnit()
    unit.receive(.stopMarker(requester: Self.device, pasid: PASID(5)), Self.accepted)
    #expect(unit.takeDeviceMessages() == [])
    #expect(status(unit) == Self.overflow)
  }

  @Test("A queued request makes the unit forget what its stages call for", arguments: ContextStages.allCases)
  func implicitInvalidation(stages: ContextStages) throws {
    let unit = try Self.unit()
    unit.receive(Self.request, .accepted(domain: DomainID(3), pasid: PASID(5), stages: stages))
    let page = PageRange(Self.request.address)
    let expected: InvalidationRequest =
      switch stages {
      case .first: .addressSpace(.pages(DomainID(3), PASID(5), page, leafOnly: false))
      case .second, .passThrough: .translations(IOTLBInvalidation(.pages(DomainID(3), page, leafOnly: false)))
      case .nested: .translations(IOTLBInvalidation(.domain(DomainID(3))))
      }
    #expect(unit.takeInvalidations() == [expected])
  }

  @Test("While masked the event waits; clearing both conditions drops it, clearing one does not")
  func masked() throws {
    let unit = try Self.fullUnit()
    unit.write(RegisterOffset.pageRequestEventControl, 1 << 31)
    unit.receive(Self.request, Self.accepted)
    #expect(unit.read(RegisterOffset.pageRequestEventControl) == 3 << 30)
    unit.write(RegisterOffset.pageRequestStatus, Self.pending)
    #expect(unit.read(RegisterOffset.pageRequestEventControl) == 3 << 30)
    unit.write(RegisterOffset.pageRequestStatus, Self.overflow)
    #expect(unit.read(RegisterOffset.pageRequestEventControl) == 1 << 31)
  }

  @Test("A second request sends no second message before the first is serviced; after that it does")
  func joined() throws {
    let unit = try Self.unit()
    unit.receive(Self.request, Self.accepted)
    #expect(unit.nextMessage() != nil)
    unit.receive(Self.request, Self.accepted)
    #expect(unit.nextMessage() == nil)
    unit.write(RegisterOffset.pageRequestStatus, Self.pending)
    unit.receive(Self.request, Self.accepted)
    #expect(unit.nextMessage() != nil)
  }

  @Test("A unit without page requests drops them")
  func unsupported() throws {
    let unit = try Self.unit(ecap: SampleUnit.scalableExtended & ~(1 << 29))
    unit.receive(Self.request, Self.accepted)
    unit.receive(Self.request, Self.refused)
    #expect(unit.takeDeviceMessages() == [])
    #expect(unit.takeInvalidations() == [])
  }

  @Test("While translation is disabled page requests are treated as chosen", arguments: ImplementationChoices.DisabledPageRequest.allCases)
  func disabled(choice: ImplementationChoices.DisabledPageRequest) throws {
    var choices = ImplementationChoices()
    choices.pageRequestsWhileDisabled = choice
    let unit = try Self.unit(choices: choices)
    unit.command(clear: .translation)
    unit.receive(Self.request, .fault(TranslationFault(code: 0, isReported: false)))
    #expect(unit.takeDeviceMessages() == (choice == .drop ? [] : [Self.answer(.invalidRequest)]))
  }
}
