import Compression
import Testing

@testable import DMATrace

@Suite struct SeekTableTests {
  private let directory = TemporaryDirectory()

  private static let entries = [
    SeekTable.Entry(compressedSize: 3, contentSize: 10, checksum: 0x0102_0304),
    SeekTable.Entry(compressedSize: 4, contentSize: 20, checksum: 0xA0B0_C0D0),
  ]

  private static func table() -> SeekTable {
    var table = SeekTable()
    for entry in entries { table.append(entry) }
    return table
  }

  /// The table as zstd's seekable format 0.1.0 lays it out.
  private static let encoded: [UInt8] = [
    0x5E, 0x2A, 0x4D, 0x18, 33, 0, 0, 0,
    3, 0, 0, 0, 10, 0, 0, 0, 0x04, 0x03, 0x02, 0x01,
    4, 0, 0, 0, 20, 0, 0, 0, 0xD0, 0xC0, 0xB0, 0xA0,
    2, 0, 0, 0, 0x80, 0xB1, 0xEA, 0x92, 0x8F,
  ]

  private func read(_ bytes: [UInt8]) throws -> SeekTable {
    let path = try directory.make("table", bytes)
    return try SeekTable(reading: InputFile(path: path), size: UInt64(bytes.count))
  }

  @Test("A table is written in zstd's seekable format")
  func encoding() { #expect(Self.table().encoded() == Self.encoded) }

  @Test("A table is read from the end of a file, with the place of every frame")
  func decoding() throws {
    let table = try read([1, 2, 3, 4, 5, 6, 7] + Self.encoded)
    #expect(table == Self.table())
    #expect(table.offsets == [0, 3])
    #expect(table.end == 7)
    #expect(table.blockCount == 1)
  }

  @Test("The content hash covers the blocks and leaves out the header")
  func contentHash() {
    // FNV-1a over 14 00 00 00 d0 c0 b0 a0.
    #expect(Self.table().contentHash == 0xA226_46DF_B947_6911)
    var other = SeekTable()
    other.append(SeekTable.Entry(compressedSize: 9, contentSize: 9, checksum: 9))
    other.append(SeekTable.Entry(compressedSize: 9, contentSize: 20, checksum: 0xA0B0_C0D0))
    #expect(other.contentHash == Self.table().contentHash)
  }

  @Test(
    "A table that is not there, or contradicts itself or the file, is refused",
    arguments: [
      (-1, 0, TraceError.Code.truncated, "its last word"), (-5, 0, .damaged, "descriptor 0x0, expected 0x80"),
      (-5, 0xFC, .damaged, "descriptor 0xfc, expected 0x80"), (-9, 3, .damaged, "does not fit"),
      (-7, 1, .damaged, "does not fit"), (-9, 1, .damaged, "does not begin with a skippable frame"), (0, 0, .damaged, "does not begin"),
      (4, 0, .damaged, "does not begin"), (8, 5, .damaged, "counts 9 bytes of frames, the file has 7"), (8, 2, .damaged, "counts 6 bytes"),
    ])
  func damage(position: Int, value: UInt8, code: TraceError.Code, message: String) throws {
    var table = Self.encoded
    table[position < 0 ? table.count + position : position] = value
    let error = #expect(throws: TraceError.self) { try read([1, 2, 3, 4, 5, 6, 7] + table) }
    #expect(error?.code == code)
    #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
  }
}
