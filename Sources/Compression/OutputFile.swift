import Glibc

/// A file being written, which appears under its name only when it is complete.
///
/// The bytes go to a temporary file beside the final one, and `commit()` renames it. Whoever stops before, by an error or by
/// crashing, leaves what was there under the final name untouched. Standard output (`-`), pipes, devices and symbolic links cannot be
/// replaced and are written directly.
public struct OutputFile: ~Copyable {
  /// The path as given.
  public let path: String

  private static let bufferSize = 1 << 16
  private let descriptor: Int32
  private let temporaryPath: String?
  private var buffer: ByteBuffer
  private var buffered = 0
  private var written: UInt64 = 0
  private var isOpen = true

  /// Creates the file; `-` names standard output.
  ///
  /// - Throws: `StreamError.Code.isDirectory` for a directory, `.cannotWrite` if the operating system refuses.
  public init(path: String) throws(StreamError) {
    var status = stat()
    let exists = path != "-" && lstat(path, &status) == 0
    let kind = status.st_mode & S_IFMT
    guard !exists || kind != S_IFDIR else {
      throw StreamError(.isDirectory, path: path, message: "is a directory, expected a file")
    }
    let opened: (descriptor: Int32, temporaryPath: String?) =
      if path == "-" {
        (dup(STDOUT_FILENO), nil)
      } else if exists && kind != S_IFREG {
        (open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666), nil)
      } else {
        Self.createTemporary(beside: path)
      }
    guard opened.descriptor >= 0 else { throw StreamError(.cannotWrite, path: path, systemError: errno) }
    self.path = path
    (descriptor, temporaryPath) = opened
    buffer = ByteBuffer(capacity: Self.bufferSize)
  }

  deinit {
    guard isOpen else { return }
    close(descriptor)
    if let temporaryPath { unlink(temporaryPath) }
  }

  /// How many bytes have been written so far.
  public var byteCount: UInt64 { written + UInt64(buffered) }

  /// Adds bytes at the end.
  public mutating func write(_ bytes: UnsafeRawBufferPointer) throws(StreamError) {
    if buffered + bytes.count > Self.bufferSize { try flush() }
    guard bytes.count <= Self.bufferSize else { return try writeNow(bytes) }
    UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[buffered...]).copyMemory(from: bytes)
    buffered += bytes.count
  }

  /// Writes out what is buffered and gives the file its name; nothing can be written afterwards.
  public mutating func commit() throws(StreamError) {
    guard isOpen else { return }
    try flush()
    isOpen = false
    guard close(descriptor) == 0 else {
      let code = errno
      if let temporaryPath { unlink(temporaryPath) }
      throw StreamError(.cannotWrite, path: path, systemError: code)
    }
    guard let temporaryPath, rename(temporaryPath, path) != 0 else { return }
    let code = errno
    unlink(temporaryPath)
    throw StreamError(.cannotWrite, path: path, systemError: code)
  }

  private mutating func flush() throws(StreamError) {
    let pending = buffered
    buffered = 0
    try writeNow(UnsafeRawBufferPointer(rebasing: buffer.bytes[..<pending]))
  }

  private mutating func writeNow(_ bytes: UnsafeRawBufferPointer) throws(StreamError) {
    var done = 0
    while done < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
      let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
      if count >= 0 {
        done += count
        written += UInt64(count)
      } else if errno != EINTR {
        throw StreamError(.cannotWrite, path: path, byteOffset: written, systemError: errno)
      }
    }
  }

  /// A new file in the same directory, so that renaming it stays within one file system.
  private static func createTemporary(beside path: String) -> (descriptor: Int32, temporaryPath: String?) {
    var attempt = 0
    while true {
      let candidate = "\(path).partial-\(getpid())-\(attempt)"
      let descriptor = open(candidate, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      if descriptor >= 0 || errno != EEXIST || attempt == 999 { return (descriptor, candidate) }
      attempt += 1
    }
  }
}
