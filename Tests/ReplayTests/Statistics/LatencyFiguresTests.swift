import Hardware
import Replay
import Testing
import Translation

@Suite("Latency percentiles") struct LatencyFiguresTests {
  func figures(_ latencies: [UInt64]) -> LatencyFigures {
    var statistics = ReplayStatistics()
    for latency in latencies {
      let request = TranslationRequest(.read, at: IOVirtualAddress(0), by: RequesterID(0))
      var response = TranslationResponse()
      response.latency.iotlb = SimTime(picoseconds: latency)
      statistics.record(request, response, isLastPiece: true)
    }
    return statistics.figures.latency
  }

  func percentiles(_ figures: LatencyFigures) -> [UInt64] {
    [figures.p50, figures.p90, figures.p99, figures.p999, figures.maximum].map(\.picoseconds)
  }

  @Test("A percentile is the least latency that as many requests do not exceed")
  func ranks() {
    #expect(percentiles(figures(Array(1...1000))) == [500, 900, 990, 999, 1000])
    #expect(percentiles(figures(Array(1...10))) == [5, 9, 10, 10, 10])
    #expect(percentiles(figures([7])) == [7, 7, 7, 7, 7])
    #expect(percentiles(figures([5, 5, 5, 900_000])) == [5, 900_000, 900_000, 900_000, 900_000])
  }

  @Test("Without requests all figures are 0")
  func empty() {
    let figures = figures([])
    #expect(percentiles(figures) == [0, 0, 0, 0, 0])
    #expect(figures.mean.description == "0.000")
  }

  @Test("Few different latencies are counted exactly, however long")
  func exact() {
    let latencies = (0..<500).map { 1_000_000_007 * UInt64($0 % 100 + 1) }
    #expect(percentiles(figures(latencies)) == [50, 90, 99, 100, 100].map { $0 * 1_000_000_007 })
  }

  @Test("Of very many different latencies, percentiles keep three digits, and sum and maximum all")
  func rounded() {
    let latencies = (1...200_000).map { UInt64($0) * 1009 }
    var generator = SplitMix64(seed: 1)
    let figures = figures(latencies.shuffled(using: &generator))
    for (percentile, perMille) in [(figures.p50, 500), (figures.p90, 900), (figures.p99, 990), (figures.p999, 999)] as [(SimTime, UInt64)] {
      let exact = 200 * perMille * 1009
      #expect(percentile.picoseconds <= exact + exact / 1000)
      #expect(percentile.picoseconds >= exact - exact / 1000)
    }
    #expect(figures.maximum.picoseconds == 200_000 * 1009)
    #expect(figures.sum == latencies.reduce(0, +))
    #expect(figures.count == 200_000)
  }

  @Test("The longest possible latency is counted too")
  func longest() {
    #expect(figures([.max, .max, 3]).count == 3)
  }
}
