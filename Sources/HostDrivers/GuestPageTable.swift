import Hardware

/// First-stage tables in the x86 format, and how they are to be read.
///
/// A guest's own lie in guest physical memory. For tables that a driver builds for a first stage alone, guest physical addresses are physical ones.
public struct GuestPageTable: Hashable, Sendable {
  /// The table that walks start at, a multiple of 4 KiB.
  public var root: GuestPhysicalAddress
  /// The levels of the tables, 4 or 5.
  public var levels: UInt8
  /// Privileged requests are allowed (VT-d: SRE).
  public var allowsPrivileged: Bool
  /// Privileged writes respect the write permission of pages (VT-d: WPE; CR0.WP of a processor).
  public var writeProtect: Bool
  /// Extended-accessed flags are maintained beside accessed flags (VT-d: EAFE).
  public var extendedAccessed: Bool

  /// Tables of four levels for unprivileged requests, unless said otherwise.
  public init(
    root: GuestPhysicalAddress, levels: UInt8 = 4, allowsPrivileged: Bool = false, writeProtect: Bool = false,
    extendedAccessed: Bool = false
  ) {
    self.root = root
    self.levels = levels
    self.allowsPrivileged = allowsPrivileged
    self.writeProtect = writeProtect
    self.extendedAccessed = extendedAccessed
  }
}
