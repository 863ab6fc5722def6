import Compression
import Testing

@testable import DMATrace

@Suite struct DamagedTraceTests {
  private let directory = TemporaryDirectory()

  /// A trace of several blocks in few bytes.
  private static let records = plainRecords(60)
  private func sound() throws -> [UInt8] { try bytes(of: directory.container(Self.records, blockRecords: 20)) }

  @Test("A trace cut off anywhere is an error, and all its whole blocks can be had")
  func truncation() throws {
    let sound = try sound()
    for count in sound.indices {
      let path = try directory.make("cut", Array(sound[..<count]))
      let strict = deliver(container: path)
      #expect(strict.records.isEmpty)
      #expect(strict.error?.description.contains("\n") == false, "cut at \(count)")
      let lenient = deliver(container: path, allowTruncated: true)
      let expected = Self.records.prefix(lenient.records.count)
      #expect(Array(expected) == lenient.records)
      #expect(lenient.records.count % 20 == 0)
      #expect((lenient.error ?? lenient.damage) != nil, "cut at \(count)")
    }
    // Without its last byte, the trace still has all its records.
    let path = try directory.make("cut", Array(sound.dropLast()))
    #expect(deliver(container: path, allowTruncated: true).records == Self.records)
  }

  @Test("A flipped bit is an error, or the trace is as it was; what precedes it can be had")
  func flippedBits() throws {
    let sound = try sound()
    for index in sound.indices {
      var flipped = sound
      flipped[index] ^= 1 << UInt8(index % 8)
      let path = try directory.make("flipped", flipped)
      let strict = deliver(container: path)
      #expect(strict.error != nil || strict.records == Self.records, "byte \(index)")
      let lenient = deliver(container: path, allowTruncated: true)
      #expect(lenient.records == Array(Self.records.prefix(lenient.records.count)), "byte \(index)")
      #expect(lenient.records.count == 60 || (lenient.error ?? lenient.damage) != nil, "byte \(index)")
    }
  }

  @Test("Damage in a block is reported with the number of the block and its byte, and what precedes it is delivered")
  func place() throws {
    var bytes = try sound()
    let block = try TraceReader(path: directory.file("trace.dmat.zst")).block(1)
    let start = Int(block?.byteOffset ?? 0)
    bytes[start + 20] ^= 0xFF
    let path = try directory.make("damaged", bytes)
    let lenient = deliver(container: path, allowTruncated: true)
    #expect(lenient.records == Array(Self.records.prefix(20)))
    #expect(lenient.damage?.block == 1)
    #expect(lenient.damage?.byteOffset == UInt64(start))
    #expect(lenient.damage?.code == .damaged)
    let strict = deliver(container: path)
    #expect(strict.records == Array(Self.records.prefix(20)))
    #expect(strict.error == lenient.damage)
  }

  @Test("A frame that is not what the seek table says of it is refused, though its content is sound", arguments: [4, 8, 11])
  func tableEntry(position: Int) throws {
    var bytes = try sound()
    // Three blocks, of which the entry of the second begins 33 bytes before the end.
    bytes[bytes.count - 33 + position] ^= 1
    let delivery = deliver(container: try directory.make("table", bytes))
    #expect(delivery.records.count == 20)
    #expect(delivery.error?.block == 1)
    #expect(delivery.error?.message.hasSuffix("and its entry in the seek table differ") == true)
  }

  @Test("Behind damage, reading can go on at the next block")
  func seekBehindDamage() throws {
    var bytes = try sound()
    let block = try TraceReader(path: directory.file("trace.dmat.zst")).block(1)
    bytes[Int(block?.byteOffset ?? 0) + 20] ^= 0xFF
    var reader = try TraceReader(path: directory.make("damaged", bytes))
    try reader.seek(toRecord: 25)
    #expect(deliver(&reader).error?.block == 1)
    try reader.seek(toRecord: 45)
    #expect(deliver(&reader).records == Array(Self.records[45...]))
  }

  @Test("Without a seek table, seeking still works as far as the file is sound")
  func seekWithoutTable() throws {
    let path = try directory.make("cut", Array(try sound().dropLast()))
    var reader = try TraceReader(path: path, allowTruncated: true)
    try reader.seek(toRecord: 45)
    let delivery = deliver(&reader)
    #expect(delivery.records == Array(Self.records[45...]))
    #expect(delivery.damage?.code == .truncated)
    try reader.seek(toRecord: 3)
    #expect(deliver(&reader).records == Array(Self.records[3...]))
  }

  /// A frame of the given text.
  private static func frame(_ text: String) throws -> [UInt8] {
    let content = Array(text.utf8)
    let encoder = try ZstdEncoder()
    let buffer = ByteBuffer(capacity: ZstdEncoder.largestFrame(contentSize: content.count))
    let size = try content.withUnsafeBytes { try encoder.encode($0, into: buffer.bytes) }
    return Array(buffer.bytes[..<size])
  }

