import Glibc

/// An executable file that is run in a process of its own.
struct Program {
  let path: String

  /// What a process has used.
  struct Usage {
    /// The most memory that was resident, in bytes; at least what this process had when it started the other.
    var peakMemory: UInt64
  }

  /// Runs the program to its end; its output goes where this program's goes.
  ///
  /// - Throws: `BenchmarkError` if it cannot be started or ends with another status than 0.
  func run(_ arguments: [String]) throws(BenchmarkError) -> Usage {
    var process = pid_t()
    var words: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    let code = posix_spawn(&process, path, nil, nil, &words, environ)
    guard code == 0 else { throw .cannotRun(path: path, reason: String(cString: strerror(code))) }
    var status: Int32 = 0
    var usage = rusage()
    while wait4(process, &status, 0, &usage) < 0 {
      guard errno == EINTR else { throw .cannotRun(path: path, reason: String(cString: strerror(errno))) }
    }
    guard status == 0 else { throw .failed(command: ([path] + arguments).joined(separator: " "), status: status) }
    return Usage(peakMemory: UInt64(usage.ru_maxrss) * 1024)
  }
}
