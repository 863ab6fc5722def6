import Foundation
import Hardware
import Testing
import VTdArchitecture

@testable import Conformance

@Suite struct RunnerTests {
  /// Runs a file of these lines and answers what was printed, the name of the file left out.
  private func run(_ lines: [String], _ change: (inout Runner.Options) -> Void = { _ in }) throws -> (tally: Tally, printed: [String]) {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("cases-\(UUID().uuidString).jsonl")
    try lines.joined(separator: "\n").write(to: url, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: url) }
    var options = Runner.Options()
    change(&options)
    var printed: [String] = []
    let runner = Runner(IOMMUModels(), options: options) { printed.append($0.replacingOccurrences(of: url.path, with: "FILE")) }
    return (try runner.run([url.path]), printed)
  }

  static let tables = SmallTables.scalable(queries: SmallTables.hits)
  static let vector = #"{"id":"v","kind":"ste_vector"}"#
  static let untrusted = CaseReaderTests.iommu.replacingOccurrences(of: #""trust":"check""#, with: #""trust":"qemu""#)

  @Test("The last line counts cases, and before it a table says why some were skipped")
  func totals() throws {
    let (tally, printed) = try run([Self.tables, Self.tables, Self.vector, Self.untrusted])
    #expect(printed.last == "2 passed, 0 failed, 2 skipped")
    #expect(
      printed.dropLast() == [
        "", "FILE", "  category    passed  failed  skipped", "  c-d              0       0        1  known emulator errors",
        "  ste_vector       0       0        1  kind not modelled", "  vtd_ss           2       0        0", "",
      ])
    #expect(tally.total.skipped == [.untrusted: 1, .kind: 1])
  }

  @Test("A failure is one line with file, case, query, what was expected and what came")
  func failureLine() throws {
    let wrong = SmallTables.scalable(queries: SmallTables.hits.replacingOccurrences(of: "0x200abc", with: "0x201abc"))
    let (tally, printed) = try run([wrong])
    #expect(
      printed.prefix(2) == [
        "FILE: small: query 0: read at 0x5abc by 00:04.0: expected at 0x201abc, page of 2^12 bytes, got at 0x200abc, page of 2^12 bytes",
        "FILE: small: query 0: write at 0x5abc by 00:04.0: expected at 0x201abc, page of 2^12 bytes, got at 0x200abc, page of 2^12 bytes",
      ])
    #expect(tally.totals == "0 passed, 1 failed, 0 skipped")
  }

  @Test("Asked for more, a failure shows the entries on the way, and a case the deviations that judged it")
  func verbose() throws {
    let wrong = SmallTables.scalable(
      context: 0x3011, queries: SmallTables.hits.replacingOccurrences(of: "0x200abc", with: "0x201abc"))
    let (_, printed) = try run([wrong]) { $0.verbose = true }
    #expect(printed.contains("    SS level 1 at 0x13028: 0x200003"))
    #expect(printed.contains { $0.hasSuffix("not by what was observed: pageRequestsWithoutDeviceTLB") })
  }

  @Test("Of a case with many failures the first are printed and the others counted")
  func manyFailures() throws {
    let misses = Array(repeating: #"{"a":"0x5000","r":"miss"}"#, count: 10).joined(separator: ",")
    let (_, printed) = try run([SmallTables.scalable(queries: misses)])
    #expect(printed.count { $0.contains(": query ") } == 5)
    #expect(printed.contains("FILE: small: 15 more failures of this case"))
  }

  @Test("A run is narrowed to cases about tables, or to a category and those that begin with it")
  func selection() throws {
    let lines = [Self.tables, Self.untrusted, Self.vector]
    #expect(try run(lines) { $0.tablesOnly = true }.printed.last == "1 passed, 0 failed, 1 skipped")
    #expect(try run(lines) { $0.category = "c" }.printed.last == "0 passed, 0 failed, 1 skipped")
    #expect(try run(lines) { $0.category = "vtd_ss" }.printed.last == "1 passed, 0 failed, 0 skipped")
    #expect(try run(lines) { $0.category = "vtd" }.printed.last == "0 passed, 0 failed, 0 skipped")
  }

  @Test("Memory that a case describes and nobody can make is an error with the line")
  func impossibleMemory() throws {
    let huge = CaseReaderTests.iommu.replacingOccurrences(of: "0x1000fffff", with: "0xfffffffffffff")
    let error = #expect(throws: ConformanceError.self) { try run([huge]) }
    guard case .memory(_, let line, let message)? = error else {
      Issue.record("another error")
      return
    }
    #expect(line == 1 && message.hasPrefix("case a: "))
  }
}