  @Test(
    "A file that is no trace is refused in one line that says what was expected",
    arguments: [
      ([], TraceError.Code.notATrace, "byte 0: file is empty, expected a trace"),
      (Array("PK".utf8), .notATrace, "byte 0: expected a zstd frame (28 b5 2f fd), found 50 4b"),
      ([0x28, 0xB5], .truncated, "byte 2: file ends in the middle of a frame"),
      (
        Array("#!/bin/sh\n".utf8), .notATrace,
        "byte 0: expected a zstd frame (28 b5 2f fd), found 23 21 2f 62; 'iommusim trace convert --from text' makes a container of a trace in "
          + "text form"
      ),
      ((try? frame("something else\n")) ?? [], .notATrace, "byte 0: header line 1: expected 'dmatrace 1', found 'something else'"),
      (
        (try? frame("dmatrace 2\n\n")) ?? [], .unsupported,
        "byte 0: header line 1: trace of version 2, this program reads version 1"
      ),
      ((try? frame("dmatrace 1\n\n")) ?? [], .damaged, "byte 0: header lacks block-records or the empty line at its end"),
      ((try? frame("dmatrace 1\nblock-records: 5\n")) ?? [], .damaged, "byte 0: header lacks block-records or the empty line at its end"),
      (
        (try? frame("dmatrace 1\nblock-records: 70000\n\n")) ?? [], .damaged,
        "byte 0: header line 2: block-records '70000', expected 1 to 65536"
      ),
      (
        (try? frame("dmatrace 1\nblock-records: 5\n\n")) ?? [], .truncated,
        "byte 42: file does not end with a seek table (expected 0x8f92eab1 as its last word): it is cut off or was changed"
      ),
    ])
  func foreignFiles(content: [UInt8], code: TraceError.Code, message: String) throws {
    let path = try directory.make("foreign", content)
    let error = deliver(container: path).error
    #expect(error?.code == code)
    #expect(error.map { String($0.description.dropFirst(path.count + 2)) } == message)
  }

  @Test("A missing file, a directory and a device are refused")
  func unreadable() {
    #expect(deliver(container: directory.file("missing")).error?.message == "No such file or directory")
    #expect(deliver(container: directory.path).error?.message == "is a directory, expected a file")
    #expect(deliver(container: "/dev/null").error?.message == "not a regular file; a trace container must be seekable")
  }

  @Test("A header that counts other records than the blocks hold is refused")
  func recordCount() throws {
    let encoder = BlockEncoder(blockRecords: 20)
    var frames = try FrameWriter(path: directory.file("count"), level: 3)
    let header = HeaderText.encoded(TraceHeader(recordCount: 21), blockRecords: 20)
    try header.withUnsafeBytes { try frames.write($0) }
    try Self.records[..<20].withUnsafeBufferPointer { try frames.write(encoder.encode($0, firstRecord: 0)) }
    try frames.finish()
    #expect(deliver(container: directory.file("count")).error?.message == "header says 21 records, the blocks hold 20")
  }

  @Test(
    "Blocks that are not those of this place are refused",
    arguments: [
      ([(0, 20), (0, 20)], "block begins with record 0, expected 20"), ([(0, 19), (20, 20)], "block holds 19 records, expected 20"),
      ([(0, 21)], "block holds 21 records, expected at most 20"), ([(20, 5)], "block begins with record 20, expected 0"),
    ])
  func wrongBlocks(blocks: [(first: Int, count: Int)], message: String) throws {
    let encoder = BlockEncoder(blockRecords: 30)
    var frames = try FrameWriter(path: directory.file("wrong"), level: 3)
    try HeaderText.encoded(TraceHeader(), blockRecords: 20).withUnsafeBytes { try frames.write($0) }
    for block in blocks {
      let records = Array(Self.records[block.first..<block.first + block.count])
      try records.withUnsafeBufferPointer { try frames.write(encoder.encode($0, firstRecord: UInt64(block.first))) }
    }
    try frames.finish()
    #expect(deliver(container: directory.file("wrong")).error?.message == message)
  }

  @Test("Times that go back from one block to the next are refused with the record")
  func timeAcrossBlocks() throws {
    let encoder = BlockEncoder(blockRecords: 20)
    var frames = try FrameWriter(path: directory.file("back"), level: 3)
    try HeaderText.encoded(TraceHeader(), blockRecords: 20).withUnsafeBytes { try frames.write($0) }
    for first in [0, 20] {
      // Both blocks hold the times of the first.
      try Self.records[..<20].withUnsafeBufferPointer { try frames.write(encoder.encode($0, firstRecord: UInt64(first))) }
    }
    try frames.finish()
    let delivery = deliver(container: directory.file("back"))
    #expect(delivery.records.count == 20)
    #expect(delivery.error?.code == .invalidRecord)
    #expect(delivery.error?.record == 20)
    #expect(delivery.error?.message == "time goes back from 190000 ps to 0 ps")
  }
}
