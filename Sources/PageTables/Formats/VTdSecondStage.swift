import Hardware

/// VT-d second-stage paging structures (VT-d 3.7, 9.8 to 9.10): 3, 4 or 5 levels of 512 entries, pages of 4 KiB, 2 MiB and 1 GiB.
///
/// Levels by their names in the specification: 5 SS-PML5, 4 SS-PML4, 3 SS-PDPT, 2 SS-PD, 1 SS-PT.
@frozen public struct VTdSecondStage: PageTableFormat {
  /// Bits of a second-stage entry (VT-d 9.8 to 9.10).
  public enum EntryBits {
    /// R: reads are permitted.
    @inlinable public static var read: UInt64 { 1 << 0 }
    /// W: writes are permitted.
    @inlinable public static var write: UInt64 { 1 << 1 }
    /// PS: the entry of a directory maps a large page.
    @inlinable public static var pageSize: UInt64 { 1 << 7 }
    /// A: accessed.
    @inlinable public static var accessed: UInt64 { 1 << 8 }
    /// D: dirty, in a leaf.
    @inlinable public static var dirty: UInt64 { 1 << 9 }
    /// SNP: snoop, in a leaf.
    @inlinable public static var snoop: UInt64 { 1 << 11 }
    /// Bit 62: transient mapping up to revision 3.1, reserved since.
    @inlinable public static var transientMapping: UInt64 { 1 << 62 }
    /// The address field.
    @inlinable public static var address: UInt64 { UInt64.mask(bits: 12...51) }
  }

  /// What a unit's capabilities say of the format.
  public struct Features: Hashable, Sendable {
    /// The host address width in bits, 12 to 52: address bits from here to 51 are reserved.
    public var hostAddressWidth: UInt8
    /// Leaves of 2 MiB (CAP.SSLPS bit 0).
    public var pages2M: Bool
    /// Leaves of 1 GiB (CAP.SSLPS bit 1).
    public var pages1G: Bool
    /// SNP may be set in leaves (ECAP.SC).
    public var snoopControl: Bool
    /// Bit 62 of a leaf is a defined hint (revisions up to 3.1 with device-TLBs) rather than reserved.
    public var transientMapping: Bool
    /// Demand is compared with the accumulated rights at every level, not once at the leaf.
    public var checksRightsAtEveryLevel: Bool
    /// An output in the interrupt range is reported before missing rights.
    public var checksOutputBeforeRights: Bool
    /// The accessed flag is set in a leaf, too, that refuses the request.
    public var marksRefusingLeaves: Bool

    /// The features of a current unit with a host address width of 52 bits, all page sizes and snoop control.
    public init(
      hostAddressWidth: UInt8 = 52, pages2M: Bool = true, pages1G: Bool = true, snoopControl: Bool = true,
      transientMapping: Bool = false, checksRightsAtEveryLevel: Bool = false, checksOutputBeforeRights: Bool = true,
      marksRefusingLeaves: Bool = false
    ) {
      self.hostAddressWidth = hostAddressWidth
      self.pages2M = pages2M
      self.pages1G = pages1G
      self.snoopControl = snoopControl
      self.transientMapping = transientMapping
      self.checksRightsAtEveryLevel = checksRightsAtEveryLevel
      self.checksOutputBeforeRights = checksOutputBeforeRights
      self.marksRefusingLeaves = marksRefusingLeaves
    }
  }

  /// The level at which walks start: 3, 4 or 5 for adjusted guest address widths of 39, 48 and 57 bits.
  public let rootLevel: UInt8
  /// Whether hardware sets A and D (PASID entry SSADE).
  public let updatesFlags: Bool
  /// Whether walks are coherent, so that flags may be updated (PASID entry PWSNP).
  public let canUpdate: Bool
  /// Demand is compared with the accumulated rights at every level, not once at the leaf.
  public let checksRightsAtEveryLevel: Bool
  /// An output in the interrupt range is reported before missing rights.
  public let checksOutputBeforeRights: Bool
  /// The accessed flag is set in a leaf, too, that refuses the request.
  public let marksRefusingLeaves: Bool

  // An entry is plain if these bits of it are exactly those that must be set.
  @usableFromInline let checkedInTable: UInt64
  @usableFromInline let checkedInLeaf: UInt64
  @usableFromInline let neededInTable: UInt64
  @usableFromInline let neededFlags: UInt64
  @usableFromInline let neededDirty: UInt64
  @usableFromInline let reservedInTable: UInt64
  @usableFromInline let reservedInLeaf4K: UInt64
  @usableFromInline let reservedInLeaf2M: UInt64
  @usableFromInline let reservedInLeaf1G: UInt64

