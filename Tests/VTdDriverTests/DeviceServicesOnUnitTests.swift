import Hardware
import Testing
import Translation
import VTd
import VTdArchitecture

@testable import HostDrivers

/// Translation services and page requests of devices, from the driver's calls to what a device is told.
@Suite struct DeviceServicesOnUnitTests {
  static let device = RequesterID(bus: 0x17, device: 0x12, function: 3)

  /// A device that completes invalidations at once and writes down what it is told.
  private final class Port: DevicePort {
    let unit: RemappingUnit
    var invalidations: [Translation.DeviceTLBInvalidation] = []
    var responses: [Translation.PageGroupResponse] = []

    init(_ unit: RemappingUnit) { self.unit = unit }

    func invalidate(_ request: Translation.DeviceTLBInvalidation, at time: SimTime) {
      invalidations.append(request)
      unit.receive(InvalidationCompletion(requester: request.requester, tags: 1 << UInt32(request.tag)), at: time)
    }

    func respond(_ response: Translation.PageGroupResponse, at time: SimTime) { responses.append(response) }
  }

  /// Maps what is asked for at the frame of the same number.
  private final class Handler: PageFaultHandler {
    unowned let driver: VTdDriver
    init(_ driver: VTdDriver) { self.driver = driver }

    func resolve(_ group: PageRequestGroup, in space: AddressSpace?) -> PageFaultResolution {
      guard let space else { return .invalid }
      for request in group.requests {
        do throws(HostDriverError) {
          try driver.map(
            request.address, to: PhysicalAddress(request.address.rawValue), length: 4096, permissions: .readWrite, in: space)
        } catch { return .failure }
      }
      return .success
    }
  }

  private func translation(_ machine: UnitBus, _ address: UInt64, _ pasid: PASID?) -> TranslationCompletion {
    machine.unit.complete(
      TranslationRequest(
        .read, at: IOVirtualAddress(address), length: 0, by: Self.device, pasid: pasid, kind: .translationRequest),
      at: machine.now)
  }

  @Test(
    "A device gets translations once it is served, and is told what to forget when they go",
    arguments: [AddressSpaceKind.firstStage, .secondStage], [nil, PASID(5)])
  func translations(kind: AddressSpaceKind, pasid: PASID?) throws {
    let machine = try Setting.complete.machine()
    let driver = try machine.bringUp()
    let port = Port(machine.unit)
    machine.unit.connect(port, requesters: [Self.device])
    let space = try driver.makeAddressSpace(kind)
    try driver.map(IOVirtualAddress(0x5000), to: PhysicalAddress(0x7000), length: 0x2000, permissions: .readWrite, in: space)
    try driver.attach(Self.device, pasid: pasid, to: space)
    #expect(translation(machine, 0x5000, pasid).status == .unsupportedRequest)
    try driver.enable(DeviceServices(deviceTLB: true), for: Self.device)
    port.invalidations = []
    let found = translation(machine, 0x5000, pasid)
    #expect(found.status == .success)
    #expect(found.permissions == .readWrite)
    #expect(found.address == PhysicalAddress(0x7000))
    try driver.unmap(IOVirtualAddress(0x5000), length: 0x1000, in: space)
    #expect(
      port.invalidations == [
        Translation.DeviceTLBInvalidation(tag: 0, requester: Self.device, pasid: pasid, address: IOVirtualAddress(0x5000), sizeLog2: 12)
      ])
    #expect(translation(machine, 0x5000, pasid).permissions == [])
    #expect(translation(machine, 0x6000, pasid).address == PhysicalAddress(0x8000))
  }

  @Test("A page request goes through the queue to the handler, and its answer to the device", arguments: [nil, PASID(5)])
  func pageRequest(pasid: PASID?) throws {
    let machine = try Setting.complete.machine()
    let driver = try machine.bringUp()
    let port = Port(machine.unit)
    let handler = Handler(driver)
    driver.pageFaultHandler = handler
    machine.unit.connect(port, requesters: [Self.device])
    try driver.enable(DeviceServices(deviceTLB: true, pageRequests: true), for: Self.device)
    let space = try driver.makeAddressSpace(.firstStage)
    try driver.attach(Self.device, pasid: pasid, to: space)
    #expect(translation(machine, 0x5000, pasid).permissions == [])
    for (page, last) in [(0x5000, false), (0x9000, true)] as [(UInt64, Bool)] {
      machine.unit.receive(
        PageRequest(
          requester: Self.device, pasid: pasid, address: IOVirtualAddress(page), group: 9, last: last, read: true, write: false),
        at: machine.now)
    }
    machine.deliverInterrupts()
    #expect(
      port.responses == [Translation.PageGroupResponse(requester: Self.device, pasid: pasid, group: 9, code: .success)])
    #expect(translation(machine, 0x5000, pasid).address == PhysicalAddress(0x5000))
    #expect(translation(machine, 0x9000, pasid).permissions == .readWrite)
    #expect(driver.activity.pageRequests == 2)
  }

  @Test("More page requests than the queue takes: the unit answers some, the driver the rest, each group once")
  func overflow() throws {
    let machine = try Setting.complete.machine()
    let driver = try machine.bringUp { $0.pageRequestQueueSizeLog2 = 0 }
    let port = Port(machine.unit)
    let handler = Handler(driver)
    driver.pageFaultHandler = handler
    machine.unit.connect(port, requesters: [Self.device])
    try driver.enable(DeviceServices(deviceTLB: true, pageRequests: true), for: Self.device)
    let space = try driver.makeAddressSpace(.firstStage)
    try driver.attach(Self.device, pasid: PASID(5), to: space)
    for group in 0..<UInt16(200) {
      machine.unit.receive(
        PageRequest(
          requester: Self.device, pasid: PASID(5), address: IOVirtualAddress(UInt64(group) << 12), group: group, last: true, read: true,
          write: true), at: machine.now)
    }
    machine.deliverInterrupts()
    #expect(port.responses.map(\.group).sorted() == (0..<200).map { $0 })
    #expect(port.responses.allSatisfy { $0.code == .success })
    #expect(driver.activity.pageRequests == 127)
    #expect(driver.activity.pageRequestOverflows == 1)
  }

  @Test("After a detachment no request is left, and none gets an answer that grants anything")
  func drain() throws {
    let machine = try Setting.complete.machine()
    let driver = try machine.bringUp()
    let port = Port(machine.unit)
    let handler = Handler(driver)
    driver.pageFaultHandler = handler
    machine.unit.connect(port, requesters: [Self.device])
    try driver.enable(DeviceServices(deviceTLB: true, pageRequests: true), for: Self.device)
    let space = try driver.makeAddressSpace(.firstStage)
    try driver.attach(Self.device, pasid: PASID(5), to: space)
    try driver.attach(Self.device, pasid: nil, to: space)
    let request = PageRequest(
      requester: Self.device, pasid: PASID(5), address: IOVirtualAddress(0x5000), group: 1, last: true, read: true, write: true)
    machine.unit.receive(request, at: machine.now)
    try driver.detach(Self.device, pasid: PASID(5))
    #expect(port.responses.map(\.code) == [.invalidRequest])
    machine.unit.receive(request, at: machine.now)
    machine.deliverInterrupts()
    #expect(port.responses.map(\.code) == [.invalidRequest, .invalidRequest])
    #expect(driver.takeFaults().map(\.code) == [0x59])
  }
}
