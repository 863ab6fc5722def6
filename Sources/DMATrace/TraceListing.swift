/// Writes the records of a container for people and programs to read.
public struct TraceListing: Sendable {
  /// The forms of a listing.
  public enum Format: String, Sendable, CaseIterable {
    /// The text form, which can be converted back.
    case text
    /// Comma-separated values, which can be converted back but for the header.
    case csv
    /// JSON, an object a line.
    case json
  }

  /// The form of the listing.
  public var format = Format.text
  /// The most records listed.
  public var limit = UInt64.max
  /// Whether the trace may be damaged; what precedes the damage is listed.
  public var allowTruncated = false

  /// A listing with everything at its default.
  public init() {}

  /// Lists the trace `path` in the file `output`; `-` is standard output.
  ///
  /// - Returns: What was wrong with the trace, if `allowTruncated` let it pass and the listing came so far.
  @discardableResult public func list(_ path: String, to output: String = "-") throws(TraceError) -> TraceError? {
    var reader = try TraceReader(path: path, allowTruncated: allowTruncated)
    var header = reader.header
    header.recordCount = allowTruncated ? nil : reader.recordCount.map { min($0, limit) }
    switch format {
    case .text:
      var writer = try TextTraceWriter(path: output, header: header)
      _ = try writer.finish(with: &reader, limit: limit)
    case .csv:
      var writer = try CSVTraceWriter(path: output)
      _ = try writer.finish(with: &reader, limit: limit)
    case .json:
      var writer = try JSONTraceWriter(path: output, header: header)
      _ = try writer.finish(with: &reader, limit: limit)
    }
    return reader.damage
  }
}
