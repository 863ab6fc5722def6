import Glibc
import Testing

@testable import Compression

@Suite struct OutputFileTests {
  private let directory = TemporaryDirectory()

  private func write(_ text: String, to path: String, commit: Bool) throws {
    var output = try OutputFile(path: path)
    try Array(text.utf8).withUnsafeBytes { try output.write($0) }
    if commit { try output.commit() }
  }

  @Test("A file that is not committed leaves what was there, and no trace of itself")
  func abandoned() throws {
    let path = directory.file("kept")
    try write("old", to: path, commit: true)
    try write("new", to: path, commit: false)
    #expect(try storedBytes(of: path) == Array("old".utf8))
    #expect(directory.names == ["kept"])
  }

  @Test("A file that is being written has no name, so that nothing is left behind if the program is killed")
  func unnamed() throws {
    var output = try OutputFile(path: directory.file("new"))
    try [UInt8](repeating: 1, count: 200_000).withUnsafeBytes { try output.write($0) }
    // Not every file system has files without a name.
    let hasUnnamed = open(directory.path, 0o20_000_000 | O_DIRECTORY | O_WRONLY, 0o600) >= 0
    #expect(directory.names.isEmpty == hasUnnamed)
    try output.commit()
    #expect(directory.names == ["new"])
  }

  @Test("Standard output is called that in errors")
  func standardOutput() throws {
    let output = try OutputFile(path: "-")
    #expect(output.path == "standard output")
  }

  @Test("A committed file replaces what was there")
  func committed() throws {
    let path = directory.file("replaced")
    try write("old", to: path, commit: true)
    try write("new", to: path, commit: true)
    #expect(try storedBytes(of: path) == Array("new".utf8))
    #expect(directory.names == ["replaced"])
  }

  @Test("Bytes come out in order, whatever the sizes they are written in")
  func order() throws {
    var expected: [UInt8] = []
    var output = try OutputFile(path: directory.file("order"))
    for size in [0, 1, 65_535, 2, 200_000, 65_536, 3] {
      let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &+ size) }
      expected += bytes
      try bytes.withUnsafeBytes { try output.write($0) }
      let written = output.byteCount
      #expect(written == UInt64(expected.count))
    }
    try output.commit()
    #expect(try storedBytes(of: directory.file("order")) == expected)
  }

  @Test("A symbolic link is written through, not replaced")
  func link() throws {
    try write("old", to: directory.file("target"), commit: true)
    #expect(symlink(directory.file("target"), directory.file("link")) == 0)
    try write("new", to: directory.file("link"), commit: true)
    #expect(try storedBytes(of: directory.file("target")) == Array("new".utf8))
    var status = stat()
    #expect(lstat(directory.file("link"), &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
  }

  @Test("A pipe is written to, not replaced")
  func pipe() throws {
    let path = directory.file("pipe")
    #expect(mkfifo(path, 0o600) == 0)
    let reader = open(path, O_RDONLY | O_NONBLOCK)
    defer { close(reader) }
    try write("new", to: path, commit: true)
    var bytes = [UInt8](repeating: 0, count: 10)
    let count = read(reader, &bytes, bytes.count)
    #expect(bytes.prefix(max(count, 0)) == ArraySlice("new".utf8))
    #expect(directory.names == ["pipe"])
  }

  @Test("A full device, a missing directory and a directory in place of the file are errors that say so")
  func failures() {
    // The device is reached through a link, so that a writer gone wrong replaces the link and not the device.
    let device = directory.file("full")
    #expect(symlink("/dev/full", device) == 0)
    let full = #expect(throws: StreamError.self) { try write("x", to: device, commit: true) }
    #expect(full?.code == .cannotWrite)
    #expect(full?.message == "No space left on device")
    let missing = #expect(throws: StreamError.self) { try OutputFile(path: directory.file("no/such/place")).byteCount }
    #expect(missing?.code == .cannotWrite)
    let folder = #expect(throws: StreamError.self) { try OutputFile(path: directory.path).byteCount }
    #expect(folder?.code == .isDirectory)
  }
}
