/// An address in one particular address space.
///
/// I/O virtual, guest physical and physical addresses are distinct types, so that only a stage of translation can turn one into
/// another. Arithmetic wraps modulo 2^64 on purpose: addresses come from traces, dumps and guest-visible structures, and a wild one
/// must be translated (and then fault), never trap the program.
public protocol Address: BitwiseCopyable, RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible
where RawValue == UInt64 {
  /// The address with the given 64-bit value.
  init(rawValue: UInt64)
}

extension Address {
  /// The address with the given 64-bit value.
  @inlinable public init(_ rawValue: UInt64) { self.init(rawValue: rawValue) }

  /// Orders addresses of one space by value.
  @inlinable public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

  /// The address `bytes` above this one, modulo 2^64.
  @inlinable public func advanced(by bytes: UInt64) -> Self { Self(rawValue: rawValue &+ bytes) }

  /// The bytes from `other` up to this address, modulo 2^64.
  @inlinable public func distance(from other: Self) -> UInt64 { rawValue &- other.rawValue }

  /// The number of the naturally aligned block of 2^`sizeLog2` bytes that holds this address; `sizeLog2` is 0 to 63.
  @inlinable public func pageNumber(_ sizeLog2: UInt8) -> UInt64 { rawValue &>> UInt64(sizeLog2) }

  /// The offset of this address in its naturally aligned block of 2^`sizeLog2` bytes.
  @inlinable public func pageOffset(_ sizeLog2: UInt8) -> UInt64 { rawValue & ((1 &<< UInt64(sizeLog2)) &- 1) }

  /// The base of the naturally aligned block of 2^`sizeLog2` bytes that holds this address.
  @inlinable public func alignedDown(_ sizeLog2: UInt8) -> Self { Self(rawValue: rawValue & (UInt64.max &<< UInt64(sizeLog2))) }

  /// Whether this address is a multiple of 2^`sizeLog2` bytes.
  @inlinable public func isAligned(_ sizeLog2: UInt8) -> Bool { pageOffset(sizeLog2) == 0 }

  /// The value in hexadecimal, as in `0x1000`.
  public var description: String { "0x" + String(rawValue, radix: 16) }
}

/// An address a device puts on the bus before any translation (VT-d: DMA address or IOVA; SMMU: input address, VA).
@frozen public struct IOVirtualAddress: Address {
  /// The 64-bit value.
  public var rawValue: UInt64
  /// The address with the given 64-bit value.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// An address between the two stages of a nested translation (VT-d: guest physical address; SMMU: intermediate physical address).
@frozen public struct GuestPhysicalAddress: Address {
  /// The 64-bit value.
  public var rawValue: UInt64
  /// The address with the given 64-bit value.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// An address of the machine's memory (VT-d: host physical address; SMMU: physical address).
@frozen public struct PhysicalAddress: Address {
  /// The 64-bit value.
  public var rawValue: UInt64
  /// The address with the given 64-bit value.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
}
