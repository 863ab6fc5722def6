import Compression

/// The frames of a container understood: its header, and its blocks one at a time.
struct BlockReader: ~Copyable {
  /// The header.
  let header: TraceHeader
  /// How many records every block but the last holds.
  let blockRecords: Int
  /// The size of the header's frame: where the first block begins.
  let headerSize: UInt64
  /// The seek table, unless the file lacks it.
  let table: SeekTable?

  var frames: FrameReader
  var decoder = BlockDecoder()

  /// Reads the header.
  init(_ file: consuming FrameReader, _ table: SeekTable?) throws(TraceError) {
    var frames = file
    let path = frames.file.path
    let frame = try frames.frame(at: 0, expected: table?.entries.first, block: nil, maximumContent: TraceFormat.maximumHeaderSize)
    var parser = HeaderText.Parser()
    var scanner = FieldScanner(frame.content)
    do throws(HeaderText.Objection) {
      while !parser.isComplete && !scanner.isAtEnd { try parser.take(scanner.field(upTo: UInt8(ascii: "\n"))) }
    } catch {
      let code: TraceError.Code = error.isUnsupported ? .unsupported : error.line == 1 ? .notATrace : .damaged
      throw TraceError(code, path: path, byteOffset: 0, message: "header line \(error.line): \(error.message)")
    }
    guard parser.isComplete, scanner.isAtEnd, let blockRecords = parser.blockRecords else {
      throw TraceError(.damaged, path: path, byteOffset: 0, message: "header lacks block-records or the empty line at its end")
    }
    header = parser.header
    self.blockRecords = blockRecords
    headerSize = UInt64(frame.entry.compressedSize)
    self.table = table
    self.frames = frames
  }

  /// How many records the trace has, from its last block; nil without a seek table.
  mutating func countRecords() throws(TraceError) -> UInt64? {
    guard let table else { return nil }
    var count: UInt64 = 0
    if table.blockCount > 0 {
      let last = table.blockCount - 1
      try begin(last, at: table.offsets[last + 1], after: 0)
      count = decoder.firstRecord + UInt64(decoder.count)
      decoder.reset()
    }
    guard header.recordCount == nil || header.recordCount == count else {
      throw TraceError(
        .damaged, path: frames.file.path, message: "header says \(header.recordCount ?? 0) records, the blocks hold \(count)")
    }
    return count
  }

  /// Reads a block and starts decoding it.
  ///
  /// - Parameters:
  ///   - block: Its number.
  ///   - offset: The byte at which its frame begins.
  ///   - time: The time of the record before.
  /// - Returns: The size of its frame.
  @discardableResult mutating func begin(_ block: Int, at offset: UInt64, after time: UInt64) throws(TraceError) -> UInt64 {
    let previousCount = decoder.count
    let frame = try frames.frame(
      at: offset, expected: table?.entries[block + 1], block: block,
      maximumContent: TraceFormat.maximumBlockSize(records: TraceFormat.maximumBlockRecords))
    let objection: String?
    do throws(BlockDecoder.Damage) {
      try decoder.begin(frame.content, after: time)
      objection = self.objection(block, previousCount: previousCount)
    } catch {
      objection = error.message
    }
    if let objection {
      decoder.reset()
      throw TraceError(.damaged, path: frames.file.path, block: block, byteOffset: offset, message: objection)
    }
    return UInt64(frame.entry.compressedSize)
  }

  /// Why the block just begun cannot be block `block`, or nil if it can.
  private func objection(_ block: Int, previousCount: Int) -> String? {
    let expectedFirst = UInt64(block) * UInt64(blockRecords)
    guard decoder.firstRecord == expectedFirst else { return "block begins with record \(decoder.firstRecord), expected \(expectedFirst)" }
    guard previousCount == 0 || previousCount == blockRecords else {
      return "block follows one of \(previousCount) records, expected \(blockRecords)"
    }
    let mustBeFull = table.map { block + 1 < $0.blockCount } ?? false
    guard decoder.count == blockRecords || (decoder.count < blockRecords && !mustBeFull) else {
      return "block holds \(decoder.count) records, expected \(mustBeFull ? "" : "at most ")\(blockRecords)"
    }
    return nil
  }
}
