/// Who sends a request: a PCIe requester id (bus, device, function: 16 bits) for VT-d, a StreamID (up to 32 bits) for SMMUv3.
@frozen public struct RequesterID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The id; a PCIe requester id occupies bits 15:0.
  public var rawValue: UInt32
  /// The requester with the given id.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
  /// The requester with the given id.
  @inlinable public init(_ rawValue: UInt32) { self.rawValue = rawValue }
  /// The PCIe requester with the given bus (0 to 255), device (0 to 31) and function (0 to 7); higher bits are dropped.
  @inlinable public init(bus: UInt8, device: UInt8, function: UInt8) {
    rawValue = UInt32(bus) << 8 | UInt32(device & 31) << 3 | UInt32(function & 7)
  }

  /// Orders requesters by id.
  @inlinable public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

  /// The PCIe bus number, bits 15:8.
  @inlinable public var bus: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 8) }
  /// The PCIe device and function numbers, bits 7:0.
  @inlinable public var deviceFunction: UInt8 { UInt8(truncatingIfNeeded: rawValue) }

  /// `bb:dd.f` for ids of 16 bits, hexadecimal for larger StreamIDs.
  public var description: String {
    guard rawValue <= 0xFFFF else { return "0x" + String(rawValue, radix: 16) }
    func hex2(_ value: UInt8) -> String { (value < 16 ? "0" : "") + String(value, radix: 16) }
    return "\(hex2(bus)):\(hex2(deviceFunction >> 3)).\(deviceFunction & 7)"
  }
}

/// A process address space id: 20 bits (VT-d PASID; SMMUv3 SubstreamID).
@frozen public struct PASID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The id, 0 to 2^20 - 1.
  public var rawValue: UInt32
  /// The PASID with the low 20 bits of the given value.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue & 0xF_FFFF }
  /// The PASID with the low 20 bits of the given value.
  @inlinable public init(_ rawValue: UInt32) { self.init(rawValue: rawValue) }

  /// The largest PASID, 2^20 - 1.
  @inlinable public static var maximum: PASID { PASID(0xF_FFFF) }

  /// Orders PASIDs by value.
  @inlinable public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

  /// The value in hexadecimal, as in `0x1f`.
  public var description: String { "0x" + String(rawValue, radix: 16) }
}
