import Compression

/// Why a trace cannot be read or written: what happened, where, and what was expected.
public struct TraceError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kind of failure.
  public enum Code: Hashable, Sendable {
    /// The file cannot be opened or read.
    case unreadable
    /// The file cannot be created or written.
    case unwritable
    /// The file is no trace of the format it is read as.
    case notATrace
    /// The file is of a version or kind that this program does not read.
    case unsupported
    /// The file ends before the trace does.
    case truncated
    /// The bytes are not those that were written, or contradict one another.
    case damaged
    /// A line of text does not follow its format.
    case malformed
    /// A record cannot be: time goes back, or a field is out of range.
    case invalidRecord
    /// An argument of the caller is out of range.
    case invalidArgument
  }

  /// The kind of failure.
  public let code: Code
  /// The file, as it was named.
  public let path: String
  /// The block of the container, counted from 0.
  public let block: Int?
  /// The record of the trace, counted from 0.
  public let record: UInt64?
  /// The line of a text file, counted from 1.
  public let line: Int?
  /// The byte of the file, counted from 0.
  public let byteOffset: UInt64?
  /// What happened and what was expected, in words.
  public let message: String

  /// An error of the given kind and place.
  public init(
    _ code: Code, path: String, block: Int? = nil, record: UInt64? = nil, line: Int? = nil, byteOffset: UInt64? = nil, message: String
  ) {
    self.code = code
    self.path = path
    self.block = block
    self.record = record
    self.line = line
    self.byteOffset = byteOffset
    self.message = message
  }

  /// A failure of the file under the trace.
  init(_ error: StreamError, block: Int? = nil, line: Int? = nil) {
    let code: Code =
      switch error.code {
      case .cannotOpen, .isDirectory, .cannotRead, .outOfMemory: .unreadable
      case .cannotWrite: .unwritable
      case .truncated: .truncated
      case .damaged: .damaged
      case .lineTooLong: .malformed
      }
    self.init(code, path: error.path, block: block, line: line, byteOffset: error.byteOffset, message: error.message)
  }

  /// The error in one line: file, place, what.
  public var description: String {
    var place = path
    if let line { place += ":\(line)" }
    if let block { place += ": block \(block)" }
    if let record { place += ": record \(record)" }
    if let byteOffset { place += ": byte \(byteOffset)" }
    return "\(place): \(message)"
  }
}

extension TraceError {
  /// Runs what uses a file, and turns its errors into errors of the trace.
  static func wrap<Result: ~Copyable>(_ body: () throws(StreamError) -> Result) throws(TraceError) -> Result {
    do throws(StreamError) {
      return try body()
    } catch {
      throw TraceError(error)
    }
  }
}
