import Hardware
import Replay
import Testing
import Translation

@Suite("Statistics of a replay") struct ReplayStatisticsTests {
  static func response(
    _ outcome: TranslationOutcome, iotlb: UInt64 = 0, memory: UInt64 = 0, pageSizeLog2: UInt8 = 12, fault: UInt16? = nil
  ) -> TranslationResponse {
    var response = TranslationResponse()
    response.outcome = outcome
    response.latency.iotlb = SimTime(picoseconds: iotlb)
    response.latency.memory = SimTime(picoseconds: memory)
    response.pageSizeLog2 = fault == nil ? pageSizeLog2 : 0
    response.fault = fault.map { TranslationFault(code: $0) }
    return response
  }

  static func request(_ access: AccessKind, length: UInt32 = 1, by requester: UInt32 = 8, pasid: PASID? = nil) -> TranslationRequest {
    TranslationRequest(access, at: IOVirtualAddress(0x1000), length: length, by: RequesterID(requester), pasid: pasid)
  }

  @Test("Requests are counted by access, bytes and pages, and pieces by outcome")
  func counts() {
    var statistics = ReplayStatistics()
    statistics.record(Self.request(.read, length: 64), Self.response(.hit), isLastPiece: true)
    statistics.record(Self.request(.write, length: 100), Self.response(.miss, pageSizeLog2: 21), isLastPiece: false)
    statistics.record(Self.request(.write, length: 28), Self.response(.merge), isLastPiece: true)
    statistics.record(Self.request(.atomic, length: 8), Self.response(.bypass, pageSizeLog2: 0), isLastPiece: true)
    let figures = statistics.figures
    #expect((figures.total, figures.reads, figures.writes, figures.atomics) == (3, 1, 1, 1))
    #expect((figures.pieces, figures.bytes, figures.translated) == (4, 200, 3))
    #expect(figures.outcomes.map(\.pieces) == [1, 1, 1, 1, 0])
    #expect(figures.pageSizes.map(\.log2) == [12, 21])
    #expect(figures.pageSizes.map(\.pieces) == [2, 1])
  }

  @Test("A record faults if any of its pieces does, by the code of the first")
  func faults() {
    var statistics = ReplayStatistics()
    statistics.record(Self.request(.read), Self.response(.hit), isLastPiece: false)
    statistics.record(Self.request(.read), Self.response(.miss, fault: 6), isLastPiece: false)
    statistics.record(Self.request(.read), Self.response(.miss, fault: 5), isLastPiece: true)
    statistics.record(Self.request(.read), Self.response(.hit), isLastPiece: true)
    statistics.record(Self.request(.read), Self.response(.miss, fault: 0xFFFF), isLastPiece: true)
    let figures = statistics.figures
    #expect(figures.faults.map(\.code) == [6, 0xFFFF])
    #expect(figures.faults.map(\.count) == [1, 1])
    #expect((figures.total, figures.translated) == (3, 1))
  }

  @Test("The latency of a record is that of its last piece, and the sum of its stages")
  func latency() {
    var statistics = ReplayStatistics()
    statistics.record(Self.request(.read), Self.response(.miss, iotlb: 2000, memory: 320_000), isLastPiece: false)
    statistics.record(Self.request(.read), Self.response(.hit, iotlb: 2000), isLastPiece: true)
    statistics.record(Self.request(.read), Self.response(.miss, iotlb: 2000, memory: 80_001), isLastPiece: true)
    let latency = statistics.figures.latency
    #expect((latency.count, latency.sum, latency.maximum) == (2, 84_001, SimTime(picoseconds: 82_001)))
    #expect(latency.mean.description == "42.000")
  }

