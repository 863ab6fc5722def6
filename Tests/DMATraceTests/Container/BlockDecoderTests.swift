import Compression
import Hardware
import Testing

@testable import DMATrace

@Suite struct BlockDecoderTests {
  /// A column of a block made by hand.
  struct Column {
    var tag: UInt8
    var mode: UInt8 = 0
    var width: UInt8 = 0
    var shift: UInt8 = 0
    var base: UInt64 = 0
    var first: UInt64 = 0
    var data: [UInt8] = []
  }

  private static func little<Word: FixedWidthInteger>(_ word: Word) -> [UInt8] { withUnsafeBytes(of: word.littleEndian) { Array($0) } }

  private static func block(
    records: UInt32 = 2, columnCount: UInt32? = nil, firstTime: UInt64 = 0, _ columns: [Column], rest: [UInt8] = []
  ) -> [UInt8] {
    var bytes = little(records) + little(columnCount ?? UInt32(columns.count)) + little(UInt64(0)) + little(firstTime)
    for column in columns {
      bytes += [column.tag, column.mode, column.width, column.shift] + little(column.base) + little(column.first)
    }
    return bytes + columns.flatMap(\.data) + rest
  }

  private static let time = Column(tag: 0, mode: 1)

  /// Decodes content to the end, with the 8 bytes behind it that decoding needs.
  private static func decode(_ content: [UInt8], after time: UInt64 = 0) throws -> [TraceRecord] {
    let buffer = ByteBuffer(capacity: content.count + 8)
    buffer.bytes.copyBytes(from: content)
    var decoder = BlockDecoder()
    try decoder.begin(UnsafeRawBufferPointer(rebasing: buffer.bytes[..<content.count]), after: time)
    var records: [TraceRecord] = []
    while true {
      let batch = try decoder.next()
      if batch.isEmpty { return records }
      records += batch
    }
  }

