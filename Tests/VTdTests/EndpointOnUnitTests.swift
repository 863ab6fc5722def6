import Endpoints
import Hardware
import Testing
import Translation
import VTdArchitecture

@testable import VTd

/// A device with an address translation cache behind a remapping unit, both as they are.
@Suite struct EndpointOnUnitTests {
  static let requester = MachineUnderTest.device
  static let page = MachineUnderTest.page

  let machine: MachineUnderTest
  let endpoint: Endpoint<RemappingUnit>
  let status: PhysicalAddress
  let queue: PhysicalAddress

  init() throws {
    machine = try MachineUnderTest(.scalable)
    machine.scalableContextEntry.pageRequestsEnabled = true
    endpoint = Endpoint(Self.requester, service: machine.unit)
    endpoint.setTranslationServices(enabled: true)
    endpoint.setPageRequests(enabled: true)
    machine.unit.connect(endpoint, requesters: [Self.requester])
    status = try #require(machine.tables.allocate())
    queue = try #require(machine.tables.allocate())
    machine.unit.writeRegister(RegisterOffset.pageRequestQueueAddress, size: 8, queue.rawValue)
  }

  func access(_ access: AccessKind = .read, pasid: PASID? = nil) -> (outcome: AccessOutcome, response: TranslationResponse) {
    var response = TranslationResponse()
    let outcome = endpoint.access(access, at: Self.page, pasid: pasid, time: machine.unit.now, into: &response)
    machine.unit.settle()
    machine.unit.advance(to: response.completion)
    endpoint.advance(to: machine.unit.now)
    return (outcome, response)
  }

  /// Has the unit, and if asked the device, forget the page.
  func invalidate(device: Bool, pasid: PASID? = nil) {
    machine.submit(.iotlb(IOTLBInvalidation(.pages(MachineUnderTest.domain, PageRange(Self.page), leafOnly: false))))
    guard device else { return }
    let descriptor = VTdArchitecture.DeviceTLBInvalidation(
      source: Self.requester, physicalFunction: RequesterID(0), EncodedPageRange(PageRange(Self.page)))
    machine.memory.write32(status, 0)
    machine.submit(
      pasid.map { .pasidDeviceTLB(PASIDDeviceTLBInvalidation(descriptor, pasid: $0)) } ?? .deviceTLB(descriptor),
      .wait(InvalidationWait(status: (status, 0xCAFE))))
  }

  @Test("An access is translated once and then served from the device's cache", arguments: [nil, MachineUnderTest.pasid])
  func translated(pasid: PASID?) {
    for expected in [AccessOutcome.miss, .hit] {
      let (outcome, response) = access(.write, pasid: pasid)
      #expect(outcome == expected)
      #expect(response.address == MachineUnderTest.target)
      #expect(response.fault == nil)
    }
    #expect(endpoint.counters.translationRequests == 1)
  }

  @Test(
    "The device uses a stale translation until it is invalidated, and completes the invalidation", arguments: [nil, MachineUnderTest.pasid])
  func stale(pasid: PASID?) {
    _ = access(pasid: pasid)
    machine[1] = machine[1] & 0xFFF | 0x3_3333_3000
    invalidate(device: false)
    #expect(access(pasid: pasid).response.address == MachineUnderTest.target)
    invalidate(device: true, pasid: pasid)
    #expect(machine.memory.read32(status) == 0xCAFE)
    #expect(access(pasid: pasid).outcome == .miss)
    #expect(access(pasid: pasid).response.address == PhysicalAddress(0x3_3333_3000))
  }

  @Test("A missing right becomes a page request; software maps, answers, and the access succeeds")
  func pageRequest() {
    machine[1] &= ~3
    let (first, _) = access(.write)
    #expect(first == .awaitsPage(group: 0))
    #expect(machine.takeFaults() == [])
    #expect(machine.unit.readRegister(RegisterOffset.pageRequestQueueTail, size: 8) == 0x20)
    let words = SIMD4((0..<4 as Range<UInt64>).map { machine.memory.read64(queue.advanced(by: 8 * $0)) ?? 0 })
    let request = PageRequestDescriptor(words: words)
    #expect(request.requester == Self.requester && request.address == Self.page && request.write && request.last)
    machine[1] |= 3
    machine.submit(
      .pageGroupResponse(
        VTdArchitecture.PageGroupResponse(requester: request.requester, pasid: request.pasid, group: request.group, code: 0)))
    #expect(endpoint.nextAnsweredGroup()?.code == .success)
    let (second, response) = access(.write)
    #expect(second == .miss)
    #expect(response.address == MachineUnderTest.target)
  }

  @Test("A device that may not use ATS is told so, and goes on without")
  func notAllowed() {
    machine.scalableContextEntry.pageRequestsEnabled = false
    machine.scalableContextEntry.deviceTLBEnabled = false
    #expect(access().outcome == .refused(.unsupportedRequest))
    #expect(machine.takeFaults().map(\.reason) == [.deviceTLBNotEnabled])
    let (outcome, response) = access()
    #expect(outcome == .untranslated)
    #expect(response.address == MachineUnderTest.target)
  }
}
