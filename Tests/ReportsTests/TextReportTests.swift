import Hardware
import Replay
import Reports
import Testing
import Translation

@Suite("Text report") struct TextReportTests {
  func line(_ start: String, in text: String) throws -> [Substring] {
    try #require(text.split(separator: "\n").first { $0.hasPrefix(start) }, "\(start)").split(separator: " ")
  }

  @Test(
    "Each figure stands in its line",
    arguments: [
      ("requests   20", "requests 20: 10 reads, 10 writes, 0 atomics; 1,280 bytes in 20 page pieces"),
      (
        "devices",
        "devices 4 translation requests, 3 with rights; 4 translated accesses, 0 given up; 2 page requests, 0 groups served; 0 invalidations"
      ),
      ("outcome", "outcome 19 translated, 1 faulted"), ("simulated", "simulated 3.000 us: 6.666 requests/us, 3.413 Gb/s"),
      ("host", "host 1.500 s: 823,044 records/s"), ("latency, ns", "latency, ns mean p50 p90 p99 p99.9 max"),
      ("       ", "82.000 2.000 322.000 322.000 322.000 322.000"), ("  walking", "walking 97.56 % 5 320.000 320.000"),
      ("  IOTLB lookup", "IOTLB lookup 2.43 % 20 2.000 2.000"), ("  iotlb", "iotlb 75.00 % 20 15 0 5 5 1 0"),
      ("  walks", "walks: 5, which read 20 table entries: 4.000 each"), ("  06h", "06h no read permission 1"),
      ("by requester", "by requester, 10 of 12 requests mean, ns max, ns"), ("  00:00.0", "00:00.0 2 322.000 322.000"),
      ("by PASID", "by PASID requests mean, ns max, ns"), ("  0x7", "0x7 5 130.000 322.000"),
    ])
  func lines(start: String, words: String) throws {
    #expect(try line(start, in: TextReport.text(try SampleResult.standard.get())).joined(separator: " ") == words)
  }

  @Test("Requesters with the most requests come first, and equals by rising id")
  func order() throws {
    let lines = TextReport.text(try SampleResult.standard.get()).split(separator: "\n")
    let requesters = lines.drop { !$0.hasPrefix("by requester") }.dropFirst().prefix(10).map { $0.split(separator: " ")[0] }
    #expect(
      requesters == ["00:00.0", "00:00.1", "00:00.2", "00:00.3", "00:00.4", "00:00.5", "00:00.6", "00:00.7", "00:01.0", "00:01.1"])
  }

  @Test(
    "The simulated time is scaled, and its digits are grouped",
    arguments: [
      (0, "0.000 us"), (999_999_999, "999.999 us"), (1_000_000_000, "1.000 ms"), (2_345_678_900_000, "2.345 s"),
      (12_345_678_900_000_000, "12,345.678 s"),
    ] as [(UInt64, String)])
  func simulatedTime(picoseconds: UInt64, text: String) throws {
    let report = TextReport.text(try SampleResult.make { $0.figures.duration = SimTime(picoseconds: picoseconds) })
    #expect(report.contains("simulated  \(text): "))
  }

  @Test("A cache that was never asked has no hit rate, and what there is one of is not in the plural")
  func singulars() throws {
    let report = TextReport.text(
      try SampleResult.make {
        $0.figures.caches[0].counters = CacheCounters()
        $0.trace.records = 1
      })
    #expect(try line("  iotlb", in: report).joined(separator: " ") == "iotlb - 0 0 0 0 0 0 0")
    #expect(report.contains(": 1 record\n"))
  }

  @Test("Parts without content are left out, damage is shown")
  func parts() throws {
    let text = TextReport.text(
      try SampleResult.make {
        $0.figures.requests = ReplayStatistics.nothing
        $0.figures.deviceRequests = DeviceRequestFigures()
        $0.trace.damage = "x: block 1: truncated"
      })
    for part in ["devices", "latency, ns", "where the time went", "faults", "by requester", "by PASID"] { #expect(!text.contains(part)) }
    #expect(text.contains("damage     x: block 1: truncated\n"))
  }
}
