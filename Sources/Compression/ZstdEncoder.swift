import CZstd

/// Compresses data into independent zstd frames that declare their size and end with a checksum.
public struct ZstdEncoder: ~Copyable {
  /// The compression levels zstd offers; 3 is its default.
  public static let levels: ClosedRange<Int> = 1...19

  private let context: OpaquePointer

  /// An encoder of the given level, which is brought into `levels`.
  public init(level: Int = 3) throws(ZstdError) {
    guard let context = ZSTD_createCCtx() else { throw ZstdError(message: "zstd: no memory for an encoder") }
    self.context = context
    let bounded = min(max(level, Self.levels.lowerBound), Self.levels.upperBound)
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, Int32(bounded))
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
  }

  deinit { ZSTD_freeCCtx(context) }

  /// The largest frame that `size` bytes of content can give.
  public static func largestFrame(contentSize size: Int) -> Int { ZSTD_compressBound(size) }

  /// Compresses `content` into one frame at the start of `frame`.
  ///
  /// - Returns: The size of the frame, at most `largestFrame(contentSize:)`.
  public func encode(_ content: UnsafeRawBufferPointer, into frame: UnsafeMutableRawBufferPointer) throws(ZstdError) -> Int {
    let size = ZSTD_compress2(context, frame.baseAddress, frame.count, content.baseAddress, content.count)
    guard ZSTD_isError(size) == 0 else { throw ZstdError(code: size) }
    return size
  }
}
