import Hardware

/// The text of a header, with which a container and the text form of a trace begin; `TraceFormat` describes it.
enum HeaderText {
  /// The header as text, its last line empty.
  static func encoded(_ header: TraceHeader, blockRecords: Int?) -> [UInt8] {
    var text = "\(TraceFormat.magic) \(TraceFormat.version)\n"
    func add(_ key: String, _ value: String) { text += "\(key): \(escaped(value))\n" }
    add("source", header.source)
    add("clock", header.clock)
    add("licence", header.licence)
    if let count = header.recordCount { add("records", String(count)) }
    add("mappings", header.mappings.rawValue)
    for endpoint in header.endpoints { add("endpoint", "\(endpoint.requester) unit=\(endpoint.unit) \(endpoint.name)") }
    for note in header.notes { add("note", "\(note.key)=\(note.value)") }
    if let blockRecords { add("block-records", String(blockRecords)) }
    return Array((text + "\n").utf8)
  }

  /// What is wrong with a header, and in which of its lines, counted from 1.
  struct Objection: Error {
    var isUnsupported = false
    var line: Int
    var message: String
  }

  /// Reads a header line by line.
  struct Parser {
    private(set) var header = TraceHeader()
    private(set) var blockRecords: Int?
    /// Whether the empty line at the end has been read.
    private(set) var isComplete = false
    private var line = 0
    private var seen: Set<String> = []

    /// Takes the next line, without its line feed.
    mutating func take(_ bytes: UnsafeRawBufferPointer) throws(Objection) {
      line += 1
      if line == 1 { return try takeVersion(bytes) }
      if bytes.isEmpty {
        isComplete = true
        return
      }
      guard let text = String(validating: bytes, as: UTF8.self), let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else {
        throw objection("expected 'key: value', found \(bytes.quoted)")
      }
      let key = String(text[..<colon])
      let rest = text.unicodeScalars[text.utf8.index(after: colon)...]
      let value = Substring(rest.first == " " ? rest.dropFirst() : rest)
      guard let unescaped = HeaderText.unescaped(value) else { throw objection("'\(value)' has a backslash without n, r or \\ behind it") }
      try take(key, unescaped)
    }

    private mutating func takeVersion(_ bytes: UnsafeRawBufferPointer) throws(Objection) {
      var scanner = FieldScanner(bytes)
      guard scanner.skip(TraceFormat.magic), scanner.skip(UInt8(ascii: " ")), let version = scanner.decimal(), scanner.isAtEnd else {
        throw objection("expected '\(TraceFormat.magic) \(TraceFormat.version)', found \(bytes.quoted)")
      }
      guard version == UInt64(TraceFormat.version) else {
        throw Objection(
          isUnsupported: true, line: line, message: "trace of version \(version), this program reads version \(TraceFormat.version)")
      }
    }

    private mutating func take(_ key: String, _ value: String) throws(Objection) {
      guard key == "endpoint" || key == "note" || seen.insert(key).inserted else { throw objection("'\(key)' for the second time") }
      switch key {
      case "source": header.source = value
      case "clock": header.clock = value
      case "licence": header.licence = value
      case "records":
        guard let count = UInt64(value) else { throw objection("records '\(value)', expected a number") }
        header.recordCount = count
      case "mappings":
        guard let mappings = MappingCoverage(rawValue: value) else { throw objection("mappings '\(value)', expected complete or partial") }
        header.mappings = mappings
      case "endpoint":
        guard let endpoint = HeaderText.endpoint(value) else {
          throw objection("endpoint '\(value)', expected a requester such as 00:03.0, unit=N and a name")
        }
        header.endpoints.append(endpoint)
      case "note":
        guard let equals = value.utf8.firstIndex(of: UInt8(ascii: "=")), equals > value.startIndex else {
          throw objection("note '\(value)', expected key=value")
        }
        header.notes.append(TraceNote(key: String(value[..<equals]), value: String(value[value.utf8.index(after: equals)...])))
      case "block-records":
        guard let count = Int(value), (1...TraceFormat.maximumBlockRecords).contains(count) else {
          throw objection("block-records '\(value)', expected 1 to \(TraceFormat.maximumBlockRecords)")
        }
        blockRecords = count
      default:
        throw objection("unknown key '\(key)'")
      }
    }

    private func objection(_ message: String) -> Objection { Objection(line: line, message: message) }
  }

  private static func endpoint(_ value: String) -> TraceEndpoint? {
    let bytes = Array(value.utf8)
    return bytes.withUnsafeBytes { buffer in
      var scanner = FieldScanner(buffer)
      guard let requester = scanner.requester(), scanner.skip(" unit="), let unit = scanner.decimal().flatMap({ UInt16(exactly: $0) }),
        scanner.skip(UInt8(ascii: " "))
      else { return nil }
      return TraceEndpoint(requester: requester, unit: unit, name: String(decoding: buffer[scanner.position...], as: UTF8.self))
    }
  }

  private static func escaped(_ value: String) -> String {
    var text = ""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\\": text += "\\\\"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }

  private static func unescaped(_ value: Substring) -> String? {
    var text = String.UnicodeScalarView()
    var isEscaped = false
    for scalar in value.unicodeScalars {
      switch (isEscaped, scalar) {
      case (false, "\\"):
        isEscaped = true
        continue
      case (true, "n"): text.append("\n")
      case (true, "r"): text.append("\r")
      case (true, "\\"), (false, _): text.append(scalar)
      case (true, _): return nil
      }
      isEscaped = false
    }
    return isEscaped ? nil : String(text)
  }
}
