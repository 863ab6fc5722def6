import Hardware

/// Decodes the content of a block into records, a batch at a time.
///
/// All unchecked memory access of reading is here. `begin` compares the columns with the size of the content before a value is read;
/// behind the content 8 bytes must be readable, because values are fetched 8 bytes at a time. The batch buffer is written column by column,
/// and columns that never change in a block are written once.
struct BlockDecoder: ~Copyable {
  /// The records of a batch: 16 KiB, few enough to stay in the first-level cache.
  static let batchSize = 256

  /// The number of the block's first record in the trace.
  private(set) var firstRecord: UInt64 = 0
  /// The time of the block's first record.
  private(set) var firstTime: UInt64 = 0
  /// The records of the block.
  private(set) var count = 0
  /// The records of the block that have been decoded.
  private(set) var decoded = 0
  /// The time of the record decoded last.
  private(set) var lastTime: UInt64 = 0
  /// The largest length in the batch buffer.
  private var longest: UInt64 = 0

  private let records: UnsafeMutablePointer<TraceRecord>
  private let values: UnsafeMutablePointer<UInt64>
  private let columns: UnsafeMutablePointer<Column>
  private var columnCount = 0

  private struct Column {
    var field: RecordField
    var isDifferences: Bool
    var width: Int
    var mask: UInt64
    var shift: UInt64
    var base: UInt64
    /// Of a column of differences: the value decoded last.
    var value: UInt64
    /// Where the column begins.
    var start: UnsafeRawPointer
    /// At which of its bits the next stored value begins.
    var nextBit: Int

    /// The stored value that begins at a bit.
    @inline(__always) func stored(at bit: Int) -> UInt64 {
      let word = UInt64(littleEndian: start.loadUnaligned(fromByteOffset: bit &>> 3, as: UInt64.self))
      return word &>> UInt64(truncatingIfNeeded: bit & 7) & mask
    }
  }

  init() {
    records = .allocate(capacity: Self.batchSize)
    records.initialize(repeating: TraceRecord(operation: .read), count: Self.batchSize)
    values = .allocate(capacity: Self.batchSize)
    values.initialize(repeating: 0, count: Self.batchSize)
    columns = .allocate(capacity: RecordField.allCases.count)
  }

  deinit {
    records.deallocate()
    values.deallocate()
    columns.deallocate()
  }

  /// Forgets the block, as if it had been decoded to its end.
  mutating func reset() {
    count = 0
    decoded = 0
  }

  /// What is wrong with the content of a block.
  struct Damage: Error {
    var message: String
    /// The record of the block, counted from its first, if it is one record that is wrong.
    var record: Int?
  }

  /// Starts a block. The content must stay where it is until the next block.
  ///
  /// - Parameters:
  ///   - content: The block, behind which 8 more bytes can be read.
  ///   - time: The time of the record before the block.
  mutating func begin(_ content: UnsafeRawBufferPointer, after time: UInt64) throws(Damage) {
    reset()
    guard content.count >= TraceFormat.blockHeaderSize else { throw Damage(message: "block of \(content.count) bytes has no header") }
    let declared = content.word32(at: 0)
    guard (1...UInt32(TraceFormat.maximumBlockRecords)).contains(declared) else {
      throw Damage(message: "block of \(declared) records, expected 1 to \(TraceFormat.maximumBlockRecords)")
    }
    let declaredColumns = content.word32(at: 4)
    guard (1...UInt32(RecordField.allCases.count)).contains(declaredColumns) else {
      throw Damage(message: "block of \(declaredColumns) columns, expected 1 to \(RecordField.allCases.count)")
    }
    columnCount = Int(declaredColumns)
    firstRecord = content.word64(at: 8)
    firstTime = content.word64(at: 16)
    lastTime = time
    try readDescriptors(content, records: Int(declared))
    // Columns that are left out are zero throughout.
    records.update(repeating: TraceRecord(operation: .read), count: Self.batchSize)
    longest = 0
    count = Int(declared)
  }

  private mutating func readDescriptors(_ content: UnsafeRawBufferPointer, records: Int) throws(Damage) {
    let descriptors = TraceFormat.blockHeaderSize
    var data = descriptors + columnCount * TraceFormat.columnDescriptorSize
    guard let start = content.baseAddress, content.count >= data else {
      throw Damage(message: "block of \(content.count) bytes has no room for \(columnCount) columns")
    }
    var previousTag = -1
    for index in 0..<columnCount {
      let position = descriptors + index * TraceFormat.columnDescriptorSize
      let (tag, mode, width, shift) = (content[position], content[position + 1], content[position + 2], content[position + 3])
      guard let field = RecordField(rawValue: tag), Int(tag) > previousTag, index > 0 || field == .time else {
        throw Damage(message: "column \(index) has tag \(tag), expected time first and tags in order")
      }
      guard mode <= 1, width <= 57 || width == 64, shift <= 63, field != .time || mode == 1 else {
        throw Damage(message: "column \(field.name) has mode \(mode), width \(width), shift \(shift)")
      }
      let size = TraceFormat.columnSize(width: Int(width), records: records)
      guard content.count - data >= size else {
        throw Damage(message: "column \(field.name) of \(records) values of \(width) bits exceeds the block")
      }
      let base = content.word64(at: position + 4)
      let first = field == .time ? firstTime : content.word64(at: position + 12)
      columns[index] = Column(
        field: field, isDifferences: mode == 1, width: Int(width), mask: width == 0 ? 0 : UInt64.max >> UInt64(64 - width),
        shift: UInt64(shift), base: base, value: first &- base, start: start + data, nextBit: 0)
      previousTag = Int(tag)
      data += size
    }
    guard data == content.count else { throw Damage(message: "block of \(content.count) bytes, its columns end at byte \(data)") }
  }

