import Hardware

/// Writes a trace as comma-separated values: a line with the names of the columns, then a line a record. Fields at their default are empty,
/// but for time, requester, operation, address and length. The header of the trace has no place in it.
public struct CSVTraceWriter: ~Copyable, TraceSink {
  private var output: TextOutput

  /// Creates a table; `-` is standard output.
  public init(path: String) throws(TraceError) {
    var output = try TextOutput(path: path)
    for field in RecordField.allCases {
      if field != .time { output.line.append(UInt8(ascii: ",")) }
      output.line.append(field.name)
    }
    try output.endLine()
    self.output = output
  }

  /// Adds records behind those before.
  public mutating func append(_ records: UnsafeBufferPointer<TraceRecord>) throws(TraceError) {
    for record in records {
      for field in RecordField.allCases {
        if field != .time { output.line.append(UInt8(ascii: ",")) }
        if field.isAlwaysShown || record.stored(field) != 0 { field.append(of: record, to: &output.line) }
      }
      try output.endLine()
    }
  }

  /// Completes the table, which only then appears under its name.
  public mutating func finish() throws(TraceError) { try output.finish() }
}

/// Reads a trace from comma-separated values, plain or compressed with zstd.
///
/// The first line names the columns, in any order and any choice that has `time_ps`, `operation` and `address`; an empty field, or a column
/// left out, is at its default, and an access whose length is not given has length 1. Numbers may be decimal or, after `0x`, hexadecimal.
public struct CSVTraceReader: ~Copyable, TraceSource {
  /// What the trace says of itself: nothing but that it was a table.
  public let header: TraceHeader
  /// Always nil: a damaged table is an error.
  public var damage: TraceError? { nil }

  private var input: TextInput
  private let columns: [RecordField]
  private var batch = RecordBatch(capacity: BlockDecoder.batchSize)
  private var lastTime: UInt64 = 0

  /// Opens a table and reads the names of its columns; `-` is standard input.
  public init(path: String) throws(TraceError) {
    var input = try TextInput(path: path)
    guard let line = try input.next() else {
      throw TraceError(.notATrace, path: path, line: 1, message: "no line with the names of the columns")
    }
    var scanner = FieldScanner(line)
    var columns: [RecordField] = []
    while !scanner.isAtEnd {
      let name = scanner.field(upTo: UInt8(ascii: ","))
      guard let field = RecordField(name: name), !columns.contains(field) else {
        throw input.malformed("column \(name.quoted) is unknown or there twice")
      }
      columns.append(field)
    }
    for field in [RecordField.time, .operation, .address] where !columns.contains(field) {
      throw input.malformed("no column \(field.name)")
    }
    header = TraceHeader(source: "CSV", clock: "as given", mappings: .partial)
    self.input = input
    self.columns = columns
  }

  /// The next records, none at the end; valid until the next call.
  public mutating func nextBatch() throws(TraceError) -> UnsafeBufferPointer<TraceRecord> {
    batch.removeAll()
    while !batch.isFull, let line = try input.next() {
      if line.isEmpty { continue }
      let record = try parse(line)
      if let objection = record.objection(after: lastTime) { throw input.malformed(objection) }
      lastTime = record.time.rawValue
      batch.append(record)
    }
    return batch.view
  }

  private func parse(_ line: UnsafeRawBufferPointer) throws(TraceError) -> TraceRecord {
    var record = TraceRecord(operation: .read)
    var hasLength = false
    var scanner = FieldScanner(line)
    var index = 0
    var goesOn = true
    while goesOn {
      let start = scanner.position
      let text = scanner.field(upTo: UInt8(ascii: ","))
      goesOn = scanner.position > start + text.count
      guard index < columns.count else { throw input.malformed("more than \(columns.count) fields") }
      let field = columns[index]
      index += 1
      if text.isEmpty && field != .time && field != .operation { continue }
      guard field.read(text, into: &record) else { throw input.malformed("\(text.quoted) is no \(field.name)") }
      if field == .length { hasLength = true }
    }
    guard index == columns.count else { throw input.malformed("\(index) fields, expected \(columns.count)") }
    if !hasLength && record.operation.isAccess { record.length = 1 }
    return record
  }
}

extension RecordField {
  /// Whether tables show the field even at its default.
  var isAlwaysShown: Bool {
    switch self {
    case .time, .requester, .operation, .address, .length: true
    default: false
    }
  }
}
