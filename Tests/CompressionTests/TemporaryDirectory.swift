import Glibc

@testable import Compression

/// A directory for the files of one test, removed with them.
final class TemporaryDirectory {
  let path: String

  init() {
    var template = Array("/tmp/iommusim-test-XXXXXX".utf8CString)
    path = mkdtemp(&template).map { String(cString: $0) } ?? "/tmp"
  }

  deinit {
    for name in names { unlink("\(path)/\(name)") }
    rmdir(path)
  }

  /// The names of the files in it.
  var names: [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// The path of a file in it.
  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Makes a file with the given bytes.
  func make(_ name: String, _ bytes: [UInt8]) throws -> String {
    var output = try OutputFile(path: file(name))
    try bytes.withUnsafeBytes { try output.write($0) }
    try output.commit()
    return file(name)
  }
}

/// The bytes of a file as it is stored.
func storedBytes(of path: String) throws -> [UInt8] {
  let file = try InputFile(path: path)
  var bytes = [UInt8](repeating: 0, count: Int(file.size ?? 0))
  _ = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
  return bytes
}

/// The bytes that a file stands for, read `step` bytes at a time.
func decompressedBytes(of path: String, step: Int = 1000) throws -> [UInt8] {
  var file = try DecompressedFile(path: path)
  let buffer = ByteBuffer(capacity: step)
  var bytes: [UInt8] = []
  while true {
    let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<step]))
    if count == 0 { return bytes }
    bytes += buffer.bytes[..<count]
  }
}

/// A zstd frame of the given content.
func frame(_ content: [UInt8]) throws -> [UInt8] {
  let encoder = try ZstdEncoder()
  let buffer = ByteBuffer(capacity: ZstdEncoder.largestFrame(contentSize: content.count))
  let size = try content.withUnsafeBytes { try encoder.encode($0, into: buffer.bytes) }
  return Array(buffer.bytes[..<size])
}
