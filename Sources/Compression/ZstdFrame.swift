import CZstd

/// Facts about a zstd frame that can be told without decompressing it (RFC 8878, section 3.1).
public enum ZstdFrame {
  /// The first four bytes of a frame of compressed data, little-endian.
  public static let magic: UInt32 = 0xFD2F_B528
  /// The first four bytes of a skippable frame, the low four bits of which are free.
  public static let skippableMagic: UInt32 = 0x184D_2A50

  /// Whether bytes begin like a frame, compressed or skippable.
  public static func begins(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let word = firstWord(bytes) else { return false }
    return word == magic || word & ~0xF == skippableMagic
  }

  /// Whether bytes begin like a skippable frame.
  public static func beginsSkippable(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let word = firstWord(bytes) else { return false }
    return word & ~0xF == skippableMagic
  }

  /// The length of a frame, as far as the bytes at hand tell.
  public enum Extent: Equatable, Sendable {
    /// The frame is whole and takes this many bytes.
    case complete(Int)
    /// The frame goes on behind the bytes at hand.
    case incomplete
    /// The bytes are no frame; zstd's words for it.
    case invalid(String)
  }

  /// How long the frame is with which `bytes` begin; walks from block to block, so the cost is far below decompression.
  public static func extent(of bytes: UnsafeRawBufferPointer) -> Extent {
    let size = ZSTD_findFrameCompressedSize(bytes.baseAddress, bytes.count)
    guard ZSTD_isError(size) != 0 else { return .complete(size) }
    return ZSTD_getErrorCode(size) == ZSTD_error_srcSize_wrong ? .incomplete : .invalid(ZstdError(code: size).message)
  }

  /// The size of a frame's content as its header declares it, or nil if it declares none.
  public static func contentSize(of frame: UnsafeRawBufferPointer) -> UInt64? {
    // The last two values stand for "unknown" and "error".
    let size = ZSTD_getFrameContentSize(frame.baseAddress, frame.count)
    return size >= UInt64.max - 1 ? nil : size
  }

  /// The checksum at the end of a whole frame: the low 32 bits of the XXH64 digest (seed 0) of its content; nil if it carries none.
  public static func checksum(of frame: UnsafeRawBufferPointer) -> UInt32? {
    guard frame.count >= 9, !beginsSkippable(frame), frame[4] & 0b100 != 0 else { return nil }
    return UInt32(littleEndian: frame.loadUnaligned(fromByteOffset: frame.count - 4, as: UInt32.self))
  }

  private static func firstWord(_ bytes: UnsafeRawBufferPointer) -> UInt32? {
    guard bytes.count >= 4 else { return nil }
    return UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self))
  }
}

/// What the compression library says of bytes it cannot use.
public struct ZstdError: Error, Hashable, Sendable {
  /// zstd's own words.
  public let message: String

  init(code: Int) { message = "zstd: " + String(cString: ZSTD_getErrorName(code)) }
  init(message: String) { self.message = message }
}
