import Glibc

/// A file being written, which appears under its name only when it is complete.
///
/// The bytes go to a file without a name in the same folder, and `commit()` names it. Whoever stops before, by an error, an interrupt or a
/// crash, leaves what was there under the name untouched and nothing beside it. Where the file system has no such files, a temporary one
/// is used, which an interrupt leaves behind. Standard output (`-`), pipes, devices and symbolic links cannot be replaced and are written
/// directly.
public struct OutputFile: ~Copyable {
  /// The path as given, or what standard output is called.
  public let path: String

  private static let bufferSize = 1 << 16
  private static let standardOutput = "standard output"
  private let descriptor: Int32
  private let destination: Destination
  private var buffer: ByteBuffer
  private var buffered = 0
  private var written: UInt64 = 0
  private var isOpen = true

  /// How the bytes come under their name.
  private enum Destination {
    /// They are there at once.
    case direct
    /// The file has no name yet.
    case unnamed
    /// The file has this other name so far.
    case temporary(String)
  }

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
    let opened: (descriptor: Int32, destination: Destination) =
      if path == "-" {
        (dup(STDOUT_FILENO), .direct)
      } else if exists && kind != S_IFREG {
        (open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666), .direct)
      } else {
        Self.createUnnamed(beside: path) ?? Self.createTemporary(beside: path)
      }
    guard opened.descriptor >= 0 else { throw StreamError(.cannotWrite, path: path, systemError: errno) }
    self.path = path == "-" ? Self.standardOutput : path
    (descriptor, destination) = opened
    buffer = ByteBuffer(capacity: Self.bufferSize)
  }

  deinit {
    guard isOpen else { return }
    close(descriptor)
    if case .temporary(let name) = destination { unlink(name) }
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
    var temporary: String?
    var code: Int32 = 0
    switch destination {
    case .direct: break
    case .unnamed: (temporary, code) = Self.name(descriptor, path)
    case .temporary(let name): temporary = name
    }
    if close(descriptor) != 0, code == 0 { code = errno }
    if let temporary, code == 0, rename(temporary, path) != 0 { code = errno }
    guard code != 0 else { return }
    if let temporary { unlink(temporary) }
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
        throw StreamError(.cannotWrite, path: path, byteOffset: path == Self.standardOutput ? nil : written, systemError: errno)
      }
    }
  }

  /// A new file without a name, in the folder where it will have one; `nil` if that cannot be made or could not be named later.
  private static func createUnnamed(beside path: String) -> (descriptor: Int32, destination: Destination)? {
    let unnamed: Int32 = 0o20_000_000 | O_DIRECTORY
    let folder = path.lastIndex(of: "/").map { path[...$0] } ?? "."
    guard access("/proc/self/fd", X_OK) == 0 else { return nil }
    let descriptor = open(String(folder), unnamed | O_WRONLY | O_CLOEXEC, 0o666)
    return descriptor >= 0 ? (descriptor, .unnamed) : nil
  }

  /// Gives a file without a name its own name, or a temporary one beside that if another file has it.
  ///
  /// - Returns: The temporary name, if there is one, and the system's error code or 0.
  private static func name(_ descriptor: Int32, _ path: String) -> (temporary: String?, code: Int32) {
    let source = "/proc/self/fd/\(descriptor)"
    if linkat(AT_FDCWD, source, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0 { return (nil, 0) }
    guard errno == EEXIST else { return (nil, errno) }
    for candidate in temporaryNames(beside: path) {
      if linkat(AT_FDCWD, source, AT_FDCWD, candidate, AT_SYMLINK_FOLLOW) == 0 { return (candidate, 0) }
      if errno != EEXIST { break }
    }
    return (nil, errno)
  }

  /// A new file in the same folder, so that renaming it stays within one file system.
  private static func createTemporary(beside path: String) -> (descriptor: Int32, destination: Destination) {
    for candidate in temporaryNames(beside: path) {
      let descriptor = open(candidate, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      if descriptor >= 0 { return (descriptor, .temporary(candidate)) }
      if errno != EEXIST { break }
    }
    return (-1, .direct)
  }

  private static func temporaryNames(beside path: String) -> some Sequence<String> {
    (0..<1000).lazy.map { "\(path).partial-\(getpid())-\($0)" }
  }
}
