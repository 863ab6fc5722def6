/// What a memory access does: the operation a translation must permit.
@frozen public enum AccessKind: UInt8, Sendable, Hashable, CaseIterable {
  /// A memory read.
  case read = 0
  /// A memory write.
  case write = 1
  /// An AtomicOp: reads and writes in one.
  case atomic = 2

  /// Whether the operation needs write permission.
  @inlinable public var writes: Bool { self != .read }
  /// Whether the operation needs read permission.
  @inlinable public var reads: Bool { self != .write }
}

/// Permissions of a translation, or the demands of an access.
@frozen public struct Permissions: OptionSet, Sendable, Hashable, CustomStringConvertible {
  /// Bit 0 read, bit 1 write, bit 2 execute.
  public var rawValue: UInt8
  /// The permissions with the given bits.
  @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Reading is allowed.
  @inlinable public static var read: Permissions { Permissions(rawValue: 1) }
  /// Writing is allowed.
  @inlinable public static var write: Permissions { Permissions(rawValue: 2) }
  /// Fetching instructions is allowed.
  @inlinable public static var execute: Permissions { Permissions(rawValue: 4) }
  /// Reading and writing.
  @inlinable public static var readWrite: Permissions { [.read, .write] }

  /// What an access of the given kind demands.
  @inlinable public init(for kind: AccessKind) {
    // read -> 1, write -> 2, atomic -> 3
    rawValue = kind.rawValue &+ 1
  }

  /// The letters `r`, `w`, `x` of what is allowed, `-` for what is not.
  public var description: String {
    (contains(.read) ? "r" : "-") + (contains(.write) ? "w" : "-") + (contains(.execute) ? "x" : "-")
  }
}

/// The sizes of pages in bytes, by name of their base-2 logarithm.
public enum PageSizeLog2 {
  /// 4 KiB.
  @inlinable public static var size4K: UInt8 { 12 }
  /// 16 KiB.
  @inlinable public static var size16K: UInt8 { 14 }
  /// 64 KiB.
  @inlinable public static var size64K: UInt8 { 16 }
  /// 2 MiB.
  @inlinable public static var size2M: UInt8 { 21 }
  /// 1 GiB.
  @inlinable public static var size1G: UInt8 { 30 }
}
