import DMATrace
import Hardware

/// What is in a trace file: what it says of itself, and what its records are.
public struct TraceReport: Sendable {
  /// The schema that the JSON form names: its keys are only ever added to.
  public static let schema = "iommusim.trace-info/1"

  private let path: String
  private let bytes: UInt64
  private let blocks: Int?
  private let contentHash: UInt64?
  private let header: TraceHeader
  private let summary: TraceSummary

  /// A report on a trace whose records are summed up.
  public init(_ trace: borrowing TraceReader, _ summary: TraceSummary) {
    path = trace.path
    bytes = trace.fileSize
    blocks = trace.blockCount
    contentHash = trace.contentHash
    header = trace.header
    self.summary = summary
  }

  private var operations: [(name: String, count: UInt64)] {
    TraceOperation.allCases.map { ("\($0.name)", summary.count(of: $0)) }.filter { $0.count > 0 }
  }

  private func name(of requester: RequesterID) -> String? { header.endpoints.first { $0.requester == requester }?.name }

  // MARK: Text

  /// The report for people.
  public var text: String {
    var lines = [
      "trace      \(path): \(bytes.counted("bytes"))" + (blocks.map { ", \($0.counted("blocks"))" } ?? ""),
      "records    \(summary.records.grouped)" + operations.map { ", \($0.count.grouped) \($0.name)" }.joined(),
      "time       \(microseconds(summary.firstTime).grouped) to \(microseconds(summary.lastTime).grouped) us",
      "spaces     \(summary.domainCount.counted("domains")), \(summary.pasidCount.counted("PASIDs")); mappings \(header.mappings.rawValue)",
    ]
    let words = [("source", header.source), ("clock", header.clock), ("licence", header.licence)] + header.notes.map { ($0.key, $0.value) }
    for (key, value) in words where !value.isEmpty {
      lines.append(
        key + String(repeating: " ", count: max(2, 11 - key.count)) + value.split(whereSeparator: \.isNewline).joined(separator: " "))
    }
    return (lines + (summary.requesters.isEmpty ? [] : [""] + requesterLines)).joined(separator: "\n") + "\n"
  }

  private var requesterLines: [String] {
    var table = TextTable()
    table.add(["requester", "accesses", "writes", "atomics", "bytes", "others", "lowest address", "highest address", "name"])
    for requester in summary.requesters {
      let addresses =
        requester.accesses > 0 ? [requester.lowestAddress.description, requester.highestAddress.description] : ["", ""]
      let counts = [requester.accesses, requester.writes, requester.atomics, requester.bytes, requester.others].map(\.grouped)
      table.add([requester.requester.description] + counts + addresses + [name(of: requester.requester) ?? ""])
    }
    return table.lines
  }

  private func microseconds(_ time: SimTime) -> FixedPoint { FixedPoint(time.picoseconds, decimals: 6) }

  // MARK: JSON

  /// The report for programs.
  public var json: JSONValue {
    .object([
      .init("schema", .string(Self.schema)),
      .init("path", .string(path)),
      .init("bytes", .integer(bytes)),
      .init("blocks", blocks.map { .integer(UInt64($0)) } ?? .null),
      .init("content_hash", contentHash.map { .word($0, digits: 16) } ?? .null),
      .init("source", .string(header.source)),
      .init("clock", .string(header.clock)),
      .init("licence", .string(header.licence)),
      .init("mappings", .string(header.mappings.rawValue)),
      .init("notes", .array(header.notes.map { .object([.init("key", .string($0.key)), .init("value", .string($0.value))]) })),
      .init("records", .integer(summary.records)),
      .init("accesses", .integer(summary.accesses)),
      .init("operations", .object(operations.map { .init($0.name, .integer($0.count)) })),
      .init("first_time_ns", .decimal(FixedPoint(summary.firstTime.picoseconds, decimals: 3))),
      .init("last_time_ns", .decimal(FixedPoint(summary.lastTime.picoseconds, decimals: 3))),
      .init("domains", .integer(UInt64(summary.domainCount))),
      .init("pasids", .integer(UInt64(summary.pasidCount))),
      .init("requesters", .array(summary.requesters.map(value))),
    ])
  }

  private func value(_ requester: TraceSummary.Requester) -> JSONValue {
    let isAccessing = requester.accesses > 0
    return .object([
      .init("requester", .string(requester.requester.description)),
      .init("name", name(of: requester.requester).map { .string($0) } ?? .null),
      .init("accesses", .integer(requester.accesses)), .init("writes", .integer(requester.writes)),
      .init("atomics", .integer(requester.atomics)), .init("bytes", .integer(requester.bytes)),
      .init("others", .integer(requester.others)),
      .init("lowest_address", isAccessing ? .string(requester.lowestAddress.description) : .null),
      .init("highest_address", isAccessing ? .string(requester.highestAddress.description) : .null),
    ])
  }
}
