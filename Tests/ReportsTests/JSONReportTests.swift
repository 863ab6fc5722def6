import Foundation
import Hardware
import Machine
import Replay
import Reports
import Testing

@Suite("JSON report") struct JSONReportTests {
  func object(_ result: ReplayResult) throws -> [String: Any] {
    let data = Data(JSONReport.text(result).utf8)
    return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  func value(_ object: [String: Any], _ path: String) -> Any? {
    path.split(separator: "/").reduce(object as Any?) { value, key in
      if let list = value as? [Any], let index = Int(key), list.indices.contains(index) { return list[index] }
      return (value as? [String: Any])?[String(key)]
    }
  }

  @Test(
    "Each figure stands under its key",
    arguments: [
      ("trace/records", "1234567"), ("trace/content_hash", "0x0000000000000abc"), ("requests/total", "20"), ("requests/reads", "10"),
      ("requests/writes", "10"), ("requests/atomics", "0"), ("requests/translated", "19"), ("requests/faults/0x06", "1"),
      ("requests/bytes", "1280"), ("requests/pieces/hit", "15"), ("requests/pieces_by_page_size/4k", "19"), ("caches/iotlb/lookups", "20"),
      ("requests/translated_accesses", "4"), ("requests/translation_requests/count", "4"),
      ("requests/translation_requests/translations", "3"), ("requests/translation_requests/completer_abort", "1"),
      ("requests/page_requests/count", "2"), ("requests/page_requests/success", "0"), ("requests/refused_accesses", "0"),
      ("caches/iotlb/hits", "15"), ("caches/iotlb/merges", "0"), ("caches/iotlb/misses", "5"), ("caches/iotlb/hit_rate", "0.75"),
      ("caches/iotlb/fills", "5"), ("caches/iotlb/evictions", "1"), ("caches/iotlb/invalidations", "0"), ("walks/count", "5"),
      ("walks/memory_reads", "20"), ("walks/reads_per_walk", "4.0"), ("latency_ns/count", "20"), ("latency_ns/mean", "82.0"),
      ("latency_ns/p50", "2.0"), ("latency_ns/p90", "322.0"), ("latency_ns/p99", "322.0"), ("latency_ns/p99_9", "322.0"),
      ("latency_ns/max", "322.0"),
      ("latency_ns/breakdown/memory/count", "5"), ("latency_ns/breakdown/memory/mean", "320.0"),
      ("latency_ns/breakdown/memory/max", "320.0"),
      ("latency_ns/breakdown/iotlb/total", "40.0"), ("latency_ns/breakdown/walker_wait/count", "0"),
      ("by_requester/1/requester", "00:00.1"), ("by_requester/1/count", "2"), ("by_requester/0/mean_ns", "322.0"),
      ("by_requester/0/max_ns", "322.0"), ("by_requester/0/histogram/0/below_ns", "524.288"), ("by_pasid/0/pasid", "7"),
      ("by_pasid/0/count", "5"), ("driver/maps", "9"), ("ignored_records/interrupts", "0"),
      ("simulated_ns", "3000.0"), ("throughput/requests_per_us", "6.666"), ("throughput/gbps", "3.413"),
      ("host/seconds", "1.5"), ("host/records_per_second", "823044"), ("configuration/preset", "default"),
      ("configuration/iotlb/medium/entries", "0"), ("configuration/memory/latency_ns", "80.0"),
      ("configuration/vtd/extended_capability", "0x3fef9ea6f0efdf"), ("schema", "iommusim.replay/1"),
    ])
  func figures(path: String, expected: String) throws {
    let found = try #require(value(try object(SampleResult.standard.get()), path), "\(path)")
    #expect("\(found)" == expected)
  }

  @Test("Keys are in the order of the contract")
  func order() throws {
    guard case .object(let members) = JSONReport.value(try SampleResult.make()) else {
      Issue.record("expected an object")
      return
    }
    #expect(
      members.map(\.key) == [
        "schema", "trace", "configuration", "requests", "caches", "walks", "latency_ns", "by_requester", "by_pasid", "driver",
        "ignored_records", "simulated_ns",
        "throughput", "host",
      ])
  }

  @Test("Equal results give equal text, whatever the replay cost")
  func determinism() throws {
    let first = JSONReport.text(try SampleResult.make())
    let second = JSONReport.text(try SampleResult.make { $0.hostNanoseconds = 7 })
    #expect(first != second)
    #expect(first.split(separator: "\"host\"")[0] == second.split(separator: "\"host\"")[0])
  }

  @Test("A trace without content hash, and one that was damaged, say so")
  func damage() throws {
    let result = try SampleResult.make {
      $0.trace.contentHash = nil
      $0.trace.damage = "x.dmat.zst: block 3: truncated"
    }
    #expect(value(try object(result), "trace/content_hash") is NSNull)
    #expect(value(try object(result), "trace/damage") as? String == "x.dmat.zst: block 3: truncated")
  }

  @Test("Without requests and time, rates are 0")
  func empty() throws {
    let result = try SampleResult.make {
      $0.figures.requests = ReplayStatistics.nothing
      $0.figures.duration = .zero
      $0.hostNanoseconds = 0
    }
    let object = try object(result)
    for path in ["throughput/gbps", "throughput/requests_per_us", "host/records_per_second", "latency_ns/mean"] {
      #expect((value(object, path) as? NSNumber)?.doubleValue == 0)
    }
  }

  @Test("The configuration reads back as the configuration", arguments: Preset.all.map(\.name))
  func configuration(preset: String) throws {
    let settings = ["preset=\(preset)", "memory.latency_ns=80.125", "iotlb.latency_ns=0.5", "seed=18446744073709551615"]
    let configuration = try ConfigurationReader.read(settings: settings.map { try ConfigurationSetting(argument: $0) })
    #expect(try ConfigurationReader.read(yaml: JSONReport.configuration(configuration).text, name: "json") == configuration)
  }
}
