import Compression

/// Encodes records as the content of a block: a column per field that is not zero throughout.
struct BlockEncoder: ~Copyable {
  private let values: UnsafeMutablePointer<UInt64>
  private let content: ByteBuffer

  /// An encoder for blocks of up to `blockRecords` records.
  init(blockRecords: Int) {
    values = .allocate(capacity: blockRecords)
    values.initialize(repeating: 0, count: blockRecords)
    // Values are stored 8 bytes at a time, the last of them beyond the end of its column.
    content = ByteBuffer(capacity: TraceFormat.maximumBlockSize(records: blockRecords) + 8)
  }

  deinit { values.deallocate() }

  /// Encodes records, 1 to `blockRecords`, whose times don't decrease.
  ///
  /// - Returns: The content of the block, valid until the next call.
  func encode(_ records: UnsafeBufferPointer<TraceRecord>, firstRecord: UInt64) -> UnsafeRawBufferPointer {
    let bytes = content.bytes
    guard let start = bytes.baseAddress else { return UnsafeRawBufferPointer(start: nil, count: 0) }
    let values = UnsafeBufferPointer(start: values, count: records.count)
    var columns: [(field: RecordField, layout: ColumnLayout)] = []
    for field in RecordField.allCases {
      gather(field, records)
      if field != .time && !values.contains(where: { $0 != 0 }) { continue }
      columns.append((field, ColumnLayout.best(for: values, field: field)))
    }
    bytes.store(word: UInt32(records.count), at: 0)
    bytes.store(word: UInt32(columns.count), at: 4)
    bytes.store(word: firstRecord, at: 8)
    bytes.store(word: records[0].time.rawValue, at: 16)
    var descriptor = TraceFormat.blockHeaderSize
    var data = descriptor + columns.count * TraceFormat.columnDescriptorSize
    for (field, layout) in columns {
      gather(field, records)
      bytes[descriptor] = field.rawValue
      bytes[descriptor + 1] = layout.isDifferences ? 1 : 0
      bytes[descriptor + 2] = UInt8(layout.width)
      bytes[descriptor + 3] = UInt8(layout.shift)
      bytes.store(word: layout.base, at: descriptor + 4)
      bytes.store(word: layout.isDifferences && field != .time ? values[0] : 0, at: descriptor + 12)
      descriptor += TraceFormat.columnDescriptorSize
      data += layout.pack(values, into: start + data)
    }
    return UnsafeRawBufferPointer(rebasing: bytes[..<data])
  }

  /// Fills `values` with one field of the records.
  private func gather(_ field: RecordField, _ records: UnsafeBufferPointer<TraceRecord>) {
    let values = values
    switch field {
    case .time: for index in records.indices { values[index] = records[index].time.rawValue }
    case .address: for index in records.indices { values[index] = records[index].address.rawValue }
    case .length: for index in records.indices { values[index] = records[index].length }
    case .operation: for index in records.indices { values[index] = UInt64(records[index].operation.rawValue) }
    case .requester: for index in records.indices { values[index] = UInt64(records[index].requester.rawValue) }
    default: for index in records.indices { values[index] = records[index].stored(field) }
    }
  }
}

extension UnsafeMutableRawBufferPointer {
  /// Stores a word in little-endian order at a position; its bytes must lie inside the buffer.
  func store<Word: FixedWidthInteger & BitwiseCopyable>(word: Word, at position: Int) {
    storeBytes(of: word.littleEndian, toByteOffset: position, as: Word.self)
  }
}
