/// A circular queue in memory whose producer and consumer registers hold an index with a wrap bit above it, as the queues of SMMUv3 do
/// (IHI 0070 section 3.5.1).
///
/// The wrap bit flips each time an index passes the end. Equal index and wrap: empty; equal index and different wrap: full. Bit 31 of both
/// registers is a toggle: the producer flips it when it loses an entry because the queue is full, the consumer copies it to acknowledge.
/// This is arithmetic alone: the registers and the entries belong to whoever uses it.
@frozen public struct WrapBitRing: Hashable, Sendable {
  /// Where the first entry lies.
  public let base: PhysicalAddress
  /// The logarithm of an entry's size in bytes, 0 to 12.
  public let entrySizeLog2: UInt8
  /// The logarithm of the number of places, 0 to 19.
  public let lengthLog2: UInt8

  /// A ring at `base`; logarithms out of range are taken as the largest.
  @inlinable public init(base: PhysicalAddress, entrySizeLog2: UInt8, lengthLog2: UInt8) {
    self.base = base
    self.entrySizeLog2 = min(entrySizeLog2, 12)
    self.lengthLog2 = min(lengthLog2, 19)
  }

  /// The number of places, all of which can be filled.
  @inlinable public var capacity: UInt32 { 1 &<< UInt32(lengthLog2) }

  /// The index in a register.
  @inlinable public func index(_ register: UInt32) -> UInt32 { register & (capacity &- 1) }

  /// The register with its index, and with that the wrap bit, moved on by one entry; the bits above keep their values.
  @inlinable public func next(_ register: UInt32) -> UInt32 { register & ~position | (register &+ 1) & position }

  /// Where the entry lies that a register points to.
  @inlinable public func address(_ register: UInt32) -> PhysicalAddress {
    base.advanced(by: UInt64(index(register)) &<< UInt64(entrySizeLog2))
  }

  /// Whether the ring holds no entry.
  @inlinable public func isEmpty(producer: UInt32, consumer: UInt32) -> Bool { (producer ^ consumer) & position == 0 }

  /// Whether no entry can be added.
  @inlinable public func isFull(producer: UInt32, consumer: UInt32) -> Bool { (producer ^ consumer) & position == capacity }

  /// How many entries the ring holds; above `capacity` if the registers contradict each other.
  @inlinable public func count(producer: UInt32, consumer: UInt32) -> UInt32 { (producer &- consumer) & position }

  /// Whether entries were lost that the consumer has not acknowledged.
  @inlinable public static func hasOverflowed(producer: UInt32, consumer: UInt32) -> Bool { (producer ^ consumer)[bit: 31] }

  /// The producer register after an entry was lost: flipped once, and left alone until the consumer has acknowledged.
  @inlinable public static func overflow(producer: UInt32, consumer: UInt32) -> UInt32 {
    hasOverflowed(producer: producer, consumer: consumer) ? producer : producer ^ 1 &<< 31
  }

  /// The consumer register that acknowledges the producer's overflow.
  @inlinable public static func acknowledge(producer: UInt32, consumer: UInt32) -> UInt32 { consumer & ~(1 &<< 31) | producer & 1 &<< 31 }

  /// The bits of index and wrap.
  @inlinable var position: UInt32 { 2 &* capacity &- 1 }
}
