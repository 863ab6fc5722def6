import Compression

/// Why a file of conformance cases cannot be used.
public enum ConformanceError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The file cannot be read or decompressed.
  case unreadable(StreamError)
  /// A line is no case: what was found there and what was expected.
  case malformed(path: String, line: Int, message: String)
  /// The memory that a case describes cannot be made.
  case memory(path: String, line: Int, message: String)

  /// The error in one line: file, line, what.
  public var description: String {
    switch self {
    case .unreadable(let error): error.description
    case .malformed(let path, let line, let message), .memory(let path, let line, let message): "\(path):\(line): \(message)"
    }
  }
}

/// Why an object of a case cannot be used: where in the case, what is there, what was expected.
///
/// The reader adds file and line.
struct CaseDefect: Error, Hashable {
  let message: String

  init(_ place: String, expected: String, found: String? = nil) {
    message = found.map { "\(place): expected \(expected), found \($0)" } ?? "\(place): expected \(expected)"
  }
}
