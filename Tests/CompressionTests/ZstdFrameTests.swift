import Testing

@testable import Compression

@Suite struct ZstdFrameTests {
  @Test("A frame declares its size and ends with the low half of its content's XXH64 digest")
  func facts() throws {
    // The digests are 0xEF46DB3751D8E999 and 0x44BC2CF5AD770999.
    let empty = try frame([])
    #expect(empty.withUnsafeBytes { ZstdFrame.checksum(of: $0) } == 0x51D8_E999)
    let whole = try frame(Array("abc".utf8))
    #expect(whole.withUnsafeBytes { ZstdFrame.checksum(of: $0) } == 0xAD77_0999)
    #expect(whole.withUnsafeBytes { ZstdFrame.contentSize(of: $0) } == 3)
  }

  @Test("The extent of a frame is known as soon as it is whole, whatever follows")
  func extent() throws {
    let whole = try frame(Array("abcabcabcabc".utf8))
    for count in 0..<whole.count {
      #expect(whole[..<count].withUnsafeBytes { ZstdFrame.extent(of: $0) } == .incomplete)
    }
    #expect((whole + [1, 2, 3]).withUnsafeBytes { ZstdFrame.extent(of: $0) } == .complete(whole.count))
  }

  @Test("Bytes that are no frame have no extent")
  func invalid() {
    let bytes = Array("this is text, not zstd".utf8)
    let extent = bytes.withUnsafeBytes { ZstdFrame.extent(of: $0) }
    guard case .invalid = extent else {
      Issue.record("found \(extent)")
      return
    }
    #expect(!bytes.withUnsafeBytes { ZstdFrame.begins($0) })
  }

  @Test("A skippable frame is told from one with data")
  func skippable() throws {
    let skippable: [UInt8] = [0x5E, 0x2A, 0x4D, 0x18, 1, 0, 0, 0, 42]
    #expect(skippable.withUnsafeBytes { ZstdFrame.beginsSkippable($0) })
    #expect(skippable.withUnsafeBytes { ZstdFrame.extent(of: $0) } == .complete(9))
    let data = try frame([1])
    #expect(!data.withUnsafeBytes { ZstdFrame.beginsSkippable($0) })
  }

  @Test("A damaged frame is not decompressed")
  func damage() throws {
    let decoder = try ZstdDecoder()
    let buffer = ByteBuffer(capacity: 64)
    var bytes = try frame(Array("some content".utf8))
    bytes[bytes.count - 1] ^= 1
    #expect(throws: ZstdError.self) { try bytes.withUnsafeBytes { try decoder.decode(frame: $0, into: buffer.bytes) } }
  }
}
