import Hardware
import Testing
import VTdArchitecture

@testable import HostDrivers

@Suite struct PageRequestTests {
  static let device = FirstStageTests.device

  /// A handler that answers as it is told, and writes down what it was asked.
  private final class Handler: PageFaultHandler {
    var resolution = PageFaultResolution.success
    var groups: [PageRequestGroup] = []
    var spaces: [AddressSpace?] = []
    /// What is done for each group before it is answered.
    var work: (PageRequestGroup) -> Void = { _ in }

    func resolve(_ group: PageRequestGroup, in space: AddressSpace?) -> PageFaultResolution {
      groups.append(group)
      spaces.append(space)
      work(group)
      return resolution
    }
  }

  private struct Bench {
    let unit: FakeUnit
    let driver: VTdDriver
    let handler: Handler
    let space: AddressSpace
  }

  private func bench(_ change: (inout VTdDriverConfiguration) -> Void = { _ in }) throws -> Bench {
    let unit = try FakeUnit(extended: FakeUnit.complete)
    let driver = try unit.bringUp(change)
    let handler = Handler()
    driver.pageFaultHandler = handler
    try driver.enable(DeviceServices(deviceTLB: true, pageRequests: true), for: Self.device)
    let space = try driver.makeAddressSpace(.firstStage)
    try driver.attach(Self.device, pasid: PASID(5), to: space)
    _ = unit.takeDescriptors()
    return Bench(unit: unit, driver: driver, handler: handler, space: space)
  }

  private func request(_ page: UInt64, group: UInt16 = 1, last: Bool = true, pasid: PASID? = PASID(5)) -> PageRequestDescriptor {
    PageRequestDescriptor(
      requester: Self.device, pasid: pasid, address: IOVirtualAddress(page << 12), group: group, read: true, write: true, last: last)
  }

  private func answer(_ group: UInt16, _ code: UInt8, pasid: PASID? = PASID(5)) -> InvalidationDescriptor {
    .pageGroupResponse(PageGroupResponse(requester: Self.device, pasid: pasid, group: group, code: code))
  }

  @Test("Bringing up a unit with page requests gives it an empty queue and unmasks their event")
  func bringUp() throws {
    let unit = try FakeUnit(extended: FakeUnit.complete)
    let driver = VTdDriver(bus: unit)
    try driver.bringUp()
    let ring = try #require(driver.pageRequestQueue)
    #expect(unit.readRegister64(RegisterOffset.pageRequestQueueAddress) == ring.base.rawValue | 4)
    #expect(ring.sizeBytes == 1 << 16)
    #expect(unit.readRegister32(RegisterOffset.pageRequestEventControl) == 0)
    #expect(unit.readRegister32(RegisterOffset.pageRequestEventControl + 4) == 0x22)
    let legacy = try FakeUnit(extended: FakeUnit.complete).bringUp { $0.mode = .legacy }
    #expect(legacy.pageRequestQueue == nil)
  }

  @Test("An interrupt has the queue read, each complete group resolved, and answered once")
  func groups() throws {
    let bench = try bench()
    for descriptor in [
      request(1, group: 1, last: false), request(9, group: 2), request(2, group: 1, last: false), request(3, group: 1),
      request(4, group: 1, pasid: nil),
    ] { bench.unit.request(descriptor) }
    bench.driver.receive(bench.driver.configuration.pageRequestMessage)
    #expect(bench.handler.groups.map { $0.requests.map { $0.address.rawValue >> 12 } } == [[9], [1, 2, 3], [4]])
    #expect(bench.handler.groups.map(\.identity.index) == [2, 1, 1])
    #expect(bench.handler.spaces == [bench.space, bench.space, nil])
    #expect(bench.handler.groups[0].requests[0].permissions == .readWrite)
    #expect(bench.unit.takeDescriptors() == [answer(2, 0), answer(1, 0), answer(1, 0, pasid: nil)])
    #expect(bench.unit.readRegister32(RegisterOffset.pageRequestStatus) == 0)
    #expect(bench.unit.readRegister64(RegisterOffset.pageRequestQueueHead) == 5 * 32)
    bench.driver.receive(bench.driver.configuration.pageRequestMessage)
    #expect(bench.handler.groups.count == 3)
    #expect(bench.driver.activity.pageRequests == 5)
    #expect(bench.driver.activity.pageGroupResponses == 3)
  }

