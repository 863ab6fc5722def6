import Hardware
import Testing
import Translation
import VTdArchitecture

@testable import VTd

@Suite struct ConnectedDeviceTests {
  static let timeout = SimTime(nanoseconds: 5000)
  static let requester = MachineUnderTest.device

  let machine: MachineUnderTest
  let device = RecordingDevice()
  let status: PhysicalAddress

  init() throws {
    try self.init(ImplementationChoices())
  }

  init(_ choices: ImplementationChoices) throws {
    var choices = choices
    choices.invalidationTimeout = Self.timeout
    machine = try MachineUnderTest(.scalable, choices: choices)
    status = try #require(machine.tables.allocate())
    machine.unit.connect(device, requesters: [Self.requester])
  }

  /// Has a device-TLB invalidated and waits for it.
  func invalidate(_ requester: RequesterID = requester) {
    let descriptor = VTdArchitecture.DeviceTLBInvalidation(source: requester, physicalFunction: RequesterID(0), .everything)
    machine.submit(.deviceTLB(descriptor), .wait(InvalidationWait(status: (status, 0xCAFE))))
  }

  var statusWord: UInt32? { machine.memory.read32(status) }
  var faultStatus: UInt64 { machine.unit.readRegister(RegisterOffset.faultStatus, size: 4) }

  @Test("An invalidation reaches its device, and its completion lets the wait complete")
  func completion() throws {
    invalidate()
    #expect(device.invalidations.map(\.requester) == [Self.requester])
    #expect(statusWord == 0)
    machine.unit.receive(InvalidationCompletion(requester: Self.requester, tags: 1), at: .zero)
    #expect(statusWord == 0xCAFE)
  }

  @Test("A device may complete from within the call")
  func immediately() throws {
    device.onInvalidation = { [unit = machine.unit] request, time in
      unit.receive(InvalidationCompletion(requester: request.requester, tags: 1 << UInt32(request.tag)), at: time)
    }
    invalidate()
    #expect(statusWord == 0xCAFE)
  }

  @Test("Messages that an answer sets off come after it, in order")
  func reentrance() throws {
    var isInside = false
    device.onInvalidation = { [unit = machine.unit] request, time in
      #expect(!isInside)
      isInside = true
      unit.receive(InvalidationCompletion(requester: request.requester, tags: 1 << UInt32(request.tag)), at: time)
      isInside = false
    }
    let descriptor = VTdArchitecture.DeviceTLBInvalidation(source: Self.requester, physicalFunction: RequesterID(0), .everything)
    machine.submit(
      .deviceTLB(descriptor), .wait(InvalidationWait(fence: true)), .deviceTLB(descriptor), .wait(InvalidationWait(status: (status, 7))))
    #expect(device.invalidations.map(\.tag) == [0, 0])
    #expect(statusWord == 7)
  }

  @Test("A device is told what concerns its requesters alone")
  func others() throws {
    invalidate(RequesterID(0x1234))
    #expect(device.invalidations == [])
  }

  @Test("One device may have several requesters; disconnected ones are not its own any more")
  func requesters() throws {
    machine.unit.connect(device, requesters: [RequesterID(0x10), RequesterID(0x11)])
    machine.unit.disconnect(requesters: [RequesterID(0x11)])
    for requester in [0x10, 0x11] as [UInt32] { invalidate(RequesterID(requester)) }
    #expect(device.invalidations.map(\.requester) == [RequesterID(0x10)])
  }

  @Test("Invalidations of a device that is not connected complete at once, or time out, as chosen", arguments: [true, false])
  func absent(completes: Bool) throws {
    var choices = ImplementationChoices()
    choices.absentDevicesComplete = completes
    let test = try Self(choices)
    test.invalidate(RequesterID(0x1234))
    #expect(test.statusWord == (completes ? 0xCAFE : 0))
    test.machine.unit.advance(to: Self.timeout)
    #expect(test.faultStatus == (completes ? 0 : 0x40))
  }

  @Test("An absent device completes while translation is disabled too")
  func absentWhileDisabled() throws {
    machine.command(.translation, clear: true)
    invalidate(RequesterID(0x1234))
    #expect(statusWord == 0xCAFE)
  }

  @Test("A device that is gone is not connected")
  func gone() throws {
    do {
      let other = RecordingDevice()
      machine.unit.connect(other, requesters: [RequesterID(0x10)])
    }
    invalidate(RequesterID(0x10))
    #expect(statusWord == 0xCAFE)
  }

  @Test("Page group responses reach their device")
  func response() throws {
    machine.submit(
      .pageGroupResponse(VTdArchitecture.PageGroupResponse(requester: Self.requester, pasid: PASID(5), group: 7, code: 0)))
    #expect(
      device.responses == [Translation.PageGroupResponse(requester: Self.requester, pasid: PASID(5), group: 7, code: .success)])
  }

  @Test("Time that goes on by itself, or by requests, makes invalidations time out", arguments: [true, false])
  func timeout(byRequest: Bool) throws {
    invalidate()
    let start = machine.unit.now
    #expect(machine.unit.nextInvalidationTimeout == start + Self.timeout)
    if byRequest {
      var response = TranslationResponse()
      let request = TranslationRequest(.read, at: MachineUnderTest.page, by: Self.requester)
      machine.unit.translate(request, at: start + Self.timeout, into: &response)
    } else {
      machine.unit.advance(to: start + Self.timeout)
    }
    #expect(faultStatus == 0x40)
    #expect(machine.unit.nextInvalidationTimeout == nil)
  }

  @Test("A completion that comes when the time is up comes too late")
  func lateCompletion() throws {
    invalidate()
    let time = machine.unit.now + Self.timeout
    machine.unit.receive(InvalidationCompletion(requester: Self.requester, tags: 1), at: time)
    #expect(faultStatus == 0x60)
    #expect(statusWord == 0)
  }

  @Test("A wait with drain tells software of page requests that the device sent before it completed")
  func drain() throws {
    let queue = try #require(machine.tables.allocate())
    machine.unit.writeRegister(RegisterOffset.pageRequestQueueAddress, size: 8, queue.rawValue)
    machine.scalableContextEntry.pageRequestsEnabled = true
    device.onInvalidation = { [unit = machine.unit] request, time in
      unit.receive(PageRequestTests.pageRequest(), at: time)
      unit.receive(InvalidationCompletion(requester: request.requester, tags: 1 << UInt32(request.tag)), at: time)
    }
    invalidate()
    #expect(statusWord == 0xCAFE)
    #expect(machine.unit.readRegister(RegisterOffset.pageRequestQueueTail, size: 8) == 0x20)
  }
}