  /// The format with the given number of levels.
  ///
  /// - Parameters:
  ///   - levels: 3, 4 or 5; anything else is taken to the nearest of them.
  ///   - features: What the unit supports.
  ///   - accessedDirty: Whether hardware sets A and D.
  ///   - coherent: Whether walks snoop, without which flags cannot be updated.
  public init(levels: UInt8, features: Features = Features(), accessedDirty: Bool = false, coherent: Bool = true) {
    rootLevel = min(max(levels, 3), 5)
    updatesFlags = accessedDirty
    canUpdate = coherent
    checksRightsAtEveryLevel = features.checksRightsAtEveryLevel
    checksOutputBeforeRights = features.checksOutputBeforeRights
    marksRefusingLeaves = features.marksRefusingLeaves
    let width = Int(min(max(features.hostAddressWidth, 12), 52))
    let beyondWidth = width == 52 ? 0 : UInt64.mask(bits: width...51)
    let bit62 = features.transientMapping ? 0 : EntryBits.transientMapping
    let leaf = beyondWidth | bit62 | (features.snoopControl ? 0 : EntryBits.snoop)
    neededFlags = accessedDirty ? EntryBits.accessed : 0
    neededDirty = accessedDirty ? EntryBits.dirty : 0
    // Rights that are checked at every level make no table entry plain: no entry is 1 in no bits.
    let table = beyondWidth | EntryBits.transientMapping | EntryBits.snoop | EntryBits.pageSize | neededFlags
    checkedInTable = features.checksRightsAtEveryLevel ? 0 : table
    neededInTable = features.checksRightsAtEveryLevel ? 1 : neededFlags
    checkedInLeaf = leaf | neededFlags
    reservedInTable = beyondWidth | EntryBits.transientMapping | EntryBits.snoop
    reservedInLeaf4K = leaf
    // An unsupported page size makes PS itself the reserved bit.
    reservedInLeaf2M = leaf | UInt64.mask(bits: 12...20) | (features.pages2M ? 0 : EntryBits.pageSize)
    reservedInLeaf1G = leaf | UInt64.mask(bits: 12...29) | (features.pages1G ? 0 : EntryBits.pageSize)
  }

  /// The adjusted guest address width in bits: 39, 48 or 57.
  @inlinable public var addressWidth: UInt8 { 12 &+ 9 &* rootLevel }

  /// 12, 21, 30, 39 or 48.
  @inlinable public func entrySizeLog2(level: UInt8) -> UInt8 { 3 &+ 9 &* level }

  /// Nine bits of the input select one of 512 entries of 8 bytes.
  @inlinable public func entryOffset<Input: Address>(_ input: Input, level: UInt8) -> UInt64 {
    (input.rawValue &>> UInt64(truncatingIfNeeded: 9 &* level)) & 0xFF8
  }

  /// Not present if R and W are both clear, whatever else is set; then reserved bits; then PS (VT-d 9.8 to 9.10).
  @inlinable public func classify(_ entry: UInt64, level: UInt8) -> EntryClass {
    if entry & (EntryBits.read | EntryBits.write) == 0 { return .notPresent }
    if level == 1 { return entry & reservedInLeaf4K == 0 ? .leaf : .malformed }
    if entry & EntryBits.pageSize == 0 { return entry & reservedInTable == 0 ? .table : .malformed }
    // PS is reserved in PML4 and PML5 entries.
    if level > 3 { return .malformed }
    return entry & (level == 2 ? reservedInLeaf2M : reservedInLeaf1G) == 0 ? .leaf : .malformed
  }

  /// R or W is set, A as well if it is kept, and neither PS nor a reserved bit.
  @inlinable public func isPlainTable(_ entry: UInt64) -> Bool {
    entry & checkedInTable == neededInTable && entry & (EntryBits.read | EntryBits.write) != 0
  }

  /// R or W is set, A and D as well if they are kept, and no reserved bit.
  @inlinable public func isPlainLeaf(_ entry: UInt64, dirty: Bool) -> Bool {
    let needed = neededFlags | (dirty ? neededDirty : 0)
    return entry & (checkedInLeaf | needed) == needed && entry & (EntryBits.read | EntryBits.write) != 0
  }