  /// The next records of the block, none at its end; valid until the next call.
  mutating func next() throws(Damage) -> UnsafeBufferPointer<TraceRecord> {
    let batch = min(Self.batchSize, count - decoded)
    for index in 0..<columnCount {
      let isConstant = columns[index].width == 0 && !columns[index].isDifferences
      if isConstant && decoded > 0 { continue }
      let field = columns[index].field
      let written = isConstant ? Self.batchSize : batch
      let (largest, descends) = unpack(index, count: written)
      if largest > field.largest { throw tooLarge(field, among: written) }
      if field == .time {
        if descends || (batch > 0 && values[0] < lastTime) { throw timeGoesBack(in: batch) }
        lastTime = batch > 0 ? values[batch - 1] : lastTime
      }
      if field == .length { longest = largest }
      scatter(field, count: written)
    }
    if longest > TraceFormat.maximumAccessLength { try checkLengths(batch) }
    decoded += batch
    return UnsafeBufferPointer(start: records, count: batch)
  }

  /// Fills `values` with the next values of a column.
  ///
  /// - Returns: The largest of them, and whether one of a column of differences is smaller than the one before in this batch.
  private func unpack(_ index: Int, count: Int) -> (largest: UInt64, descends: Bool) {
    let column = columns[index]
    let values = values
    var bit = column.nextBit
    var largest: UInt64 = 0
    var descends = false
    if column.isDifferences {
      var value = column.value
      for position in 0..<count {
        let step = column.width == 0 ? column.base : column.base &+ (column.stored(at: bit) &<< column.shift)
        let next = value &+ step
        descends = (position > 0 && next < value) || descends
        value = next
        values[position] = value
        largest = max(largest, value)
        bit &+= column.width
      }
      columns[index].value = value
    } else {
      for position in 0..<count {
        let value = column.base &+ (column.stored(at: bit) &<< column.shift)
        values[position] = value
        largest = max(largest, value)
        bit &+= column.width
      }
    }
    columns[index].nextBit = bit
    return (largest, descends)
  }

  /// Writes `values` into one field of the records; the values are in the field's range.
  private func scatter(_ field: RecordField, count: Int) {
    let (records, values) = (records, values)
    switch field {
    case .time: for index in 0..<count { records[index].time = SimTime(rawValue: values[index]) }
    case .requester: for index in 0..<count { records[index].requester = RequesterID(UInt32(truncatingIfNeeded: values[index])) }
    case .pasid: for index in 0..<count { records[index].pasidField = UInt32(truncatingIfNeeded: values[index]) }
    case .operation:
      for index in 0..<count {
        records[index].operation = TraceOperation(rawValue: UInt8(truncatingIfNeeded: values[index])) ?? .marker
      }
    case .address: for index in 0..<count { records[index].address = IOVirtualAddress(values[index]) }
    case .length: for index in 0..<count { records[index].length = values[index] }
    case .physical: for index in 0..<count { records[index].physical = PhysicalAddress(values[index]) }
    case .permissions:
      for index in 0..<count { records[index].permissions = Permissions(rawValue: UInt8(truncatingIfNeeded: values[index])) }
    case .attributes:
      for index in 0..<count { records[index].attributes = TraceAttributes(rawValue: UInt16(truncatingIfNeeded: values[index])) }
    case .group: for index in 0..<count { records[index].group = UInt16(truncatingIfNeeded: values[index]) }
    case .scope:
      for index in 0..<count {
        records[index].scope = InvalidationScope(rawValue: UInt8(truncatingIfNeeded: values[index])) ?? .none
      }
    case .domain: for index in 0..<count { records[index].domain = TraceDomain(UInt32(truncatingIfNeeded: values[index])) }
    case .value: for index in 0..<count { records[index].value = UInt32(truncatingIfNeeded: values[index]) }
    case .unit: for index in 0..<count { records[index].unit = UInt16(truncatingIfNeeded: values[index]) }
    }
  }

  private func timeGoesBack(in batch: Int) -> Damage {
    var previous = lastTime
    for position in 0..<batch {
      if values[position] < previous {
        return Damage(message: "time goes back from \(previous) ps to \(values[position]) ps", record: decoded + position)
      }
      previous = values[position]
    }
    return Damage(message: "times are not in order")
  }

  private func checkLengths(_ batch: Int) throws(Damage) {
    for position in 0..<batch where records[position].operation.isAccess && records[position].length > TraceFormat.maximumAccessLength {
      throw Damage(
        message: "an access of \(records[position].length) bytes, expected at most \(TraceFormat.maximumAccessLength)",
        record: decoded + position)
    }
  }

  private func tooLarge(_ field: RecordField, among written: Int) -> Damage {
    let position = (0..<written).first { values[$0] > field.largest }
    return Damage(
      message: "\(field.name) is \(values[position ?? 0]), expected at most \(field.largest)", record: position.map { decoded + $0 })
  }
}

extension UnsafeRawBufferPointer {
  /// The little-endian 32-bit word at a position whose four bytes lie inside the buffer.
  func word32(at position: Int) -> UInt32 { UInt32(littleEndian: loadUnaligned(fromByteOffset: position, as: UInt32.self)) }
  /// The little-endian 64-bit word at a position whose eight bytes lie inside the buffer.
  func word64(at position: Int) -> UInt64 { UInt64(littleEndian: loadUnaligned(fromByteOffset: position, as: UInt64.self)) }
}
