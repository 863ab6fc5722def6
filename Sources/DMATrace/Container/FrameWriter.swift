import Compression

/// Writes the frames of a container one behind the other, and at last their seek table.
struct FrameWriter: ~Copyable {
  private var file: OutputFile
  private let encoder: ZstdEncoder
  private var frame = ByteBuffer(capacity: 1 << 16)
  private var table = SeekTable()

  init(path: String, level: Int) throws(TraceError) {
    let encoder: ZstdEncoder
    do throws(ZstdError) {
      encoder = try ZstdEncoder(level: level)
    } catch {
      throw TraceError(.unwritable, path: path, message: error.message)
    }
    // Nothing may be assigned before the last failure: a value that cannot be copied is whole or not there.
    let file = try TraceError.wrap { () throws(StreamError) in try OutputFile(path: path) }
    self.encoder = encoder
    self.file = file
  }

  var path: String { file.path }

  /// Compresses content into a frame of its own.
  mutating func write(_ content: UnsafeRawBufferPointer) throws(TraceError) {
    frame.reserve(ZstdEncoder.largestFrame(contentSize: content.count))
    let size: Int
    do throws(ZstdError) {
      size = try encoder.encode(content, into: frame.bytes)
    } catch {
      throw TraceError(.unwritable, path: path, byteOffset: file.byteCount, message: error.message)
    }
    let bytes = UnsafeRawBufferPointer(rebasing: frame.bytes[..<size])
    table.append(
      SeekTable.Entry(compressedSize: UInt32(size), contentSize: UInt32(content.count), checksum: ZstdFrame.checksum(of: bytes) ?? 0))
    try store(bytes)
  }

  /// Writes the seek table and gives the file its name.
  mutating func finish() throws(TraceError) {
    guard let bytes = table.encoded() else {
      throw TraceError(.unsupported, path: path, message: "\(table.entries.count) frames are too many for a seek table")
    }
    frame.reserve(bytes.count)
    frame.bytes.copyBytes(from: bytes)
    try store(UnsafeRawBufferPointer(rebasing: frame.bytes[..<bytes.count]))
    do throws(StreamError) {
      try file.commit()
    } catch {
      throw TraceError(error)
    }
  }

  private mutating func store(_ bytes: UnsafeRawBufferPointer) throws(TraceError) {
    do throws(StreamError) {
      try file.write(bytes)
    } catch {
      throw TraceError(error)
    }
  }
}
