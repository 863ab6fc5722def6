import Compression

/// Reads single frames of a container and checks each against what the seek table says of it.
struct FrameReader: ~Copyable {
  /// A frame and its content, valid until the next one is read; 8 more bytes can be read behind the content.
  struct Frame {
    var content: UnsafeRawBufferPointer
    var entry: SeekTable.Entry
  }

  let file: InputFile
  /// The size of the file in bytes.
  let size: UInt64

  private var stored = ByteBuffer(capacity: 1 << 16)
  private var content = ByteBuffer(capacity: 1 << 16)
  private let decoder: ZstdDecoder

  private static let readableBehindContent = 8
  private static let firstGuess = 1 << 18
  private static let magic: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD]

  init(path: String) throws(TraceError) {
    let file = try TraceError.wrap { () throws(StreamError) in try InputFile(path: path) }
    guard let size = file.size else {
      throw TraceError(.unreadable, path: path, message: "not a regular file; a trace container must be seekable")
    }
    guard size > 0 else { throw TraceError(.notATrace, path: path, byteOffset: 0, message: "file is empty, expected a trace") }
    do throws(ZstdError) {
      decoder = try ZstdDecoder()
    } catch {
      throw TraceError(.unreadable, path: path, message: error.message)
    }
    self.file = file
    self.size = size
  }

  /// Reads the frame that begins at byte `offset`.
  ///
  /// - Parameters:
  ///   - expected: What the seek table says of it, or nil if there is no table.
  ///   - block: The number of the block, for errors; nil for the header.
  ///   - maximumContent: The most content the frame may have, in bytes.
  mutating func frame(
    at offset: UInt64, expected: SeekTable.Entry?, block: Int?, maximumContent: Int
  ) throws(TraceError) -> Frame {
    let path = file.path
    func damage(_ message: String) -> TraceError {
      TraceError(.damaged, path: path, block: block, byteOffset: offset, message: message)
    }
    let maximumSize = ZstdEncoder.largestFrame(contentSize: maximumContent)
    let frame = try fetch(at: offset, expected: expected.map { Int($0.compressedSize) }, block: block, maximumSize: maximumSize)
    guard let contentSize = ZstdFrame.contentSize(of: frame), contentSize <= UInt64(maximumContent) else {
      throw damage("frame does not declare a content of up to \(maximumContent) bytes")
    }
    guard let checksum = ZstdFrame.checksum(of: frame) else { throw damage("frame has no checksum") }
    let entry = SeekTable.Entry(
      compressedSize: UInt32(truncatingIfNeeded: frame.count), contentSize: UInt32(truncatingIfNeeded: contentSize), checksum: checksum)
    guard expected == nil || expected == entry else {
      throw damage("frame of \(contentSize) bytes of content and its entry in the seek table differ")
    }
    content.reserve(Int(contentSize) + Self.readableBehindContent)
    let decoded: Int
    do throws(ZstdError) {
      decoded = try decoder.decode(frame: frame, into: UnsafeMutableRawBufferPointer(rebasing: content.bytes[..<Int(contentSize)]))
    } catch {
      throw damage("frame is damaged (\(error.message))")
    }
    guard decoded == Int(contentSize) else { throw damage("frame declares \(contentSize) bytes of content and holds \(decoded)") }
    return Frame(content: UnsafeRawBufferPointer(rebasing: content.bytes[..<Int(contentSize)]), entry: entry)
  }

  /// Reads the bytes of a whole frame, whose size is looked for if it is not known.
  private mutating func fetch(
    at offset: UInt64, expected: Int?, block: Int?, maximumSize: Int
  ) throws(TraceError) -> UnsafeRawBufferPointer {
    let path = file.path
    let rest = Int(clamping: size - min(offset, size))
    var count = min(expected ?? Self.firstGuess, rest, maximumSize)
    while true {
      stored.reserve(count)
      let target = UnsafeMutableRawBufferPointer(rebasing: stored.bytes[..<count])
      let filled = try fill(target, at: offset)
      let bytes = UnsafeRawBufferPointer(rebasing: target[..<filled])
      guard ZstdFrame.begins(bytes) || (filled < 4 && bytes.elementsEqual(Self.magic.prefix(filled))) else {
        let start = bytes.prefix(4)
        let found = start.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
        let isText =
          block == nil && start.count == 4 && start.allSatisfy { (0x20..<0x7F).contains($0) || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
        throw TraceError(
          block == nil ? .notATrace : .damaged, path: path, block: block, byteOffset: offset,
          message: "expected a zstd frame (28 b5 2f fd), found \(found)"
            + (isText ? "; 'iommusim trace convert --from text' makes a container of a trace in text form" : ""))
      }
      switch ZstdFrame.extent(of: bytes) {
      case .complete(let length):
        guard expected == nil || expected == length else {
          throw TraceError(
            .damaged, path: path, block: block, byteOffset: offset,
            message: "frame of \(length) bytes, the seek table says \(expected ?? 0)")
        }
        return UnsafeRawBufferPointer(rebasing: bytes[..<length])
      case .invalid(let message):
        throw TraceError(.damaged, path: path, block: block, byteOffset: offset, message: "frame is damaged (\(message))")
      case .incomplete where expected == nil && count < min(rest, maximumSize):
        count = min(2 * count, rest, maximumSize)
      case .incomplete where filled == rest && expected ?? rest >= rest:
        throw TraceError(
          .truncated, path: path, block: block, byteOffset: offset + UInt64(filled), message: "file ends in the middle of a frame")
      case .incomplete:
        throw TraceError(
          .damaged, path: path, block: block, byteOffset: offset,
          message: "frame is longer than \(expected ?? maximumSize) bytes, which it should not exceed")
      }
    }
  }

  /// Whether the file ends at a byte or goes on there with a skippable frame: where the seek table belongs.
  func hasNoBlock(at offset: UInt64) throws(TraceError) -> Bool {
    let start = ByteBuffer(capacity: 4)
    let filled = try fill(start.bytes, at: offset)
    return filled == 0 || ZstdFrame.beginsSkippable(UnsafeRawBufferPointer(rebasing: start.bytes[..<filled]))
  }

  private func fill(_ target: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(TraceError) -> Int {
    do throws(StreamError) {
      return try file.read(into: target, at: offset)
    } catch {
      throw TraceError(error)
    }
  }
}
