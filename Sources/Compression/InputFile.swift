import Glibc

/// A file open for reading; `-` names standard input.
public struct InputFile: ~Copyable {
  /// The path as given, or what standard input is called.
  public let path: String
  /// The size in bytes of a regular file; nil for pipes, terminals and devices, which can only be read from front to back.
  public let size: UInt64?

  private let descriptor: Int32

  /// Opens the file.
  ///
  /// - Throws: `StreamError.Code.isDirectory` for a directory, `.cannotOpen` if the operating system refuses.
  public init(path: String) throws(StreamError) {
    let descriptor = path == "-" ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw StreamError(.cannotOpen, path: path, systemError: errno) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let code = errno
      close(descriptor)
      throw StreamError(.cannotOpen, path: path, systemError: code)
    }
    guard status.st_mode & S_IFMT != S_IFDIR else {
      close(descriptor)
      throw StreamError(.isDirectory, path: path, message: "is a directory, expected a file")
    }
    self.path = path == "-" ? "standard input" : path
    self.descriptor = descriptor
    size = status.st_mode & S_IFMT == S_IFREG ? UInt64(max(status.st_size, 0)) : nil
  }

  deinit { close(descriptor) }

  /// Reads the next bytes of the file, at least one of them unless it has ended.
  ///
  /// - Returns: How many bytes were read; 0 at the end of the file.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws(StreamError) -> Int {
    while true {
      let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
      if count >= 0 { return count }
      guard errno == EINTR else { throw StreamError(.cannotRead, path: path, systemError: errno) }
    }
  }

  /// Fills the buffer with the bytes of a regular file from `offset` on.
  ///
  /// - Returns: How many bytes were read; fewer than the buffer holds only if the file ends there.
  public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(StreamError) -> Int {
    var filled = 0
    while filled < buffer.count {
      guard let position = off_t(exactly: offset + UInt64(filled)) else { break }
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
      let count = pread(descriptor, rest.baseAddress, rest.count, position)
      if count == 0 { break }
      if count > 0 {
        filled += count
      } else if errno != EINTR {
        throw StreamError(.cannotRead, path: path, byteOffset: offset + UInt64(filled), systemError: errno)
      }
    }
    return filled
  }
}
