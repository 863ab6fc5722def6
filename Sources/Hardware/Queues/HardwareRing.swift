/// A circular queue in memory whose head and tail registers hold byte offsets, as the queues of VT-d do (rev 5.10 sections 6.5.2, 7.4.1).
///
/// The queue is empty when head and tail are equal, so it holds one entry less than it has places. This is arithmetic alone: the registers and the
/// entries belong to whoever uses it, the driver on one side and the unit on the other.
@frozen public struct HardwareRing: Hashable, Sendable {
  /// Where the first entry lies; a multiple of the ring's size, or of 4 KiB if that is less.
  public let base: PhysicalAddress
  /// The logarithm of an entry's size in bytes, 0 to 12.
  public let entrySizeLog2: UInt8
  /// The logarithm of the number of places, 0 to 31.
  public let lengthLog2: UInt8

  /// A ring at `base`; logarithms out of range are taken as the largest.
  @inlinable public init(base: PhysicalAddress, entrySizeLog2: UInt8, lengthLog2: UInt8) {
    self.base = base
    self.entrySizeLog2 = min(entrySizeLog2, 12)
    self.lengthLog2 = min(lengthLog2, 31)
  }

  /// The size of the whole ring in bytes.
  @inlinable public var sizeBytes: UInt64 { 1 &<< UInt64(entrySizeLog2 &+ lengthLog2) }

  /// The most entries that the ring can hold.
  @inlinable public var capacity: UInt64 { (1 &<< UInt64(lengthLog2)) &- 1 }

  /// Whether an offset lies in the ring and is a multiple of the size of an entry.
  @inlinable public func isValid(_ offset: UInt64) -> Bool { offset & ~offsetMask == 0 }

  /// The offset of the entry after the one at `offset`, which wraps at the end of the ring.
  @inlinable public func next(_ offset: UInt64) -> UInt64 { (offset &+ 1 &<< UInt64(entrySizeLog2)) & offsetMask }

  /// Where the entry at `offset` lies; bits of the offset outside the ring are ignored.
  @inlinable public func address(_ offset: UInt64) -> PhysicalAddress { base.advanced(by: offset & offsetMask) }

  /// Whether the ring holds no entry.
  @inlinable public func isEmpty(head: UInt64, tail: UInt64) -> Bool { (head ^ tail) & offsetMask == 0 }

  /// Whether no entry can be added.
  @inlinable public func isFull(head: UInt64, tail: UInt64) -> Bool { isEmpty(head: head, tail: next(tail)) }

  /// How many entries the ring holds.
  @inlinable public func count(head: UInt64, tail: UInt64) -> UInt64 { ((tail &- head) & offsetMask) &>> UInt64(entrySizeLog2) }

  /// The bits that an offset may have.
  @inlinable var offsetMask: UInt64 { (sizeBytes &- 1) & (UInt64.max &<< UInt64(entrySizeLog2)) }
}
