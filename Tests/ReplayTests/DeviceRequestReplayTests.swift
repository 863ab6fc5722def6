import DMATrace
import Hardware
import Machine
import Replay
import Testing

/// Traces that record ATS and PRI messages themselves.
@Suite("Replay of device requests") struct DeviceRequestReplayTests {
  @Test("Translation requests are answered and counted by their answer", arguments: ["second", "first", "nested"], [nil, PASID(3)])
  func translationRequests(stages: String, pasid: PASID?) throws {
    let records: [TraceRecord] = [
      .at(0, .attach, 0, pasid: pasid, domain: 5),
      .at(1, .map, 0x10_0000, length: 0x1000, physical: 0x8000_0000, permissions: .readWrite, domain: 5),
      .at(2, .translationRequest, 0x10_0000, length: 4096, pasid: pasid),
      .at(3, .translationRequest, 0x10_1000, length: 4096, pasid: pasid, attributes: .noWrite),
      .at(4, .unmap, 0x10_0000, length: 0x1000, domain: 5),
      .at(5, .translationRequest, 0x10_0000, length: 4096, pasid: pasid),
    ]
    let replay = try RecordReplay(records, ["preset=yardstick", "translation.stages=\(stages)"], mappings: .complete)
    let devices = replay.figures.deviceRequests
    #expect((devices.translationRequests, devices.translations, devices.translationsWithoutRights) == (3, 1, 2))
    #expect(replay.figures.requests.total == 0)
    // Of the enabling of ATS, and of the unmap.
    #expect(devices.invalidations >= 1)
  }

  @Test("At first touch a translation request finds its page mapped")
  func firstTouch() throws {
    let replay = try RecordReplay([.at(1, .translationRequest, 0x5000, length: 4096)], ["preset=yardstick"])
    #expect(replay.figures.deviceRequests.translations == 1)
    #expect(replay.figures.driver.maps == 1)
  }

  @Test("A translated access goes to the address that the device had, unchecked by tables, checked by the unit")
  func translatedAccesses() throws {
    let records: [TraceRecord] = [
      .at(1, .translatedRead, 0x5000, physical: 0x8000_0040), .at(2, .translatedWrite, 0x8000_0000),
      .at(3, .translatedWrite, 0x5000, physical: 0xFEE0_0000),
    ]
    let replay = try RecordReplay(records, ["preset=yardstick"])
    #expect(replay.addresses.map { $0?.rawValue } == [0x8000_0040, 0x8000_0000, nil] as [UInt64?])
    #expect(replay.faults == [0x87])
    #expect(replay.figures.deviceRequests.translatedAccesses == 3)
    #expect((replay.figures.requests.total, replay.figures.requests.reads) == (3, 1))
    #expect(replay.figures.walks == 0)
  }

  @Test("Without device-TLB support the unit refuses what needs it")
  func withoutDeviceTLB() throws {
    let settings = ["preset=yardstick", "vtd.extended_capability=0x3fef9ec6f0efdb"]
    let replay = try RecordReplay([.at(1, .translatedRead, 0x5000), .at(2, .translationRequest, 0x5000, length: 4096)], settings)
    #expect(replay.faults == [0x44])
    #expect(replay.figures.deviceRequests.unsupportedRequests == 1)
  }

  @Test(
    "Page requests go to the driver, which makes the pages present and answers each group once", arguments: ["second", "first", "nested"])
  func pageRequests(stages: String) throws {
    let records: [TraceRecord] = [
      .at(1, .pageRequest, 0x5000, length: 0, pasid: PASID(3), permissions: .read, group: 1),
      .at(2, .pageRequest, 0x9000, length: 0, pasid: PASID(3), permissions: .readWrite, attributes: .last, group: 1),
      .at(3, .translationRequest, 0x5000, length: 4096, pasid: PASID(3)), .at(4, .read, 0x9000, pasid: PASID(3)),
      .at(5, .pageRequest, 0, length: 0, pasid: PASID(3), attributes: .last),
      .at(6, .read, 0xA000, pasid: PASID(3)),
    ]
    let replay = try RecordReplay(
      records, ["preset=yardstick", "translation.stages=\(stages)", "mapping.first_touch=fault"])
    let devices = replay.figures.deviceRequests
    #expect((devices.pageRequests, devices.pageSuccesses, devices.invalidPageRequests) == (2, 1, 0))
    #expect(devices.translations == 1)
    #expect(replay.addresses.map { $0 == nil } == [false, true])
    #expect(replay.figures.driver.maps >= 2)
    #expect((replay.figures.driver.pageRequests, replay.figures.driver.stopMarkers) == (2, 1))
  }

  @Test("A page request of a requester that is attached nowhere is answered as invalid by the unit")
  func unattached() throws {
    let replay = try RecordReplay(
      [.at(1, .pageRequest, 0x5000, length: 0, permissions: .read, attributes: .last)], ["preset=yardstick"], mappings: .complete)
    #expect(replay.figures.deviceRequests.invalidPageRequests == 1)
    #expect(replay.figures.driver.pageRequests == 0)
  }

  @Test("With recorded invalidations, a device that begins to use ATS is served although its context was cached")
  func recorded() throws {
    let replay = try RecordReplay(
      [.at(1, .read, 0x5000), .at(2, .translationRequest, 0x5000, length: 4096)], ["preset=yardstick"], recorded: true)
    #expect(replay.figures.deviceRequests.translations == 1)
  }
}