  @Test("Each stage counts the requests that spent time in it")
  func stages() throws {
    var response = Self.response(.miss, iotlb: 1, memory: 5)
    response.latency.queueing = SimTime(picoseconds: 2)
    response.latency.configuration = SimTime(picoseconds: 3)
    response.latency.merge = SimTime(picoseconds: 4)
    response.latency.walkerWait = SimTime(picoseconds: 6)
    var statistics = ReplayStatistics()
    statistics.record(Self.request(.read), response, isLastPiece: true)
    statistics.record(Self.request(.read), Self.response(.hit, iotlb: 11), isLastPiece: true)
    let figures = statistics.figures
    #expect(figures.stages.map(\.stage) == LatencyStage.allCases)
    #expect(figures.stages.map(\.sum) == [2, 12, 3, 4, 6, 5])
    #expect(figures.stages.map(\.count) == [1, 2, 1, 1, 1, 1])
    #expect(figures.stages.map(\.maximum.picoseconds) == [2, 11, 3, 4, 6, 5])
    #expect(figures.latency.sum == figures.stages.reduce(0) { $0 + $1.sum })
    #expect(figures.latency.maximum == response.latency.total)
  }

  @Test("A reset forgets everything")
  func reset() {
    var statistics = ReplayStatistics()
    for number in 0..<10_000 {
      statistics.record(
        Self.request(.write, by: UInt32(number % 50), pasid: PASID(UInt32(number % 30))),
        Self.response(.miss, iotlb: 1, memory: UInt64(number), fault: number % 2 == 0 ? 5 : nil),
        isLastPiece: number % 4 != 0)
    }
    statistics.reset()
    #expect(statistics.figures == ReplayStatistics.nothing)
    // The same requester as the last one before the reset.
    statistics.record(Self.request(.read, by: 49), Self.response(.hit, iotlb: 1), isLastPiece: true)
    #expect(statistics.figures.total == 1)
    #expect(statistics.figures.byRequester.map(\.figures.count) == [1])
  }

  @Test("Requesters and PASIDs are counted apart, in the order of their numbers", arguments: [1, 3, 1000])
  func groups(number: Int) {
    var statistics = ReplayStatistics()
    // The numbers come neither in order nor close together.
    let ids = (0..<number).map { UInt32(truncatingIfNeeded: ($0 * 7919 + 13) % 65521) }
    for round in 0..<3 {
      for (index, id) in ids.enumerated() {
        let response = Self.response(.hit, iotlb: UInt64(index) * 1000 + UInt64(round))
        statistics.record(Self.request(.read, by: id, pasid: round == 0 ? nil : PASID(id)), response, isLastPiece: true)
      }
    }
    let figures = statistics.figures
    #expect(figures.byRequester.map(\.requester.rawValue) == ids.sorted())
    #expect(figures.byPASID.map(\.pasid.rawValue) == ids.sorted())
    for (index, id) in ids.enumerated() {
      let requester = figures.byRequester.first { $0.requester.rawValue == id }?.figures
      #expect(requester?.count == 3)
      #expect(requester?.sum == UInt64(index) * 3000 + 3)
      #expect(requester?.maximum == SimTime(picoseconds: UInt64(index) * 1000 + 2))
      #expect(figures.byPASID.first { $0.pasid.rawValue == id }?.figures.count == 2)
    }
  }

  @Test(
    "A latency falls into the bucket of its power of two",
    arguments: [
      (0, 0), (1023, 0), (1024, 1), (2047, 1), (2048, 2), (1 << 29, 20), ((1 << 30) - 1, 20), (1 << 30, 21), (1 << 50, 21),
    ] as [(UInt64, Int)])
  func buckets(picoseconds: UInt64, bucket: Int) throws {
    var statistics = ReplayStatistics()
    statistics.record(Self.request(.read), Self.response(.hit, iotlb: picoseconds), isLastPiece: true)
    let figures = try #require(statistics.figures.byRequester.first).figures
    #expect(figures.histogram.firstIndex(of: 1) == bucket)
    #expect(figures.histogram.count == 22)
    if let limit = figures.limit(ofBucket: bucket) {
      #expect(picoseconds < limit.picoseconds)
    } else {
      #expect(bucket == 21)
    }
  }
}
