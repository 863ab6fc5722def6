import Testing

@testable import Compression

@Suite struct DecompressedFileTests {
  private let directory = TemporaryDirectory()
  private let content: [UInt8] = (0..<3000).map { UInt8(truncatingIfNeeded: $0 * $0 / 7) }

  @Test("A file is decompressed because of its content, not because of its name", arguments: ["a.zst", "a.txt", "a"])
  func detection(name: String) throws {
    #expect(try decompressedBytes(of: directory.make(name, content)) == content)
    #expect(try decompressedBytes(of: directory.make(name, frame(content))) == content)
  }

  @Test("Several frames and skippable ones between them read as one", arguments: [1, 7, 100_000])
  func frames(step: Int) throws {
    let skippable: [UInt8] = [0x50, 0x2A, 0x4D, 0x18, 2, 0, 0, 0, 1, 2]
    let bytes = try frame(content) + skippable + frame([]) + frame(content) + skippable
    let path = try directory.make("frames", bytes)
    #expect(try decompressedBytes(of: path, step: step) == content + content)
  }

  @Test("What a frame without a checksum stands for is read to its end, however few bytes are asked for", arguments: [1, 7, 200, 300])
  func withoutChecksum(step: Int) throws {
    // Single segment, one byte of content size, then a last block that repeats one byte 200 times.
    let bytes: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x20, 200, 0x43, 0x06, 0x00, 65]
    #expect(try decompressedBytes(of: directory.make("rle", bytes), step: step) == [UInt8](repeating: 65, count: 200))
  }

  @Test("An empty file and one shorter than a magic number read as they are", arguments: 0...5)
  func short(count: Int) throws {
    let bytes = [UInt8](repeating: 65, count: count)
    #expect(try decompressedBytes(of: directory.make("short", bytes)) == bytes)
  }

  @Test("A file that ends inside a frame is truncated at its last byte")
  func truncation() throws {
    let bytes = try frame(content)
    for count in 4..<bytes.count {
      let path = try directory.make("cut", Array(bytes[..<count]))
      let error = #expect(throws: StreamError.self) { try decompressedBytes(of: path) }
      #expect(error?.code == .truncated)
      #expect(error?.byteOffset == UInt64(count))
    }
  }

  @Test("A flipped bit is found, or changes nothing")
  func damage() throws {
    let bytes = try frame(content)
    for index in bytes.indices {
      var flipped = bytes
      flipped[index] ^= 0x10
      let path = try directory.make("flipped", flipped)
      do throws(StreamError) {
        let found = try Self.decompressed(path)
        // A broken magic number makes it a plain file.
        #expect(found == content || index < 4 && found == flipped)
      } catch {
        #expect(error.code == .damaged || error.code == .truncated)
        #expect(error.byteOffset != nil)
      }
    }
  }

  private static func decompressed(_ path: String) throws(StreamError) -> [UInt8] {
    do {
      return try decompressedBytes(of: path)
    } catch let error as StreamError {
      throw error
    } catch {
      return []
    }
  }

  @Test("A file that is missing, or a directory, is an error that names it")
  func unreadable() {
    let missing = #expect(throws: StreamError.self) { try DecompressedFile(path: directory.file("missing")).isCompressed }
    #expect(missing?.code == .cannotOpen)
    #expect(missing?.description == "\(directory.file("missing")): No such file or directory")
    let folder = #expect(throws: StreamError.self) { try DecompressedFile(path: directory.path).isCompressed }
    #expect(folder?.code == .isDirectory)
  }
}
