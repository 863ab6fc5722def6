import Compression

/// Writes a trace container; `TraceFormat` describes the file.
///
/// The file appears under its name only when `finish()` succeeds; whoever stops before leaves nothing there.
public struct TraceWriter: ~Copyable, TraceSink {
  /// How many records have been added.
  public private(set) var recordCount: UInt64 = 0

  private let header: TraceHeader
  private let blockRecords: Int
  private var pending: RecordBatch
  private var lastTime: UInt64 = 0
  private var blocks: BlockEncoder
  private var frames: FrameWriter

  /// Creates a trace.
  ///
  /// - Parameters:
  ///   - path: Where it is to appear; what is there is replaced. `-` is standard output.
  ///   - header: What it says of itself. If it gives a number of records, `finish()` insists on it.
  ///   - level: zstd's compression level, 1 to 19.
  ///   - blockRecords: Records per block, 1 to 65,536.
  /// - Throws: `TraceError` if the file cannot be created, or an argument is out of range.
  public init(
    path: String, header: TraceHeader, level: Int = 3, blockRecords: Int = TraceFormat.maximumBlockRecords
  ) throws(TraceError) {
    guard (1...TraceFormat.maximumBlockRecords).contains(blockRecords) else {
      throw TraceError(
        .invalidArgument, path: path, message: "\(blockRecords) records per block, expected 1 to \(TraceFormat.maximumBlockRecords)")
    }
    guard ZstdEncoder.levels.contains(level) else {
      throw TraceError(.invalidArgument, path: path, message: "compression level \(level), expected 1 to \(ZstdEncoder.levels.upperBound)")
    }
    let headerText = HeaderText.encoded(header, blockRecords: blockRecords)
    if let objection = header.objection { throw TraceError(.invalidArgument, path: path, message: objection) }
    guard headerText.count <= TraceFormat.maximumHeaderSize else {
      throw TraceError(
        .invalidArgument, path: path, message: "header of \(headerText.count) bytes, expected at most \(TraceFormat.maximumHeaderSize)")
    }
    var frames = try FrameWriter(path: path, level: level)
    let text = ByteBuffer(capacity: headerText.count)
    text.bytes.copyBytes(from: headerText)
    try frames.write(UnsafeRawBufferPointer(rebasing: text.bytes[..<headerText.count]))
    self.header = header
    self.blockRecords = blockRecords
    pending = RecordBatch(capacity: blockRecords)
    blocks = BlockEncoder(blockRecords: blockRecords)
    self.frames = frames
  }

  /// Adds one record.
  ///
  /// - Throws: `TraceError` if the record cannot follow those before, or the file cannot be written.
  public mutating func append(_ record: TraceRecord) throws(TraceError) {
    guard record.canFollow(lastTime) else {
      let objection = record.objection(after: lastTime) ?? ""
      throw TraceError(.invalidRecord, path: frames.path, record: recordCount, message: objection)
    }
    lastTime = record.time.rawValue
    pending.append(record)
    recordCount += 1
    if pending.isFull { try writeBlock() }
  }

  /// Adds records.
  public mutating func append(_ records: UnsafeBufferPointer<TraceRecord>) throws(TraceError) {
    for record in records { try append(record) }
  }

  /// Writes the last block and the seek table, and gives the file its name.
  public mutating func finish() throws(TraceError) {
    if pending.count > 0 { try writeBlock() }
    guard header.recordCount == nil || header.recordCount == recordCount else {
      throw TraceError(
        .invalidArgument, path: frames.path, message: "header says \(header.recordCount ?? 0) records, \(recordCount) were written")
    }
    try frames.finish()
  }

  private mutating func writeBlock() throws(TraceError) {
    try frames.write(blocks.encode(pending.view, firstRecord: recordCount - UInt64(pending.count)))
    pending.removeAll()
  }
}
