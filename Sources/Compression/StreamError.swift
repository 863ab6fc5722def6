import Glibc

/// Why a file cannot be read or written: what happened, in which file, and at which byte.
public struct StreamError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kind of failure.
  public enum Code: Hashable, Sendable {
    /// The file does not exist, may not be opened, or is of a kind that cannot be used.
    case cannotOpen
    /// The path names a directory.
    case isDirectory
    /// The operating system failed to read.
    case cannotRead
    /// The operating system failed to create, write or rename.
    case cannotWrite
    /// The compressed data ends in the middle of a frame.
    case truncated
    /// The compressed data is not what zstd wrote.
    case damaged
    /// A line exceeds the limit of its reader.
    case lineTooLong
    /// The compression library got no memory.
    case outOfMemory
  }

  /// The kind of failure.
  public let code: Code
  /// The file, as it was named.
  public let path: String
  /// The byte of the file at which it happened, counted from 0, where that is known.
  public let byteOffset: UInt64?
  /// What happened and what was expected, in words.
  public let message: String

  /// An error of the given kind.
  public init(_ code: Code, path: String, byteOffset: UInt64? = nil, message: String) {
    self.code = code
    self.path = path
    self.byteOffset = byteOffset
    self.message = message
  }

  /// An error that the operating system reported as `systemError`, an errno.
  init(_ code: Code, path: String, byteOffset: UInt64? = nil, systemError: Int32) {
    self.init(code, path: path, byteOffset: byteOffset, message: String(cString: strerror(systemError)))
  }

  /// The error in one line: file, byte, what.
  public var description: String {
    guard let byteOffset else { return "\(path): \(message)" }
    return "\(path): byte \(byteOffset): \(message)"
  }
}