  /// Bits 51:12.
  @inlinable public func nextTable<Table: Address>(_ entry: UInt64, level: UInt8) -> Table { Table(rawValue: entry & EntryBits.address) }

  /// Bits 51:12; the low bits of a large page's field are zero by the reserved-bit check.
  @inlinable public func pageBase<Output: Address>(_ entry: UInt64, level: UInt8) -> Output { Output(rawValue: entry & EntryBits.address) }

  /// R and W, for any privilege; execution is not controlled.
  @inlinable public func rights(_ entry: UInt64, level: UInt8) -> AccessRights {
    AccessRights(both: Permissions(rawValue: UInt8(truncatingIfNeeded: entry & 3) | Permissions.execute.rawValue))
  }

  /// Sets A, and D in a leaf that is written, if flags are updated at all.
  @inlinable public func updated(_ entry: UInt64, isLeaf: Bool, dirty: Bool) -> UInt64 {
    guard updatesFlags else { return entry }
    return entry | EntryBits.accessed | (isLeaf && dirty ? EntryBits.dirty : 0)
  }

  /// D is clear while flags are updated.
  @inlinable public func needsDirtyUpdate(_ entry: UInt64) -> Bool { updatesFlags && entry & EntryBits.dirty == 0 }

  /// The interrupt address range FEEx_xxxx cannot be an output (VT-d 3.14: fault LGN.4 or SGN.8).
  @inlinable public func forbids<Output: Address>(_ output: Output) -> Bool { InterruptAddressRange.contains(output) }

  /// A large page may contain the interrupt address range.
  @inlinable public func forbids<Output: Address>(overlapping base: Output, sizeLog2: UInt8) -> Bool {
    InterruptAddressRange.overlaps(base, sizeLog2: sizeLog2)
  }

  /// SNP is set.
  @inlinable public func forcesSnoop(_ entry: UInt64) -> Bool { entry & EntryBits.snoop != 0 }

  /// A non-leaf entry with R and W set.
  @inlinable public func tableEntry<Table: Address>(_ table: Table, level: UInt8) -> UInt64 {
    table.rawValue & EntryBits.address | EntryBits.read | EntryBits.write
  }

  /// A leaf with PS where the level needs it.
  @inlinable public func leafEntry<Output: Address>(_ output: Output, level: UInt8, permissions: Permissions) -> UInt64 {
    output.rawValue & EntryBits.address | UInt64(permissions.rawValue & 3) | (level > 1 ? EntryBits.pageSize : 0)
  }

  /// The same leaf, without PS if it becomes one of 4 KiB.
  @inlinable public func splitEntry(_ entry: UInt64, level: UInt8) -> UInt64 { level == 2 ? entry & ~EntryBits.pageSize : entry }

  /// Levels 1 to 3, large pages by capability.
  @inlinable public func allowsLeaf(level: UInt8) -> Bool {
    switch level {
    case 1: true
    case 2: reservedInLeaf2M & EntryBits.pageSize == 0
    case 3: reservedInLeaf1G & EntryBits.pageSize == 0
    default: false
    }
  }

  /// 512.
  @inlinable public func entryCount(level: UInt8) -> Int { 512 }

  /// Inputs below 2^39, 2^48 or 2^57.
  @inlinable public func covers<Input: Address>(_ input: Input) -> Bool { input.rawValue >> UInt64(addressWidth) == 0 }
}

/// VT-d's interrupt address range FEE0_0000 to FEEF_FFFF (VT-d 3.14): requests there are interrupts, and nothing translates to it.
public enum InterruptAddressRange {
  /// The first address of the range.
  @inlinable public static var start: UInt64 { 0xFEE0_0000 }
  /// The bytes in the range.
  @inlinable public static var length: UInt64 { 0x10_0000 }

  /// Whether the address lies in the range.
  @inlinable @inline(__always) public static func contains<A: Address>(_ address: A) -> Bool { address.rawValue &- start < length }

  /// Whether the naturally aligned block of 2^`sizeLog2` bytes at `base` shares an address with the range.
  @inlinable @inline(__always) public static func overlaps<A: Address>(_ base: A, sizeLog2: UInt8) -> Bool {
    let size: UInt64 = 1 &<< UInt64(sizeLog2)
    return base.rawValue < start &+ length && base.rawValue &+ size > start
  }
}
