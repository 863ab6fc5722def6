import Compression

/// The table of a trace's frames, as zstd's seekable format stores it at the end of the file.
struct SeekTable: Equatable {
  /// The magic of the skippable frame that holds the table.
  static let frameMagic: UInt32 = 0x184D_2A5E
  /// The last four bytes of the file.
  static let footerMagic: UInt32 = 0x8F92_EAB1

  private static let footerSize = 9
  private static let entrySize = 12
  private static let hasChecksums: UInt8 = 0x80
  private static let reservedBits: UInt8 = 0b0111_1100
  /// The most frames the seekable format allows.
  private static let maximumFrames = 0x800_0000

  /// What the table says of one frame.
  struct Entry: Equatable {
    var compressedSize: UInt32
    var contentSize: UInt32
    /// The low 32 bits of the XXH64 digest of the content.
    var checksum: UInt32
  }

  /// The frames, the header first.
  private(set) var entries: [Entry] = []
  /// The byte at which each frame begins.
  private(set) var offsets: [UInt64] = []
  /// The byte behind the last frame.
  private(set) var end: UInt64 = 0

  /// How many blocks follow the header.
  var blockCount: Int { max(entries.count - 1, 0) }

  /// The hash that stands for the content of the blocks: 64-bit FNV-1a over their sizes and checksums.
  var contentHash: UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for entry in entries.dropFirst() {
      for word in [entry.contentSize, entry.checksum] {
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
          hash = (hash ^ UInt64(word >> shift & 0xFF)) &* 0x100_0000_01B3
        }
      }
    }
    return hash
  }

  /// Adds a frame behind the ones before.
  mutating func append(_ entry: Entry) {
    entries.append(entry)
    offsets.append(end)
    end += UInt64(entry.compressedSize)
  }

  /// The skippable frame that holds the table, or nil if there are more frames than the format allows.
  func encoded() -> [UInt8]? {
    guard entries.count <= Self.maximumFrames else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(8 + entries.count * Self.entrySize + Self.footerSize)
    bytes.append(word: Self.frameMagic)
    bytes.append(word: UInt32(entries.count * Self.entrySize + Self.footerSize))
    for entry in entries {
      bytes.append(word: entry.compressedSize)
      bytes.append(word: entry.contentSize)
      bytes.append(word: entry.checksum)
    }
    bytes.append(word: UInt32(entries.count))
    bytes.append(Self.hasChecksums)
    bytes.append(word: Self.footerMagic)
    return bytes
  }

  init() {}

  /// Reads the table at the end of a file of `size` bytes.
  ///
  /// - Throws: `TraceError` if there is none, or if it contradicts itself or the size of the file.
  init(reading file: borrowing InputFile, size: UInt64) throws(TraceError) {
    let path = file.path
    guard size >= UInt64(8 + Self.footerSize) else {
      throw TraceError(.truncated, path: path, byteOffset: size, message: "file of \(size) bytes has no room for a seek table")
    }
    let footerStart = size - UInt64(Self.footerSize)
    let footerBuffer = try Self.read(file, at: footerStart, count: Self.footerSize)
    let footer = UnsafeRawBufferPointer(footerBuffer.bytes)
    guard footer.word32(at: 5) == Self.footerMagic else {
      throw TraceError(
        .truncated, path: path, byteOffset: size,
        message: "file does not end with a seek table (expected 0x8f92eab1 as its last word): it is cut off or was changed")
    }
    let frameCount = Int(footer.word32(at: 0))
    let frameSize = 8 + frameCount * Self.entrySize + Self.footerSize
    guard footer[4] & (Self.hasChecksums | Self.reservedBits) == Self.hasChecksums else {
      throw TraceError(
        .damaged, path: path, byteOffset: footerStart + 4,
        message: "seek table has descriptor 0x\(String(footer[4], radix: 16)), expected 0x80")
    }
    guard (1...Self.maximumFrames).contains(frameCount), UInt64(frameSize) <= size else {
      throw TraceError(
        .damaged, path: path, byteOffset: footerStart, message: "seek table of \(frameCount) frames does not fit into the file")
    }
    let start = size - UInt64(frameSize)
    let tableBuffer = try Self.read(file, at: start, count: frameSize)
    let table = UnsafeRawBufferPointer(tableBuffer.bytes)
    guard table.word32(at: 0) == Self.frameMagic, Int(table.word32(at: 4)) == frameSize - 8 else {
      throw TraceError(
        .damaged, path: path, byteOffset: start,
        message: "seek table of \(frameCount) frames does not begin with a skippable frame of \(frameSize - 8) bytes")
    }
    entries.reserveCapacity(frameCount)
    offsets.reserveCapacity(frameCount)
    for position in stride(from: 8, to: frameSize - Self.footerSize, by: Self.entrySize) {
      append(
        Entry(
          compressedSize: table.word32(at: position), contentSize: table.word32(at: position + 4),
          checksum: table.word32(at: position + 8)))
    }
    guard end == start else {
      throw TraceError(
        .damaged, path: path, byteOffset: start, message: "seek table counts \(end) bytes of frames, the file has \(start)")
    }
  }

  private static func read(_ file: borrowing InputFile, at offset: UInt64, count: Int) throws(TraceError) -> ByteBuffer {
    let buffer = ByteBuffer(capacity: count)
    do throws(StreamError) {
      let filled = try file.read(into: buffer.bytes, at: offset)
      guard filled == count else {
        throw StreamError(.truncated, path: file.path, byteOffset: offset + UInt64(filled), message: "file became shorter while being read")
      }
    } catch {
      throw TraceError(error)
    }
    return buffer
  }
}

extension [UInt8] {
  /// Adds a 32-bit word in little-endian order.
  fileprivate mutating func append(word: UInt32) {
    Swift.withUnsafeBytes(of: word.littleEndian) { append(contentsOf: $0) }
  }
}
