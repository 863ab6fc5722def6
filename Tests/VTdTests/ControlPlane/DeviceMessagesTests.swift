import Hardware
import Testing
import Translation
import VTdArchitecture

@testable import VTd

/// Device-TLB invalidations and page group responses on their way from the queue to devices.
@Suite struct DeviceMessagesTests {
  typealias Invalidation = VTdArchitecture.DeviceTLBInvalidation
  static let device = RequesterID(0x300)
  static let virtualFunction = RequesterID(0x308)

  static func message(
    tag: UInt8, to device: RequesterID = device, pasid: PASID? = nil, address: UInt64 = 0, sizeLog2: UInt8 = 64, global: Bool = false
  ) -> DeviceMessage {
    .invalidate(
      Translation.DeviceTLBInvalidation(
        tag: tag, requester: device, pasid: pasid, address: IOVirtualAddress(address), sizeLog2: sizeLog2, global: global))
  }

  static func invalidations(_ count: Int, of device: RequesterID = device, limit: UInt8 = 0) -> [SIMD2<UInt64>] {
    let descriptor = InvalidationDescriptor.deviceTLB(
      Invalidation(source: device, physicalFunction: Self.device, maximumPending: limit, .everything))
    return [SIMD2<UInt64>](repeating: descriptor.words, count: count)
  }

  @Test("A device-TLB invalidation is a message without PASID, for the range that address and S tell")
  func range() throws {
    let unit = try UnitUnderTest.scalableTranslation()
    let range = EncodedPageRange(PageRange(IOVirtualAddress(0x1_2000), addressMask: 2))
    unit.submit(.deviceTLB(Invalidation(source: Self.device, range)))
    #expect(unit.takeDeviceMessages() == [Self.message(tag: 0, address: 0x1_0000, sizeLog2: 14)])
    #expect(unit.takeInvalidations() == [])
    #expect(unit.head == 0x20)
  }

  @Test("A PASID-based one carries its PASID, and GI as the global bit", arguments: [false, true])
  func pasid(global: Bool) throws {
    let unit = try UnitUnderTest.scalableTranslation()
    let device = Invalidation(source: Self.device, .everything)
    unit.submit(.pasidDeviceTLB(PASIDDeviceTLBInvalidation(device, pasid: PASID(5), global: global)))
    #expect(unit.takeDeviceMessages() == [Self.message(tag: 0, pasid: PASID(5), global: global)])
  }

  @Test("Responses and invalidations leave in the order of their descriptors")
  func order() throws {
    let unit = try UnitUnderTest.scalableTranslation()
    let device = Invalidation(source: Self.device, .everything)
    let response = VTdArchitecture.PageGroupResponse(requester: Self.device, pasid: PASID(5), group: 7, code: 1)
    unit.submit(.deviceTLB(device), .pageGroupResponse(response), .pasidDeviceTLB(PASIDDeviceTLBInvalidation(device, pasid: PASID(5))))
    let answer = Translation.PageGroupResponse(requester: Self.device, pasid: PASID(5), group: 7, code: .invalidRequest)
    #expect(unit.takeDeviceMessages() == [Self.message(tag: 0), .respond(answer), Self.message(tag: 1, pasid: PASID(5))])
  }

  @Test("A unit that takes such descriptors without having device-TLBs tells no one, and waits for no one")
  func unsupported() throws {
    var choices = ImplementationChoices()
    choices.descriptors.acceptsUnsupportedDeviceTLB = true
    let unit = try UnitUnderTest(ecap: SampleUnit.legacyExtended & ~4, choices: choices)
    unit.enableQueue(wide: false)
    let descriptor = Invalidation(source: Self.device, physicalFunction: RequesterID(0), .everything)
    unit.submit(.deviceTLB(descriptor), InvalidationQueueTests.waitForStatus)
    #expect(unit.takeDeviceMessages() == [])
    #expect(unit.statusWord == 0xCAFE)
  }

  @Test("A device has 32 tags; without a free one its next invalidation waits, and all behind it")
  func tags() throws {
    let unit = try UnitUnderTest.scalableTranslation()
    unit.submit(Self.invalidations(33) + [InvalidationDescriptor.contextCache(.global).words])
    #expect(unit.takeDeviceMessages() == (0..<32 as Range<UInt8>).map { Self.message(tag: $0) })
    #expect(unit.head == 32 * 0x20)
    #expect(unit.takeInvalidations() == [])
    unit.complete(1 << 9, from: Self.device)
    #expect(unit.takeDeviceMessages() == [Self.message(tag: 9)])
    #expect(unit.takeInvalidations() == [.contexts(.all)])
    #expect(unit.head == 34 * 0x20)
  }