  @Test("A block made by hand after the description of the format decodes to its records")
  func byHand() throws {
    let records = try Self.decode(
      Self.block(
        records: 3, firstTime: 100,
        [
          Column(tag: 0, mode: 1, width: 8, base: 10, data: [0, 5, 0]), Column(tag: 2, base: 8),
          Column(tag: 3, width: 1, data: [0b101]),
          Column(tag: 4, width: 12, shift: 6, base: 0x1000, data: [0x01, 0x20, 0x00, 0xFF, 0x0F]),
          Column(tag: 5, mode: 1, base: 4, first: 64),
        ]))
    #expect(
      records == [
        TraceRecord(time: .init(rawValue: 100), operation: .write, pasid: .init(7), address: .init(0x1040), length: 64),
        TraceRecord(time: .init(rawValue: 115), operation: .read, pasid: .init(7), address: .init(0x1080), length: 68),
        TraceRecord(time: .init(rawValue: 125), operation: .write, pasid: .init(7), address: .init(0x40FC0), length: 72),
      ])
  }

  @Test(
    "A block that contradicts itself is refused with the reason",
    arguments: [
      ([UInt8](repeating: 0, count: 23), "block of 23 bytes has no header"),
      (block(records: 0, [time]), "block of 0 records, expected 1 to 65536"),
      (block(records: 65537, [time]), "block of 65537 records, expected 1 to 65536"),
      (block(records: .max, [time]), "block of 4294967295 records, expected 1 to 65536"),
      (block([]), "block of 0 columns, expected 1 to 14"),
      (block(columnCount: 15, [time]), "block of 15 columns, expected 1 to 14"),
      (block(columnCount: 2, [time]), "block of 44 bytes has no room for 2 columns"),
      (block([Column(tag: 4)]), "column 0 has tag 4, expected time first and tags in order"),
      (block([time, Column(tag: 14)]), "column 1 has tag 14, expected time first and tags in order"),
      (block([time, time]), "column 1 has tag 0, expected time first and tags in order"),
      (block([time, Column(tag: 5), Column(tag: 4)]), "column 2 has tag 4, expected time first and tags in order"),
      (block([Column(tag: 0)]), "column time_ps has mode 0, width 0, shift 0"),
      (block([time, Column(tag: 4, mode: 2)]), "column address has mode 2, width 0, shift 0"),
      (block([time, Column(tag: 4, width: 58)]), "column address has mode 0, width 58, shift 0"),
      (block([time, Column(tag: 4, width: 65)]), "column address has mode 0, width 65, shift 0"),
      (block([time, Column(tag: 4, shift: 64)]), "column address has mode 0, width 0, shift 64"),
      (block([time, Column(tag: 4, width: 8, data: [1])]), "column address of 2 values of 8 bits exceeds the block"),
      (block([time, Column(tag: 4, width: 8, data: [1, 2])], rest: [3]), "block of 67 bytes, its columns end at byte 66"),
    ])
  func contradictions(content: [UInt8], message: String) {
    let damage = #expect(throws: BlockDecoder.Damage.self) { try Self.decode(content) }
    #expect(damage?.message == message)
  }

  @Test(
    "A record that cannot be is refused with its number",
    arguments: [
      (block([time, Column(tag: 3, width: 8, data: [13, 14])]), 1, "operation is 14, expected at most 13"),
      (block([time, Column(tag: 10, base: 18)]), 0, "scope is 18, expected at most 17"),
      (block([time, Column(tag: 7, width: 4, data: [0x87])]), 1, "permissions is 8, expected at most 7"),
      (block([time, Column(tag: 8, base: 0x200)]), 0, "attributes is 512, expected at most 511"),
      (block([time, Column(tag: 2, base: 0x10_0001)]), 0, "pasid is 1048577, expected at most 1048576"),
      (block([time, Column(tag: 1, base: 1 << 32)]), 0, "requester is 4294967296, expected at most 4294967295"),
      (block([time, Column(tag: 9, base: 1 << 16)]), 0, "group is 65536, expected at most 65535"),
      (block([time, Column(tag: 5, base: 1 << 30 + 1)]), 0, "an access of 1073741825 bytes, expected at most 1073741824"),
      (block([Column(tag: 0, mode: 1, base: .max)]), 1, "time_ps is 18446744073709551615, expected at most 9223372036854775807"),
      (block(firstTime: 7, [Column(tag: 0, mode: 1, base: .max)]), 1, "time goes back from 7 ps to 6 ps"),
    ])
  func impossibleRecords(content: [UInt8], record: Int, message: String) {
    let damage = #expect(throws: BlockDecoder.Damage.self) { try Self.decode(content) }
    #expect(damage?.message == message)
    #expect(damage?.record == record)
  }

  @Test("A block whose first time precedes the record before it is refused")
  func timeAcrossBlocks() throws {
    let content = Self.block(firstTime: 5, [Self.time])
    #expect(try Self.decode(content, after: 5).count == 2)
    let damage = #expect(throws: BlockDecoder.Damage.self) { try Self.decode(content, after: 6) }
    #expect(damage?.record == 0)
  }

  @Test("An overlong access is found in a later batch too, though the lengths are constant")
  func lengthInLaterBatch() {
    // Maps may be long; the last record is a read.
    let operations = [UInt8](repeating: 8, count: 999) + [0]
    let content = Self.block(records: 1000, [Self.time, Column(tag: 3, width: 8, data: operations), Column(tag: 5, base: 1 << 31)])
    let damage = #expect(throws: BlockDecoder.Damage.self) { try Self.decode(content) }
    #expect(damage?.record == 999)
  }

  @Test("Content changed at random decodes or is refused, and never does anything else", arguments: 0..<20)
  func fuzz(seed: UInt64) throws {
    let records = variedRecords(40, seed: seed)
    let encoder = BlockEncoder(blockRecords: records.count)
    let sound = records.withUnsafeBufferPointer { Array(encoder.encode($0, firstRecord: 0)) }
    #expect(try Self.decode(sound) == records)
    var random = SplitMix64(seed: seed)
    for _ in 0..<200 {
      var content = sound
      for _ in 0...random.next(below: 3) {
        // Mostly the header and the descriptors, where a change does most.
        let range = random.next(below: 4) == 0 ? content.count : min(content.count, 304)
        content[Int(random.next(below: UInt64(range)))] = UInt8(truncatingIfNeeded: random.next())
      }
      if random.next(below: 3) == 0 { content.removeLast(Int(random.next(below: UInt64(content.count)))) }
      guard let decoded = try? Self.decode(content) else { continue }
      for record in decoded { #expect(record.objection(after: 0) == nil) }
    }
  }
}
