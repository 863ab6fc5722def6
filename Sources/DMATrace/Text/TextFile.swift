import Compression

/// A text file being written, a line at a time.
struct TextOutput: ~Copyable {
  /// The line being made.
  var line: [UInt8] = []
  private var file: OutputFile

  init(path: String) throws(TraceError) {
    file = try TraceError.wrap { () throws(StreamError) in try OutputFile(path: path) }
    line.reserveCapacity(1024)
  }

  var path: String { file.path }

  /// Writes the line with a line feed, and begins an empty one.
  mutating func endLine() throws(TraceError) {
    line.append(UInt8(ascii: "\n"))
    let count = line.count
    let bytes = ByteBuffer(capacity: count)
    bytes.bytes.copyBytes(from: line)
    line.removeAll(keepingCapacity: true)
    do throws(StreamError) {
      try file.write(UnsafeRawBufferPointer(rebasing: bytes.bytes[..<count]))
    } catch {
      throw TraceError(error)
    }
  }

  /// Gives the file its name.
  mutating func finish() throws(TraceError) {
    do throws(StreamError) {
      try file.commit()
    } catch {
      throw TraceError(error)
    }
  }
}

/// A text file being read, a line at a time; errors become errors of the trace.
struct TextInput: ~Copyable {
  private var lines: LineReader

  init(path: String) throws(TraceError) {
    lines = try TraceError.wrap { () throws(StreamError) in try LineReader(path: path, maximumLength: 1 << 20) }
  }

  var path: String { lines.path }
  var lineNumber: Int { lines.lineNumber }
  var isTerminated: Bool { lines.isTerminated }

  mutating func next() throws(TraceError) -> UnsafeRawBufferPointer? {
    do throws(StreamError) {
      return try lines.next()
    } catch {
      throw TraceError(error, line: error.code == .lineTooLong ? lines.lineNumber + 1 : nil)
    }
  }

  /// Takes the line back that `next()` has just returned.
  mutating func unread() { lines.unread() }

  /// An error in the line read last.
  func malformed(_ message: String) -> TraceError {
    TraceError(.malformed, path: path, line: lineNumber, message: message)
  }
}
