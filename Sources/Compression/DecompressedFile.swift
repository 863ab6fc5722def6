/// A file read as the bytes it stands for: decompressed if it begins like zstd data, as they are if not, whatever its name.
public struct DecompressedFile: ~Copyable {
  /// Whether the file is compressed.
  public let isCompressed: Bool

  private let file: InputFile
  private let input: ByteBuffer
  private var next = 0
  private var end: Int
  /// The byte of the file at which `input` begins.
  private var inputOffset: UInt64 = 0
  private let decoder: ZstdDecoder
  private var isInsideFrame = false

  /// Opens the file; `-` names standard input.
  public init(path: String) throws(StreamError) {
    let file = try InputFile(path: path)
    let decoder = try Self.makeDecoder(path)
    let input = ByteBuffer(capacity: 1 << 17)
    // A pipe may hand over its first bytes one by one; four tell what they are.
    var end = 0
    while end < 4 {
      let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: input.bytes[end...]))
      if count == 0 { break }
      end += count
    }
    isCompressed = ZstdFrame.begins(UnsafeRawBufferPointer(rebasing: input.bytes[..<end]))
    self.file = file
    self.decoder = decoder
    self.input = input
    self.end = end
  }

  private static func makeDecoder(_ path: String) throws(StreamError) -> ZstdDecoder {
    do throws(ZstdError) {
      return try ZstdDecoder()
    } catch {
      throw StreamError(.outOfMemory, path: path, message: error.message)
    }
  }

  /// The path as given.
  public var path: String { file.path }

  /// The byte of the file, as it is stored, up to which it has been used.
  public var byteOffset: UInt64 { inputOffset + UInt64(next) }

  /// Reads the next bytes, at least one of them unless the data has ended.
  ///
  /// - Returns: How many bytes were read; 0 at the end.
  /// - Throws: `StreamError.Code.damaged` or `.truncated` if the compressed data cannot be used, with the byte of the file.
  public mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(StreamError) -> Int {
    guard !buffer.isEmpty else { return 0 }
    while true {
      if next == end, try !refill() { return 0 }
      let stored = UnsafeRawBufferPointer(rebasing: input.bytes[next..<end])
      guard isCompressed else {
        let count = min(stored.count, buffer.count)
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: stored[..<count]))
        next += count
        return count
      }
      // zstd leaves the last byte of a frame unread until all its content is delivered.
      let progress = try decode(stored, into: buffer)
      next += progress.consumed
      isInsideFrame = !progress.endsFrame
      if progress.produced > 0 { return progress.produced }
    }
  }

  private func decode(
    _ stored: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer
  ) throws(StreamError) -> ZstdDecoder.Progress {
    do throws(ZstdError) {
      return try decoder.decode(stream: stored, into: buffer)
    } catch {
      throw StreamError(.damaged, path: path, byteOffset: byteOffset, message: "compressed data is damaged (\(error.message))")
    }
  }

  /// Fetches more of the file; false at its end.
  private mutating func refill() throws(StreamError) -> Bool {
    inputOffset += UInt64(end)
    next = 0
    end = 0
    end = try file.read(into: input.bytes)
    guard end == 0, isInsideFrame else { return end > 0 }
    throw StreamError(.truncated, path: path, byteOffset: inputOffset, message: "compressed data ends in the middle of a frame")
  }
}
