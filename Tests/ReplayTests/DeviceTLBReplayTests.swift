import DMATrace
import Hardware
import Machine
import Replay
import Testing

/// Machines whose devices have a device-TLB.
@Suite("Replay with device-TLBs") struct DeviceTLBReplayTests {
  private static let settings = ["preset=yardstick", "endpoints.device_tlb.enabled=true"]

  @Test("Accesses go where they would without, and ask the unit once a page", arguments: ["second", "first", "nested"])
  func translations(stages: String) throws {
    let records = (0..<40 as Range<UInt64>).map { number in
      TraceRecord.at(number, number % 2 == 0 ? .write : .read, 0x10_0000 + (number % 4) << 12)
    }
    let replay = try RecordReplay(records, Self.settings + ["translation.stages=\(stages)"])
    let plain = try RecordReplay(records, ["preset=yardstick", "translation.stages=\(stages)"])
    #expect(replay.addresses == plain.addresses)
    let cache = try #require(replay.cache("device_tlb"))
    #expect((cache.lookups, cache.hits, cache.misses, cache.fills) == (40, 36, 4, 4))
    let devices = replay.figures.deviceRequests
    #expect((devices.translationRequests, devices.translations, devices.translatedAccesses) == (4, 4, 40))
    #expect(replay.figures.requests.total == 40)
    #expect(plain.cache("device_tlb") == nil)
  }

  @Test("A strict unmap is forgotten by the device, a lazy one only with the flush", arguments: [("strict", true), ("lazy", false)])
  func unmap(policy: String, isGone: Bool) throws {
    let records: [TraceRecord] = [
      .at(0, .attach, 0, pasid: PASID(7), domain: 5),
      .at(1, .map, 0x10_0000, length: 0x2000, physical: 0x8000_0000, permissions: .readWrite, domain: 5),
      .at(2, .read, 0x10_0000, pasid: PASID(7)), .at(3, .unmap, 0x10_0000, length: 0x1000, domain: 5),
      .at(4, .read, 0x10_0000, pasid: PASID(7)), .at(20_000, .read, 0x10_0000, pasid: PASID(7)),
    ]
    let replay = try RecordReplay(
      records, Self.settings + ["translation.stages=first", "driver.invalidation=\(policy)"], mappings: .complete)
    let devices = replay.figures.deviceRequests
    #expect(devices.invalidations == 1)
    #expect(devices.refusedAccesses == (isGone ? 2 : 1))
    #expect(devices.translatedAccesses == (isGone ? 1 : 2))
    #expect(replay.figures.requests.total == 3)
  }

  @Test("A device that may ask for pages gets them, one that may not gives up", arguments: [true, false])
  func demand(asks: Bool) throws {
    let attach = TraceRecord.at(0, .attach, 0, pasid: PASID(4), domain: 5)
    let records = (0..<6 as Range<UInt64>).map { number in
      TraceRecord.at(number, .write, 0x5000 + (number / 2) << 12, pasid: PASID(4))
    }
    let replay = try RecordReplay(
      [attach] + records,
      Self.settings + ["translation.stages=first", "mapping.first_touch=fault", "endpoints.page_requests.enabled=\(asks)"])
    let devices = replay.figures.deviceRequests
    if asks {
      #expect((devices.pageRequests, devices.pageSuccesses, devices.refusedAccesses) == (3, 3, 0))
      #expect((devices.translations, devices.translationsWithoutRights) == (3, 3))
      #expect(devices.translatedAccesses == 6)
    } else {
      #expect((devices.pageRequests, devices.translatedAccesses) == (0, 0))
      #expect(devices.refusedAccesses == 6)
    }
  }

  @Test("A closed loop of devices with device-TLB ends every request")
  func closedLoop() throws {
    let records = (0..<100 as Range<UInt64>).map { TraceRecord.at(0, .read, ($0 % 9) << 12) }
    let replay = try RecordReplay(records, Self.settings + ["replay.loop=closed", "replay.outstanding=4"])
    #expect(replay.figures.requests.total == 100)
    #expect(replay.faults.isEmpty)
  }

  @Test("Strict unmaps wait for translated requests that are under way")
  func waits() throws {
    var records: [TraceRecord] = [
      .at(0, .attach, 0, domain: 5),
      .at(0, .map, 0x10_0000, length: 0x8_0000, physical: 0x8000_0000, permissions: .readWrite, domain: 5),
    ]
    for page in 0..<64 as Range<UInt64> {
      records.append(.at(1, .read, 0x10_0000 + page << 12))
      records.append(.at(1, .unmap, 0x10_0000 + page << 12, length: 0x1000, domain: 5))
    }
    let replay = try RecordReplay(records, Self.settings, mappings: .complete)
    #expect(replay.faults.isEmpty)
    #expect(replay.figures.deviceRequests.invalidations == 64)
  }
}