  @Test(
    "The response code says what the handler said, and invalid without one",
    arguments: [(.success, 0), (.invalid, 1), (.failure, 15), (nil, 1)] as [(PageFaultResolution?, UInt8)])
  func codes(resolution: PageFaultResolution?, code: UInt8) throws {
    let bench = try bench()
    if let resolution { bench.handler.resolution = resolution } else { bench.driver.pageFaultHandler = nil }
    bench.unit.request(request(1))
    try bench.driver.handlePageRequests()
    #expect(bench.unit.takeDescriptors() == [answer(1, code)])
  }

  @Test("A handler may map, and requests that come meanwhile are handled after it")
  func reentrance() throws {
    let bench = try bench()
    bench.handler.work = { group in
      for request in group.requests {
        try? bench.driver.map(
          request.address, to: PhysicalAddress(0x7000), length: 4096, permissions: .readWrite, in: bench.space)
      }
      if group.identity.index == 1 {
        bench.unit.request(self.request(2, group: 2))
        bench.driver.receive(bench.driver.configuration.pageRequestMessage)
      }
    }
    bench.unit.request(request(1))
    try bench.driver.handlePageRequests()
    #expect(bench.unit.takeDescriptors() == [answer(1, 0), answer(2, 0)])
    #expect(bench.driver.activity.maps == 2)
  }

  @Test("A group that its handler puts off is answered later, once")
  func pending() throws {
    let bench = try bench()
    bench.handler.resolution = .pending
    bench.unit.request(request(1))
    try bench.driver.handlePageRequests()
    #expect(bench.unit.takeDescriptors().isEmpty)
    let group = bench.handler.groups[0].identity
    try bench.driver.answer(group, with: .pending)
    try bench.driver.answer(group, with: .success)
    #expect(bench.unit.takeDescriptors() == [answer(1, 0)])
    #expect(throws: HostDriverError.unknownPageGroup(group)) { try bench.driver.answer(group, with: .success) }
    #expect(bench.unit.takeDescriptors().isEmpty)
  }

  @Test("Stop markers are dropped unanswered")
  func stopMarker() throws {
    let bench = try bench()
    bench.unit.request(
      PageRequestDescriptor(
        requester: Self.device, pasid: PASID(5), address: IOVirtualAddress(0), group: 0, read: false, write: false, last: true))
    try bench.driver.handlePageRequests()
    #expect(bench.unit.takeDescriptors().isEmpty)
    #expect(bench.handler.groups.isEmpty)
    #expect(bench.driver.activity.stopMarkers == 1)
  }

  @Test("An overflow drops what is there of unfinished groups, and is cleared when the queue is empty")
  func overflow() throws {
    let bench = try bench { $0.pageRequestQueueSizeLog2 = 0 }
    for index in 0..<UInt16(130) { bench.unit.request(request(1, group: index, last: index != 5)) }
    #expect(bench.unit.readRegister32(RegisterOffset.pageRequestStatus) == 3)
    bench.driver.receive(bench.driver.configuration.pageRequestMessage)
    #expect(bench.handler.groups.count == 126)
    #expect(bench.unit.readRegister32(RegisterOffset.pageRequestStatus) == 0)
    #expect(bench.driver.activity.pageRequestOverflows == 1)
    #expect(bench.driver.activity.droppedPageRequests == 1)
    _ = bench.unit.takeDescriptors()
    bench.unit.request(request(7, group: 5))
    try bench.driver.handlePageRequests()
    #expect(bench.handler.groups.last?.requests.count == 1)
    #expect(bench.unit.takeDescriptors() == [answer(5, 0)])
  }

