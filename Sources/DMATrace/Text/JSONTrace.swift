import Hardware

/// Writes a trace as JSON, an object a line: first the header with the name of the schema, then the records.
///
/// Every record has `time_ps`, `requester`, `pasid` (null without one), `operation`, `address` and `length`; the other fields are left out
/// at their default. Addresses, PASIDs and requesters are strings, as in the text form; `attributes` is an array of names.
public struct JSONTraceWriter: ~Copyable, TraceSink {
  /// The schema named in the first line.
  public static let schema = "iommusim.trace/1"

  private var output: TextOutput

  /// Creates the file; `-` is standard output.
  public init(path: String, header: TraceHeader) throws(TraceError) {
    var output = try TextOutput(path: path)
    output.line.append(header)
    try output.endLine()
    self.output = output
  }

  /// Adds records behind those before.
  public mutating func append(_ records: UnsafeBufferPointer<TraceRecord>) throws(TraceError) {
    for record in records {
      output.line.append(record)
      try output.endLine()
    }
  }

  /// Completes the file, which only then appears under its name.
  public mutating func finish() throws(TraceError) { try output.finish() }
}

extension [UInt8] {
  fileprivate mutating func append(_ record: TraceRecord) {
    for field in RecordField.allCases {
      let isShown = field.isAlwaysShown || field == .pasid || record.stored(field) != 0
      if !isShown { continue }
      append(field == .time ? "{\"" : ",\"")
      append(field.name)
      append("\":")
      if field == .pasid && record.pasid == nil {
        append("null")
      } else if field.isDecimal {
        field.append(of: record, to: &self)
      } else {
        append(field == .attributes ? "[\"" : "\"")
        let start = count
        field.append(of: record, to: &self)
        if field == .attributes { separate(from: start) }
        append(field == .attributes ? "\"]" : "\"")
      }
    }
    append("}")
  }

  /// Turns the `+` between names into the end of one string and the start of the next.
  private mutating func separate(from start: Int) {
    let names = Array(self[start...])
    removeSubrange(start...)
    for byte in names {
      if byte == UInt8(ascii: "+") { append("\",\"") } else { append(byte) }
    }
  }

  fileprivate mutating func append(_ header: TraceHeader) {
    append("{\"schema\":")
    append(quoted: JSONTraceWriter.schema)
    for (key, value) in [("source", header.source), ("clock", header.clock), ("licence", header.licence)] {
      append(",\"")
      append(contentsOf: key.utf8)
      append("\":")
      append(quoted: value)
    }
    append(",\"mappings\":")
    append(quoted: header.mappings.rawValue)
    if let count = header.recordCount {
      append(",\"records\":")
      append(decimal: count)
    }
    append(",\"endpoints\":[")
    for (index, endpoint) in header.endpoints.enumerated() {
      append(index == 0 ? "{\"requester\":" : ",{\"requester\":")
      append(quoted: endpoint.requester.description)
      append(",\"unit\":")
      append(decimal: UInt64(endpoint.unit))
      append(",\"name\":")
      append(quoted: endpoint.name)
      append("}")
    }
    append("],\"notes\":[")
    for (index, note) in header.notes.enumerated() {
      append(index == 0 ? "{\"key\":" : ",{\"key\":")
      append(quoted: note.key)
      append(",\"value\":")
      append(quoted: note.value)
      append("}")
    }
    append("]}")
  }

  /// Appends a JSON string.
  private mutating func append(quoted text: String) {
    append("\"")
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""): append("\\\"")
      case UInt8(ascii: "\\"): append("\\\\")
      case 0..<0x20:
        append("\\u00")
        append(UInt8(ascii: "0") + byte >> 4)
        append(byte & 15 < 10 ? 0x30 + byte & 15 : 0x57 + byte & 15)
      default: append(byte)
      }
    }
    append("\"")
  }
}