  @Test("Each source-id has tags of its own")
  func tagsOfEach() throws {
    let unit = try UnitUnderTest.scalableTranslation(ecap: SampleUnit.scalableExtended & ~(1 << 41))
    let descriptors = [Self.device, Self.virtualFunction].flatMap { device in
      [SIMD2<UInt64>](
        repeating: InvalidationDescriptor.deviceTLB(
          Invalidation(source: device, physicalFunction: RequesterID(0), .everything)
        ).words, count: 32)
    }
    unit.submit(descriptors)
    #expect(unit.takeDeviceMessages().count == 64)
    #expect(unit.faultStatus == 0)
  }

  @Test("With throttling a physical function and its virtual ones together have no more pending than MIP")
  func throttle() throws {
    let unit = try UnitUnderTest.scalableTranslation()
    unit.submit(Self.invalidations(2, limit: 3) + Self.invalidations(2, of: Self.virtualFunction, limit: 3))
    #expect(
      unit.takeDeviceMessages() == [Self.message(tag: 0), Self.message(tag: 1), Self.message(tag: 0, to: Self.virtualFunction)])
    unit.complete(1, from: Self.device)
    #expect(unit.takeDeviceMessages() == [Self.message(tag: 1, to: Self.virtualFunction)])
  }

  @Test("Without throttling MIP is a hint that is not taken")
  func hint() throws {
    let unit = try UnitUnderTest.scalableTranslation(ecap: SampleUnit.scalableExtended & ~(1 << 41))
    let descriptor = Invalidation(source: Self.device, physicalFunction: RequesterID(0), maximumPending: 1, .everything)
    unit.submit(.deviceTLB(descriptor), .deviceTLB(descriptor))
    #expect(unit.takeDeviceMessages().count == 2)
  }

  @Test("An invalidation is over after as many completions as they say, and not before", arguments: [1, 2, 8] as [UInt8])
  func completionCount(messages: UInt8) throws {
    let unit = try UnitUnderTest.scalableTranslation()
    unit.submit(Self.invalidations(1) + [InvalidationQueueTests.waitForStatus.words])
    for _ in 1..<messages {
      unit.complete(1, from: Self.device, messages: messages)
      #expect(unit.statusWord == 0)
    }
    unit.complete(1, from: Self.device, messages: messages)
    #expect(unit.statusWord == 0xCAFE)
    #expect(unit.faultStatus == 0)
  }

  @Test("One completion may name several tags")
  func severalTags() throws {
    let unit = try UnitUnderTest.scalableTranslation()
    unit.submit(Self.invalidations(3) + [InvalidationQueueTests.waitForStatus.words])
    unit.complete(0b111, from: Self.device)
    #expect(unit.statusWord == 0xCAFE)
  }

  @Test("A tag that is not allocated for the device is a completion error; the other tags count", arguments: [0b101, 0b011] as [UInt32])
  func unexpectedTag(tags: UInt32) throws {
    let unit = try UnitUnderTest.scalableTranslation()
    unit.submit(Self.invalidations(1) + [InvalidationQueueTests.waitForStatus.words])
    unit.complete(1, from: Self.virtualFunction)
    #expect(unit.statusWord == 0)
    #expect(unit.faultStatus == 0x20)
    #expect(unit.queueError == 0x308 << 48)
    unit.complete(tags, from: Self.device)
    #expect(unit.statusWord == 0xCAFE)
    #expect(unit.queueError == 0x308 << 48)
  }

  @Test(
    "Units of major version 5 and below may stop at a tag that is not allocated", arguments: [(5, 0), (6, 0xCAFE)] as [(UInt8, UInt32)])
  func earlyStop(major: UInt8, status: UInt32) throws {
    var choices = ImplementationChoices()
    choices.completionErrorStopsEarly = true
    let unit = try UnitUnderTest.scalableTranslation(major: major, choices: choices)
    unit.submit(Self.invalidations(2) + [InvalidationQueueTests.waitForStatus.words])
    unit.complete(1, from: Self.device)
    unit.complete(0b11, from: Self.device)
    #expect(unit.faultStatus == 0x20)
    #expect(unit.statusWord == status)
  }

  @Test("While translation is disabled a completion is an unsupported request")
  func disabled() throws {
    let unit = try UnitUnderTest.scalableQueue()
    unit.submit(Self.invalidations(1) + [InvalidationQueueTests.waitForStatus.words])
    unit.complete(1, from: Self.device)
    #expect(unit.statusWord == 0)
    #expect(unit.faultStatus == 0)
  }
}
