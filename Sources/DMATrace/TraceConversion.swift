import Compression

/// The forms in which a trace can be read.
public enum TraceInputFormat: String, Sendable, CaseIterable {
  /// The container of `TraceFormat`.
  case container = "dmat"
  /// The text form.
  case text
  /// Comma-separated values.
  case csv
  /// The log of QEMU's IOMMU models.
  case qemu

  /// How many lines are looked at before a text counts as unknown.
  private static let linesExamined = 10_000

  /// Tells the form of a file by what is in it, whatever its name.
  ///
  /// - Throws: `TraceError` if the file cannot be read, or is of none of the forms.
  public init(detecting path: String) throws(TraceError) {
    guard path != "-" else {
      throw TraceError(.invalidArgument, path: path, message: "the format of standard input cannot be detected and must be given")
    }
    var input = try TextInput(path: path)
    for _ in 0..<Self.linesExamined {
      guard let line = try input.next() else { break }
      var scanner = FieldScanner(line)
      if input.lineNumber == 1, scanner.skip(TraceFormat.magic) {
        self = try Self.isContainer(path) ? .container : .text
        return
      }
      if input.lineNumber == 1, Self.isTable(line) {
        self = .csv
        return
      }
      if case .event(let event) = LogLine.parse(line), Self.isIOMMUEvent(event.name) {
        self = .qemu
        return
      }
    }
    let known = Self.allCases.map(\.rawValue).joined(separator: ", ")
    throw TraceError(
      input.lineNumber == 0 ? .truncated : .notATrace, path: path, byteOffset: input.lineNumber == 0 ? 0 : nil,
      message: input.lineNumber == 0 ? "file is empty, expected a trace" : "unknown format, expected one of \(known)")
  }

  /// Whether a file that begins like a trace has the seek table or the frames of a container rather than being compressed text.
  private static func isContainer(_ path: String) throws(TraceError) -> Bool {
    do throws(TraceError) {
      _ = try TraceReader(path: path, allowTruncated: true)
      return true
    } catch {
      if error.code == .unreadable { throw error }
      return error.code == .unsupported
    }
  }

  private static func isTable(_ line: UnsafeRawBufferPointer) -> Bool {
    var scanner = FieldScanner(line)
    var hasTime = false
    while !scanner.isAtEnd {
      guard let field = RecordField(name: scanner.field(upTo: UInt8(ascii: ","))) else { return false }
      if field == .time { hasTime = true }
    }
    return hasTime
  }

  private static func isIOMMUEvent(_ name: UnsafeRawBufferPointer) -> Bool {
    var scanner = FieldScanner(name)
    return scanner.skip("vtd_") || scanner.skip("smmu_") || scanner.skip("smmuv3_")
  }
}

/// Converts a trace of any form into a container.
public struct TraceConversion: Sendable {
  /// What a conversion did.
  public struct Outcome: Equatable, Sendable {
    /// The form that was read.
    public var format: TraceInputFormat
    /// How many records were written.
    public var records: UInt64
    /// What an importer found in a log; nil for other forms.
    public var summary: ImportSummary?
    /// What was wrong with the input, if `allowTruncated` let it pass.
    public var damage: TraceError?
  }

  /// The form of the input; nil to tell it by its content.
  public var format: TraceInputFormat?
  /// Whether the input may be cut off.
  public var allowTruncated = false
  /// zstd's compression level of the output.
  public var level = 3
  /// Records per block of the output.
  public var blockRecords = TraceFormat.maximumBlockRecords
  /// The source that the output names; nil for that of the input.
  public var source: String?
  /// The licence that the output names; nil for that of the input.
  public var licence: String?
  /// Endpoints that the output names beside those of the input.
  public var endpoints: [TraceEndpoint] = []
  /// Notes that the output has beside those of the input.
  public var notes: [TraceNote] = []

  /// A conversion with everything at its default.
  public init() {}

  /// Reads a trace from `input` and writes it to `output`.
  public func convert(_ input: String, to output: String) throws(TraceError) -> Outcome {
    let format: TraceInputFormat
    if let given = self.format { format = given } else { format = try TraceInputFormat(detecting: input) }
    switch format {
    case .container:
      var reader = try TraceReader(path: input, allowTruncated: allowTruncated)
      return try write(&reader, format, to: output)
    case .text:
      var reader = try TextTraceReader(path: input)
      return try write(&reader, format, to: output)
    case .csv:
      var reader = try CSVTraceReader(path: input)
      return try write(&reader, format, to: output)
    case .qemu:
      var reader = try QEMULogReader(path: input, allowTruncated: allowTruncated)
      var outcome = try write(&reader, format, to: output)
      outcome.summary = reader.summary
      return outcome
    }
  }

  private func write<Source: TraceSource & ~Copyable>(
    _ source: inout Source, _ format: TraceInputFormat, to output: String
  ) throws(TraceError) -> Outcome {
    var header = source.header
    // A truncated input holds fewer records than it says.
    if allowTruncated { header.recordCount = nil }
    if let name = self.source { header.source = name }
    if let licence { header.licence = licence }
    header.endpoints += endpoints
    header.notes += notes
    var writer = try TraceWriter(path: output, header: header, level: level, blockRecords: blockRecords)
    let records = try writer.finish(with: &source)
    return Outcome(format: format, records: records, damage: source.damage)
  }
}
