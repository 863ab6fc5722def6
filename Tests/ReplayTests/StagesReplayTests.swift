import DMATrace
import Hardware
import Machine
import Replay
import Testing

@Suite("Replay by stages") struct StagesReplayTests {
  private static let all = ["legacy", "second", "first", "nested"]

  @Test(
    "A cold walk of the yardstick reads as many entries as the stages have",
    arguments: [
      ("legacy", "4k", "4k", 4), ("second", "4k", "4k", 4), ("first", "4k", "4k", 4), ("first", "2m", "4k", 3), ("nested", "4k", "4k", 24),
      ("nested", "2m", "4k", 19), ("nested", "4k", "2m", 23), ("passthrough", "4k", "4k", 0),
    ] as [(String, String, String, UInt64)])
  func reads(stages: String, page: String, guest: String, reads: UInt64) throws {
    let replay = try RecordReplay(
      [.at(1, .read, 0x1234_5000)],
      ["preset=yardstick", "translation.stages=\(stages)", "mapping.page_size=\(page)", "mapping.guest_page=\(guest)"])
    #expect(replay.faults.isEmpty)
    #expect(replay.figures.walkReads == reads)
    #expect(replay.figures.walks == (reads == 0 ? 0 : 1))
  }

  @Test("The levels of either stage can be chosen", arguments: [(5, 4, 29), (4, 5, 29), (5, 5, 35)] as [(Int, Int, UInt64)])
  func levels(first: Int, second: Int, reads: UInt64) throws {
    let replay = try RecordReplay(
      [.at(1, .read, 0x1234_5000)],
      ["preset=yardstick", "translation.stages=nested", "translation.first_levels=\(first)", "translation.levels=\(second)"])
    #expect(replay.figures.walkReads == reads)
  }

  @Test("Maps, unmaps and replacements lead where the records say", arguments: all)
  func maps(stages: String) throws {
    let records: [TraceRecord] = [
      .at(0, .attach, 0, domain: 5),
      .at(1, .map, 0x10_0000, length: 0x4000, physical: 0x8000_0000, permissions: .readWrite, domain: 5),
      .at(2, .read, 0x10_1040), .at(3, .write, 0x10_3FF0, length: 16),
      .at(4, .map, 0x10_1000, length: 0x1000, physical: 0x9000_0000, permissions: .read, domain: 5),
      .at(5, .read, 0x10_1040), .at(6, .unmap, 0x10_2000, length: 0x1000, domain: 5), .at(7, .read, 0x10_2000),
      .at(8, .read, 0x10_0000),
    ]
    let replay = try RecordReplay(records, ["preset=yardstick", "translation.stages=\(stages)"], mappings: .complete)
    #expect(
      replay.addresses.map { $0?.rawValue } == [0x8000_1040, 0x8000_3FF0, 0x9000_0040, nil, 0x8000_0000] as [UInt64?])
    #expect(replay.faults == [stages == "legacy" ? 0x06 : stages == "second" ? 0x79 : 0x71])
  }

  @Test("A requester has an address space for each PASID, and one without", arguments: ["second", "first", "nested"])
  func pasids(stages: String) throws {
    let pasids: [PASID?] = [nil, PASID(1), PASID(0x8000), PASID(0xF_FFFF)]
    let records = (0..<8 as Range<Int>).map { TraceRecord.at(UInt64($0), .write, 0x5000, pasid: pasids[$0 % 4]) }
    let replay = try RecordReplay(records, ["preset=yardstick", "translation.stages=\(stages)"])
    #expect(replay.faults.isEmpty)
    #expect(Set(replay.addresses).count == 4)
    #expect(replay.addresses[..<4] == replay.addresses[4...])
    #expect(replay.figures.requests.byPASID.map(\.pasid) == [PASID(1), PASID(0x8000), PASID(0xF_FFFF)])
  }

  @Test("Privileged requests are served by a first stage that allows them", arguments: [(true, []), (false, [0x5D])] as [(Bool, [UInt16])])
  func privileged(allowed: Bool, faults: [UInt16]) throws {
    let replay = try RecordReplay(
      [.at(1, .read, 0x5000, pasid: PASID(1), attributes: .privileged)],
      ["preset=yardstick", "translation.stages=first", "driver.supervisor_requests=\(allowed)"])
    #expect(replay.faults == faults)
  }

  @Test("A lazy driver invalidates a first stage by PASID, and what is unmapped is gone with the flush", arguments: ["first", "nested"])
  func lazy(stages: String) throws {
    let records: [TraceRecord] = [
      .at(0, .attach, 0, pasid: PASID(7), domain: 5),
      .at(1, .map, 0x10_0000, length: 0x4000, physical: 0x8000_0000, permissions: .readWrite, domain: 5),
      .at(2, .read, 0x10_0000, pasid: PASID(7)), .at(3, .unmap, 0x10_0000, length: 0x1000, domain: 5),
      .at(4, .read, 0x10_0000, pasid: PASID(7)), .at(20_000, .read, 0x10_0000, pasid: PASID(7)),
    ]
    let replay = try RecordReplay(
      records, ["preset=yardstick", "translation.stages=\(stages)", "driver.invalidation=lazy"], mappings: .complete)
    #expect(replay.addresses.map { $0?.rawValue } == [0x8000_0000, 0x8000_0000, nil] as [UInt64?])
    #expect(replay.figures.driver.deferredFlushes == 1)
  }

  @Test("A physical address beyond what a guest can have is not mapped, and faults")
  func beyondGuest() throws {
    let records: [TraceRecord] = [
      .at(0, .attach, 0, domain: 5),
      .at(1, .map, 0x10_0000, length: 0x1000, physical: 1 << 50, permissions: .readWrite, domain: 5),
    ]
    #expect(throws: ReplayError.self) {
      try RecordReplay(records, ["preset=yardstick", "translation.stages=nested"], mappings: .complete)
    }
  }
}
