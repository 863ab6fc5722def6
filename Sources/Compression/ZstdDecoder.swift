import CZstd

/// Decompresses zstd data, a frame at a time or as a stream.
public struct ZstdDecoder: ~Copyable {
  /// How far a step of streaming decompression came.
  public struct Progress: Equatable, Sendable {
    /// Bytes taken from the input.
    public var consumed: Int
    /// Bytes put into the output.
    public var produced: Int
    /// Whether a frame has just ended, with all its content delivered.
    public var endsFrame: Bool
  }

  private let context: OpaquePointer

  /// A decoder at the start of a frame.
  public init() throws(ZstdError) {
    guard let context = ZSTD_createDCtx() else { throw ZstdError(message: "zstd: no memory for a decoder") }
    self.context = context
  }

  deinit { ZSTD_freeDCtx(context) }

  /// Decompresses one whole frame, and checks its checksum if it carries one.
  ///
  /// - Returns: The size of the content, which must fit into `content`.
  public func decode(frame: UnsafeRawBufferPointer, into content: UnsafeMutableRawBufferPointer) throws(ZstdError) -> Int {
    let size = ZSTD_decompressDCtx(context, content.baseAddress, content.count, frame.baseAddress, frame.count)
    guard ZSTD_isError(size) == 0 else { throw ZstdError(code: size) }
    return size
  }

  /// Decompresses as much of a stream of frames as input and output allow.
  public func decode(stream: UnsafeRawBufferPointer, into content: UnsafeMutableRawBufferPointer) throws(ZstdError) -> Progress {
    var input = ZSTD_inBuffer(src: stream.baseAddress, size: stream.count, pos: 0)
    var output = ZSTD_outBuffer(dst: content.baseAddress, size: content.count, pos: 0)
    let hint = ZSTD_decompressStream(context, &output, &input)
    guard ZSTD_isError(hint) == 0 else { throw ZstdError(code: hint) }
    return Progress(consumed: input.pos, produced: output.pos, endsFrame: hint == 0)
  }
}
