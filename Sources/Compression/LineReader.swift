import Glibc

/// Reads a text file, plain or compressed with zstd, line by line without copying.
public struct LineReader: ~Copyable {
  /// The longest line read unless a reader is told otherwise: 64 MiB.
  public static let defaultMaximumLength = 1 << 26

  /// The number of the line that `next()` returned last, counted from 1; 0 before the first.
  public private(set) var lineNumber = 0
  /// Whether the line that `next()` returned last ended with a line feed; only the last line of a file can lack one.
  public private(set) var isTerminated = true

  private var file: DecompressedFile
  private var buffer: ByteBuffer
  private var lastStart = 0
  private var start = 0
  private var end = 0
  private var isAtEnd = false
  private let maximumLength: Int

  /// Opens the file; `-` names standard input. Lines of more than `maximumLength` bytes are an error.
  public init(path: String, maximumLength: Int = LineReader.defaultMaximumLength) throws(StreamError) {
    file = try DecompressedFile(path: path)
    buffer = ByteBuffer(capacity: 1 << 17)
    self.maximumLength = maximumLength
  }

  /// The path as given.
  public var path: String { file.path }

  /// The next line without its line feed and without a carriage return before it, or nil at the end.
  ///
  /// The bytes are valid until the next call.
  public mutating func next() throws(StreamError) -> UnsafeRawBufferPointer? {
    var searched = start
    while true {
      if let newline = find(from: searched) {
        let line = take(upTo: newline)
        start = newline + 1
        isTerminated = true
        return line
      }
      if isAtEnd {
        guard start < end else { return nil }
        let line = take(upTo: end)
        start = end
        isTerminated = false
        return line
      }
      searched = end - start
      try refill()
    }
  }

  /// Takes the line back that `next()` has just returned; the next call returns it again.
  public mutating func unread() {
    start = lastStart
    lineNumber -= 1
  }

  private func find(from position: Int) -> Int? {
    guard position < end, let base = buffer.bytes.baseAddress,
      let newline = memchr(base + position, 0x0A, end - position)
    else { return nil }
    return UnsafeRawPointer(newline) - UnsafeRawPointer(base)
  }

  private mutating func take(upTo stop: Int) -> UnsafeRawBufferPointer {
    lineNumber += 1
    lastStart = start
    let last = stop > start && buffer.bytes[stop - 1] == 0x0D ? stop - 1 : stop
    return UnsafeRawBufferPointer(rebasing: buffer.bytes[start..<last])
  }

  /// Moves the unfinished line to the front of the buffer and reads on behind it.
  private mutating func refill() throws(StreamError) {
    let unfinished = end - start
    guard unfinished <= maximumLength else {
      throw StreamError(
        .lineTooLong, path: path, byteOffset: file.byteOffset,
        message: "line \(lineNumber + 1) is longer than \(maximumLength) bytes")
    }
    buffer.bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer.bytes[start..<end]))
    start = 0
    end = unfinished
    if end == buffer.bytes.count { buffer.reserve(2 * end) }
    let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[end...]))
    end += count
    isAtEnd = count == 0
  }
}
