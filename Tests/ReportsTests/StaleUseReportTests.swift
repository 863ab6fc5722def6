import DMATrace
import Foundation
import Hardware
import Machine
import Replay
import Reports
import Testing

@Suite("Reports of stale uses") struct StaleUseReportTests {
  /// A result under a check, of a trace whose third page is unmapped and not invalidated.
  private func result(isCareful: Bool) throws -> ReplayResult {
    func page(_ operation: TraceOperation, _ number: UInt64, count: UInt64 = 1) -> TraceRecord {
      TraceRecord(
        operation: operation, requester: RequesterID(bus: 0, device: 3, function: 0), address: IOVirtualAddress(number << 12),
        length: operation == .read ? 4 : count << 12, physical: PhysicalAddress(operation == .map ? 0x80000 : 0),
        permissions: operation == .map ? .readWrite : [], scope: operation == .invalidate ? .pages : .none, domain: TraceDomain(5))
    }
    var records = [page(.attach, 0), page(.map, 2, count: 2), page(.read, 3), page(.unmap, 2, count: 2)]
    records += [page(.invalidate, 2, count: isCareful ? 2 : 1), page(.read, 3)]
    var options = ReplayOptions()
    options.invalidations = .recorded
    options.staleFindings = 5
    let configuration = try ConfigurationReader.read(yaml: "{preset: unbounded}", name: "test")
    let engine = try ReplayEngine(configuration, options: options, header: TraceHeader(mappings: .complete))
    _ = try records.withUnsafeBufferPointer { try engine.replay($0) }
    return try SampleResult.make { $0.staleUses = engine.staleUses }
  }

  @Test("A report says nothing of stale uses if nobody has looked")
  func unchecked() throws {
    let result = try SampleResult.standard.get()
    #expect(!JSONReport.text(result).contains("check_stale"))
    #expect(!TextReport.text(result).contains("stale uses"))
  }

  @Test("A check without findings says so")
  func clean() throws {
    let result = try result(isCareful: true)
    #expect(TextReport.text(result).hasSuffix("\nstale uses: none\n"))
    #expect(JSONReport.text(result).contains("\"check_stale\""))
  }

  @Test("A finding is told in four lines below a table")
  func text() throws {
    let lines = TextReport.text(try result(isCareful: false)).split(separator: "\n").suffix(6).map(String.init)
    #expect(lines.count == 6)
    #expect(lines[1].split(separator: " ") == ["IOTLB", "entry", "too", "narrow", "1"])
    #expect(lines[2] == "  1. 00:03.0 at 0x3000, record 5 at 0.000 us, once")
    #expect(lines[3] == "     IOTLB entry: 0x81000 rw- in domain 5; now not present at level 5")
    #expect(lines[4].hasPrefix("     since record 3 at 0.000 us: 0x"))
    #expect(
      lines[5] == "     too narrow: IOTLB page 0x2000 of domain 5, record 4 at 0.000 us; needed: IOTLB page 0x3000 of domain 5, leaves only"
    )
  }

  @Test("A finding stands in the JSON report with everything that is known of it")
  func json() throws {
    let data = Data(JSONReport.text(try result(isCareful: false)).utf8)
    let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    let check = try #require(object["check_stale"] as? [String: Any])
    #expect(check["uses"] as? Int == 1)
    let finding = try #require((check["findings"] as? [[String: Any]])?.first)
    #expect(finding["cause"] as? String == "too_narrow")
    #expect((finding["since"] as? [String: Any])?["record"] as? Int == 3)
    #expect((finding["given"] as? [String: Any])?["invalidation"] as? String == "IOTLB page 0x2000 of domain 5")
    #expect(finding["needed"] as? String == "IOTLB page 0x3000 of domain 5, leaves only")
  }
}
