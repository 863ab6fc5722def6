/// Where the records of a trace come from: a container, a text, a log, a generator.
public protocol TraceSource: ~Copyable {
  /// What the trace says of itself.
  var header: TraceHeader { get }

  /// What was wrong with a source that was allowed to be truncated, once its usable records have been delivered; else nil.
  var damage: TraceError? { get }

  /// The next records in order, none at the end of the trace; valid until the next call.
  mutating func nextBatch() throws(TraceError) -> UnsafeBufferPointer<TraceRecord>
}

/// Where the records of a trace go: a container, a text, a table.
public protocol TraceSink: ~Copyable {
  /// Adds records behind those before.
  mutating func append(_ records: UnsafeBufferPointer<TraceRecord>) throws(TraceError)

  /// Completes the output, which only then appears under its name; nothing can be added afterwards.
  mutating func finish() throws(TraceError)
}

extension TraceSink where Self: ~Copyable {
  /// Adds the records of a source, at most `limit` of them, and completes the output.
  ///
  /// - Returns: How many records were added.
  public mutating func finish<Source: TraceSource & ~Copyable>(
    with source: inout Source, limit: UInt64 = .max
  ) throws(TraceError) -> UInt64 {
    var count: UInt64 = 0
    while count < limit {
      let batch = try source.nextBatch()
      if batch.isEmpty { break }
      let wanted = UnsafeBufferPointer(rebasing: batch.prefix(Int(clamping: limit - count)))
      try append(wanted)
      count += UInt64(wanted.count)
    }
    try finish()
    return count
  }
}
