import CYardstick
import Foundation

/// The benchmarks, and what several of them share, which is made when it is first needed.
struct Suite {
  /// The names, first the whole, then its parts. Replays come first because a new process counts the memory of the one that started it
  /// as its own.
  static let names = [
    "replay-hit", "replay-miss", "replay-first", "replay-nested", "decode", "lookup", "walk", "walk-first", "walk-nested", "miss",
  ]

  let records: UInt64
  let operations: UInt64
  let folder: URL
  let iommusim: Program

  private var tables: MappedTables?
  private var stagedTables: StagedTables?
  private var traces: [UInt64: GeneratedTrace] = [:]

  init(records: UInt64, operations: UInt64, folder: URL, iommusim: Program) throws(BenchmarkError) {
    guard yardstick_prepare() else { throw .noMemory }
    self.records = records
    self.operations = operations
    self.folder = folder
    self.iommusim = iommusim
  }

  /// The benchmark of a name.
  mutating func benchmark(_ name: String) throws -> any Benchmark {
    let (few, many) = (UInt64(yardstick_hit_pages), UInt64(yardstick_mapped_pages))
    switch name {
    case "replay-hit":
      return ReplayBenchmark(
        name: name, summary: "a record of a replay whose \(few) pages stay in the IOTLB", ratioLimit: 4.5, try trace(pages: few))
    case "replay-miss":
      return ReplayBenchmark(
        name: name, summary: "a record of a replay whose \(many) pages miss the IOTLB", ratioLimit: 4, try trace(pages: many))
    case "replay-first":
      return ReplayBenchmark(
        name: name, summary: "the same through first-stage tables", ratioLimit: 4, stages: "first", try trace(pages: many))
    case "replay-nested":
      return ReplayBenchmark(
        name: name, summary: "the same through both stages, 24 reads a walk", ratioLimit: 4, stages: "nested", try trace(pages: many))
    case "decode": return DecodeBenchmark(operations: records, path: try trace(pages: many).path)
    case "lookup":
      return TranslationBenchmark(
        name: name, summary: "a lookup that hits", operations: operations, pages: few, tables: try mappedTables())
    case "walk": return WalkBenchmark(operations: operations, tables: try mappedTables())
    case "walk-first": return FirstStageWalkBenchmark(operations: operations, tables: try mappedStages())
    case "walk-nested": return NestedWalkBenchmark(operations: operations, tables: try mappedStages())
    case "miss":
      return TranslationBenchmark(
        name: name, summary: "a lookup that misses, a walk and a fill", operations: operations, pages: many, tables: try mappedTables())
    default: throw BenchmarkError.noBenchmark(named: name, known: Self.names)
    }
  }

  private mutating func mappedTables() throws -> MappedTables {
    if let tables { return tables }
    let made = try MappedTables()
    tables = made
    return made
  }

  private mutating func mappedStages() throws -> StagedTables {
    if let stagedTables { return stagedTables }
    let made = try StagedTables()
    stagedTables = made
    return made
  }

  private mutating func trace(pages: UInt64) throws -> GeneratedTrace {
    if let trace = traces[pages] { return trace }
    let made = try GeneratedTrace(records: records, pages: pages, in: folder, by: iommusim)
    traces[pages] = made
    return made
  }
}
