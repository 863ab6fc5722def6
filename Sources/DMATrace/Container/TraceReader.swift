import Compression
import Hardware

/// Reads a trace container block by block; `TraceFormat` describes the file.
///
/// ```swift
/// var trace = try TraceReader(path: "nvme.dmat.zst")
/// while true {
///   let batch = try trace.nextBatch()
///   if batch.isEmpty { break }
///   for record in batch { … }
/// }
/// ```
///
/// Memory is constant, whatever the length of the trace: one block, compressed and not, and a batch of records; plus 24 bytes a block for
/// the seek table.
public struct TraceReader: ~Copyable, TraceSource {
  /// What the trace says of itself.
  public var header: TraceHeader { blocks.header }
  /// How many records every block but the last holds.
  public var blockRecords: Int { blocks.blockRecords }
  /// How many records the trace has; nil if the file is damaged so that it cannot be told.
  public let recordCount: UInt64?
  /// The size of the file in bytes.
  public var fileSize: UInt64 { blocks.frames.size }
  /// The path as given.
  public var path: String { blocks.frames.file.path }
  /// The number of the record that comes next.
  public private(set) var position: UInt64 = 0
  /// With `allowTruncated`: what was wrong with the file, once everything before has been delivered.
  public private(set) var damage: TraceError?

  private let allowTruncated: Bool
  private var blocks: BlockReader
  private let tableError: TraceError?
  /// The bytes at which the blocks begin, as far as they are known: all of them, and the end of the last, if there is a seek table.
  private var offsets: [UInt64]
  private var nextBlock = 0
  /// How many records of the current block to leave out.
  private var skip = 0
  private var lastTime: UInt64 = 0
  private var failure: TraceError?

  /// Opens a trace.
  ///
  /// - Parameters:
  ///   - path: A regular file.
  ///   - allowTruncated: Whether to deliver what precedes damage, and to do without a seek table; `damage` then tells what was wrong.
  /// - Throws: `TraceError` if the file cannot be read, is no trace, or is seen to be damaged without reading its blocks.
  public init(path: String, allowTruncated: Bool = false) throws(TraceError) {
    let file = try FrameReader(path: path)
    var table: SeekTable?
    var tableError: TraceError?
    do throws(TraceError) {
      table = try SeekTable(reading: file.file, size: file.size)
    } catch {
      tableError = error
    }
    var blocks = try BlockReader(file, table)
    if let tableError, !allowTruncated { throw tableError }
    var recordCount: UInt64?
    do throws(TraceError) {
      recordCount = try blocks.countRecords()
    } catch {
      if !allowTruncated { throw error }
    }
    offsets = table.map { $0.offsets.dropFirst() + [$0.end] } ?? [blocks.headerSize]
    self.recordCount = recordCount
    self.allowTruncated = allowTruncated
    self.tableError = tableError
    self.blocks = blocks
  }

  /// The next records, about a thousand, or none at the end of the trace; valid until the next call.
  ///
  /// - Throws: `TraceError` at damage; with `allowTruncated`, damage is the end of the trace, and `damage` tells of it.
  public mutating func nextBatch() throws(TraceError) -> UnsafeBufferPointer<TraceRecord> {
    if let failure {
      if allowTruncated { return UnsafeBufferPointer(start: nil, count: 0) }
      throw failure
    }
    do throws(TraceError) {
      while true {
        if blocks.decoder.decoded == blocks.decoder.count, try !beginNextBlock() { return UnsafeBufferPointer(start: nil, count: 0) }
        let batch = try decode()
        if skip >= batch.count {
          skip -= batch.count
          continue
        }
        let wanted = UnsafeBufferPointer(rebasing: batch[skip...])
        skip = 0
        position += UInt64(wanted.count)
        return wanted
      }
    } catch {
      failure = error
      guard allowTruncated else { throw error }
      damage = error
      return UnsafeBufferPointer(start: nil, count: 0)
    }
  }

