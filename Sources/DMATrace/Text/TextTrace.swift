import Hardware

/// Writes the text form of a trace: for people, and exact.
///
/// The header of `TraceFormat`, an empty line, then one line a record: the time in picoseconds, the operation, and `field=value` for
/// every field that is not at its default. `TextTraceReader` reads the same records from it.
///
/// ```text
/// 0 attach requester=00:03.0 domain=5
/// 0 map address=0xffffe000 length=4096 physical=0x1be8000 permissions=rw- domain=5
/// 0 read requester=00:03.0 address=0xffffe040 length=64
/// ```
public struct TextTraceWriter: ~Copyable, TraceSink {
  private var output: TextOutput

  /// Creates a text; `-` is standard output.
  public init(path: String, header: TraceHeader) throws(TraceError) {
    if let objection = header.objection { throw TraceError(.invalidArgument, path: path, message: objection) }
    var output = try TextOutput(path: path)
    output.line = HeaderText.encoded(header, blockRecords: nil)
    output.line.removeLast()
    try output.endLine()
    self.output = output
  }

  /// Adds records behind those before.
  public mutating func append(_ records: UnsafeBufferPointer<TraceRecord>) throws(TraceError) {
    for record in records {
      RecordField.time.append(of: record, to: &output.line)
      output.line.append(UInt8(ascii: " "))
      RecordField.operation.append(of: record, to: &output.line)
      for field in RecordField.allCases where field != .time && field != .operation && record.stored(field) != 0 {
        output.line.append(UInt8(ascii: " "))
        output.line.append(field.name)
        output.line.append(UInt8(ascii: "="))
        field.append(of: record, to: &output.line)
      }
      try output.endLine()
    }
  }

  /// Completes the text, which only then appears under its name.
  public mutating func finish() throws(TraceError) { try output.finish() }
}

/// Reads the text form of a trace, plain or compressed with zstd.
///
/// Empty lines and lines that begin with `#` are skipped. Numbers may be decimal or, after `0x`, hexadecimal.
public struct TextTraceReader: ~Copyable, TraceSource {
  /// What the trace says of itself.
  public let header: TraceHeader
  /// Always nil: a damaged text is an error.
  public var damage: TraceError? { nil }

  private var input: TextInput
  private var batch = RecordBatch(capacity: BlockDecoder.batchSize)
  private var lastTime: UInt64 = 0
  private var recordCount: UInt64 = 0

  /// Opens a text and reads its header; `-` is standard input.
  public init(path: String) throws(TraceError) {
    var input = try TextInput(path: path)
    var parser = HeaderText.Parser()
    while !parser.isComplete {
      guard let line = try input.next() else {
        throw TraceError(.truncated, path: path, line: input.lineNumber, message: "header does not end with an empty line")
      }
      do throws(HeaderText.Objection) {
        try parser.take(line)
      } catch {
        let code: TraceError.Code = error.isUnsupported ? .unsupported : error.line == 1 ? .notATrace : .malformed
        throw TraceError(code, path: path, line: input.lineNumber, message: error.message)
      }
    }
    header = parser.header
    self.input = input
  }

  /// The next records, none at the end; valid until the next call.
  public mutating func nextBatch() throws(TraceError) -> UnsafeBufferPointer<TraceRecord> {
    batch.removeAll()
    while !batch.isFull, let line = try input.next() {
      var scanner = FieldScanner(line)
      scanner.skipSpaces()
      if scanner.isAtEnd || scanner.next == UInt8(ascii: "#") { continue }
      let record = try parse(&scanner)
      if let objection = record.objection(after: lastTime) { throw input.malformed(objection) }
      lastTime = record.time.rawValue
      recordCount += 1
      batch.append(record)
    }
    if batch.count == 0, let expected = header.recordCount, expected != recordCount {
      throw TraceError(
        .truncated, path: input.path, line: input.lineNumber,
        message: "header says \(expected) records, the text holds \(recordCount)")
    }
    return batch.view
  }

  private func parse(_ scanner: inout FieldScanner) throws(TraceError) -> TraceRecord {
    var record = TraceRecord(operation: .read)
    for field in [RecordField.time, .operation] {
      let text = scanner.field(upTo: UInt8(ascii: " "))
      guard field.read(text, into: &record) else { throw input.malformed("\(text.quoted) is no \(field.name)") }
      scanner.skipSpaces()
    }
    var seen: Set<RecordField> = []
    while !scanner.isAtEnd {
      let text = scanner.field(upTo: UInt8(ascii: " "))
      var parts = FieldScanner(text)
      let name = parts.field(upTo: UInt8(ascii: "="))
      guard name.count < text.count, let field = RecordField(name: name), field != .time, field != .operation else {
        throw input.malformed("\(text.quoted) is no field=value of a record")
      }
      guard seen.insert(field).inserted else { throw input.malformed("\(field.name) for the second time") }
      let value = UnsafeRawBufferPointer(rebasing: text[parts.position...])
      guard field.read(value, into: &record) else { throw input.malformed("\(value.quoted) is no \(field.name)") }
      scanner.skipSpaces()
    }
    return record
  }
}
