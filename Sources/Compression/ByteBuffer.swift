/// Raw memory that one owner reuses: it grows on demand and never shrinks.
public struct ByteBuffer: ~Copyable {
  /// The memory; its contents are undefined until written.
  public private(set) var bytes: UnsafeMutableRawBufferPointer

  /// A buffer of `capacity` bytes, 0 or more.
  public init(capacity: Int) {
    bytes = .allocate(byteCount: max(capacity, 1), alignment: 16)
  }

  deinit { bytes.deallocate() }

  /// Makes room for `capacity` bytes; pointers into the buffer become invalid if it grows, its contents stay.
  public mutating func reserve(_ capacity: Int) {
    guard capacity > bytes.count else { return }
    let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: max(capacity, 2 * bytes.count), alignment: 16)
    larger.copyMemory(from: UnsafeRawBufferPointer(bytes))
    bytes.deallocate()
    bytes = larger
  }
}