  private mutating func decode() throws(TraceError) -> UnsafeBufferPointer<TraceRecord> {
    do throws(BlockDecoder.Damage) {
      let batch = try blocks.decoder.next()
      lastTime = blocks.decoder.lastTime
      return batch
    } catch {
      throw TraceError(
        .invalidRecord, path: path, block: nextBlock - 1, record: error.record.map { blocks.decoder.firstRecord + UInt64($0) },
        byteOffset: offsets[nextBlock - 1], message: error.message)
    }
  }

  /// Goes on to the next block; false at the end.
  private mutating func beginNextBlock() throws(TraceError) -> Bool {
    let offset = offsets[nextBlock]
    if let table = blocks.table {
      guard nextBlock < table.blockCount else { return false }
    } else if try blocks.frames.hasNoBlock(at: offset) {
      // Without a seek table the trace never ends well.
      throw tableError ?? TraceError(.truncated, path: path, message: "no seek table")
    }
    let size = try blocks.begin(nextBlock, at: offset, after: lastTime)
    nextBlock += 1
    if nextBlock == offsets.count { offsets.append(offset + size) }
    return true
  }
}

extension TraceReader {
  /// Where a block of the file is.
  public struct Block: Equatable, Sendable {
    /// The number of its first record.
    public var firstRecord: UInt64
    /// Where its frame begins in the file.
    public var byteOffset: UInt64
    /// The size of its frame in bytes.
    public var compressedSize: Int
    /// The size of its content in bytes.
    public var contentSize: Int
    /// The low 32 bits of the XXH64 digest of its content.
    public var checksum: UInt32
  }

  /// How many blocks the file has; nil without a seek table.
  public var blockCount: Int? { blocks.table?.blockCount }

  /// The hash that stands for the records of the trace in reports; nil without a seek table. `TraceFormat` defines it.
  public var contentHash: UInt64? { blocks.table?.contentHash }

  /// What the seek table says of block `number`; nil if there is no such block, or no seek table.
  public func block(_ number: Int) -> Block? {
    guard let table = blocks.table, (0..<table.blockCount).contains(number) else { return nil }
    let entry = table.entries[number + 1]
    return Block(
      firstRecord: UInt64(number) * UInt64(blockRecords), byteOffset: table.offsets[number + 1],
      compressedSize: Int(entry.compressedSize), contentSize: Int(entry.contentSize), checksum: entry.checksum)
  }

  /// The damage, which is then forgotten.
  mutating func takeDamage() -> TraceError? {
    defer { damage = nil }
    return damage
  }

  /// Continues with record `record`; the number of records is the end of the trace. Costs the decoding of at most one block, or of all
  /// blocks before if there is no seek table.
  public mutating func seek(toRecord record: UInt64) throws(TraceError) {
    if let recordCount, record > recordCount {
      throw TraceError(.invalidArgument, path: path, message: "no record \(record), the trace has \(recordCount) records")
    }
    let block = Int(clamping: record / UInt64(blockRecords))
    failure = nil
    blocks.decoder.reset()
    lastTime = 0
    nextBlock = min(block, offsets.count - 1)
    while nextBlock < block {
      guard try beginNextBlock() else { break }
      blocks.decoder.reset()
    }
    skip = Int(record % UInt64(blockRecords))
    position = record
  }

  /// Continues with the first record at or after a time, or with the end of the trace.
  ///
  /// - Returns: The number of that record.
  @discardableResult public mutating func seek(toTime time: SimTime) throws(TraceError) -> UInt64 {
    var (low, high) = (0, blockCount ?? 0)
    // The last block that begins before the time, or the first block.
    while high - low > 1 {
      let middle = (low + high) / 2
      try seek(toRecord: UInt64(middle) * UInt64(blockRecords))
      guard try beginNextBlock() else { break }
      if blocks.decoder.firstTime < time.rawValue { low = middle } else { high = middle }
    }
    try seek(toRecord: UInt64(low) * UInt64(blockRecords))
    while true {
      let first = position
      let batch = try nextBatch()
      if batch.isEmpty { return position }
      if let index = batch.firstIndex(where: { $0.time >= time }) {
        try seek(toRecord: first + UInt64(index))
        return position
      }
    }
  }
}
