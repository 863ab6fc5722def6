import CYardstick
import Foundation

/// A replay of a trace as a user runs it: the whole process `iommusim replay`, from its start to its end, with timing and breakdown.
struct ReplayBenchmark: Benchmark {
  let name: String
  let summary: String
  let operations: UInt64
  let ratioLimit: Double?
  /// The pages that the trace accesses at random.
  let pages: UInt64
  let trace: GeneratedTrace
  /// How the trace's tables are made: the value of `translation.stages`.
  let stages: String
  private var peakMemory: UInt64 = 0

  init(name: String, summary: String, ratioLimit: Double, stages: String = "second", _ trace: GeneratedTrace) {
    self.stages = stages
    self.name = name
    self.summary = summary
    self.ratioLimit = ratioLimit
    self.trace = trace
    operations = trace.records
    pages = trace.pages
  }

  private var report: String { trace.path + ".json" }

  mutating func run() throws -> UInt64? {
    let usage = try trace.iommusim.run([
      "replay", trace.path, "--preset", "yardstick", "--set", "translation.stages=\(stages)", "--format", "json", "--output", report,
    ])
    peakMemory = max(peakMemory, usage.peakMemory)
    return nil
  }

  func runYardstick() -> UInt64? {
    _ = stages == "nested" ? yardstick_translate_nested(operations, pages) : yardstick_translate(operations, pages)
    return nil
  }

  func facts() throws -> [Fact] {
    try checkReport()
    return [
      Fact(name: "file_bytes_per_record", value: Double(try trace.size()) / Double(operations), limit: 8),
      Fact(name: "peak_memory_mb", value: Double(peakMemory) / 1_000_000, limit: 150),
    ]
  }

  /// The replay must have translated every access without a fault.
  private func checkReport() throws {
    struct Report: Decodable {
      struct Requests: Decodable {
        var total: UInt64
        var translated: UInt64
      }
      var requests: Requests
    }
    let requests = try JSONDecoder().decode(Report.self, from: Data(contentsOf: URL(fileURLWithPath: report))).requests
    guard requests.total == operations, requests.translated == operations else {
      throw BenchmarkError.unexpectedReport(
        path: report, reason: "\(requests.translated) of \(requests.total) requests were translated, expected all of \(operations)")
    }
  }
}

/// A trace of accesses to random pages, written by `iommusim trace generate`.
struct GeneratedTrace {
  let path: String
  let records: UInt64
  let pages: UInt64
  let iommusim: Program

  /// Writes the trace into a folder.
  init(records: UInt64, pages: UInt64, in folder: URL, by iommusim: Program) throws {
    path = folder.appendingPathComponent("uniform-\(pages).dmat.zst").path
    self.records = records
    self.pages = pages
    self.iommusim = iommusim
    _ = try iommusim.run(["trace", "generate", "uniform", "--records", "\(records)", "--pages", "\(pages)", "--output", path])
  }

  /// The size of the file in bytes.
  func size() throws -> UInt64 {
    try FileManager.default.attributesOfItem(atPath: path)[.size] as? UInt64 ?? 0
  }
}