  @Test("Of groups that never end only so many requests are kept")
  func limit() throws {
    let bench = try bench { $0.pageRequestLimit = 3 }
    for page in 0..<UInt64(5) { bench.unit.request(request(page, group: 1, last: false)) }
    bench.unit.request(request(9, group: 1))
    try bench.driver.handlePageRequests()
    #expect(bench.handler.groups.map { $0.requests.map { $0.address.rawValue >> 12 } } == [[0, 1, 2, 9]])
    #expect(bench.driver.activity.droppedPageRequests == 2)
  }

  @Test("Detaching drains: fence, translations, device-TLB, a wait that drains page requests; what is left gets its answer")
  func drain() throws {
    let bench = try bench()
    bench.handler.resolution = .pending
    bench.unit.request(request(1, group: 3))
    bench.unit.request(request(2, group: 4, last: false))
    try bench.driver.handlePageRequests()
    bench.handler.resolution = .invalid
    bench.unit.request(request(1, group: 7))
    try bench.driver.attach(Self.device, pasid: nil, to: bench.space)
    _ = bench.unit.takeDescriptors()
    try bench.driver.detach(Self.device, pasid: PASID(5))
    let translations = InvalidationDescriptor.pasidIOTLB(.pasid(DomainID(2), PASID(5)))
    let inDevice = InvalidationDescriptor.pasidDeviceTLB(
      PASIDDeviceTLBInvalidation(
        DeviceTLBInvalidation(source: Self.device, physicalFunction: RequesterID(0), .everything), pasid: PASID(5)))
    #expect(
      bench.unit.takeDescriptors() == [
        .pasidCache(.pasid(DomainID(2), PASID(5))), translations, inDevice, answer(7, 1),
        .wait(InvalidationWait(fence: true)), translations, inDevice, .wait(InvalidationWait(pageRequestDrain: true)), answer(3, 1),
      ])
    #expect(bench.handler.spaces.last == .some(nil))
    #expect(bench.driver.activity.droppedPageRequests == 1)
  }

  @Test("A drain that meets an overflow is done again")
  func drainAgain() throws {
    let bench = try bench { $0.pageRequestQueueSizeLog2 = 0 }
    var drains = 0
    bench.unit.onDrain = {
      drains += 1
      guard drains == 1 else { return }
      for index in 0..<UInt16(140) { bench.unit.request(self.request(1, group: index)) }
    }
    try bench.driver.detach(Self.device, pasid: PASID(5))
    #expect(drains == 2)
    #expect(bench.driver.activity.pageRequestOverflows == 1)
    #expect(bench.handler.groups.count == 127)
    #expect(bench.unit.readRegister32(RegisterOffset.pageRequestStatus) == 0)
  }

  @Test("Without ECAP.PDS the drain waits without the flag that the unit would refuse")
  func withoutDrain() throws {
    let unit = try FakeUnit(extended: FakeUnit.complete & ~(1 << 42))
    let driver = try unit.bringUp()
    try driver.enable(DeviceServices(deviceTLB: true, pageRequests: true), for: Self.device)
    let space = try driver.makeAddressSpace(.secondStage)
    try driver.attach(Self.device, pasid: nil, to: space)
    try driver.detach(Self.device, pasid: nil)
    let taken = unit.takeDescriptors()
    #expect(taken.contains(.wait(InvalidationWait(fence: true))))
    #expect(!taken.contains(.wait(InvalidationWait(pageRequestDrain: true))))
  }

  @Test("What goes wrong in an interrupt is said by the next call that can")
  func laterError() throws {
    let bench = try bench()
    bench.unit.refusedType = 9
    bench.unit.request(request(1))
    bench.driver.receive(bench.driver.configuration.pageRequestMessage)
    #expect(throws: HostDriverError.invalidationRefused(code: 3)) { try bench.driver.runDue() }
    try bench.driver.runDue()
  }
}
