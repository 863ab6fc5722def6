import Reports
import Testing

@Suite("CSV report") struct CSVReportTests {
  @Test(
    "Each figure has a row, under the path of its keys",
    arguments: [
      "metric,value", "schema,iommusim.replay/1", #"trace.path,"a ""b"", c.dmat.zst""#, "requests.total,20",
      "caches.iotlb.hit_rate,0.750000",
      "by_requester.00:00.1.count,2", "by_pasid.7.mean_ns,130.000", "latency_ns.breakdown.memory.count,5",
      "by_requester.00:00.0.histogram.0.below_ns,524.288", "configuration.iotlb.shared,true",
    ])
  func rows(row: String) throws {
    #expect(CSVReport.text(try SampleResult.standard.get()).split(separator: "\n").map(String.init).contains(row))
  }

  @Test("Every row has two columns")
  func columns() throws {
    let rows = CSVReport.text(try SampleResult.make { $0.trace.path = "plain" }).split(separator: "\n")
    #expect(rows.allSatisfy { $0.split(separator: ",", omittingEmptySubsequences: false).count == 2 })
  }
}
