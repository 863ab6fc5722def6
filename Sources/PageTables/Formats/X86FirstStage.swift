import Hardware

/// VT-d first-stage paging structures, the format of x86-64 processors (VT-d 5.10, 9.6 to 9.7): 4 or 5 levels of 512 entries, pages of 4 KiB,
/// 2 MiB and 1 GiB.
///
/// Levels by their names in the specification: 5 FS-PML5, 4 FS-PML4, 3 FS-PDPT, 2 FS-PD, 1 FS-PT. Whether an address is canonical, and
/// whether supervisor requests are served at all (SRE), is decided before any table is read and not here.
@frozen public struct X86FirstStage: PageTableFormat {
  /// Bits of a first-stage entry (VT-d 5.10, 9.6).
  public enum EntryBits {
    /// P: the entry is present.
    @inlinable public static var present: UInt64 { 1 << 0 }
    /// R/W: writes are permitted.
    @inlinable public static var write: UInt64 { 1 << 1 }
    /// U/S: user requests are permitted.
    @inlinable public static var user: UInt64 { 1 << 2 }
    /// A: accessed.
    @inlinable public static var accessed: UInt64 { 1 << 5 }
    /// D: dirty, in a leaf.
    @inlinable public static var dirty: UInt64 { 1 << 6 }
    /// PS: the entry of a directory maps a large page.
    @inlinable public static var pageSize: UInt64 { 1 << 7 }
    /// PAT: part of the memory type, in a leaf of 4 KiB.
    @inlinable public static var pageAttribute: UInt64 { 1 << 7 }
    /// PAT: part of the memory type, in a larger leaf.
    @inlinable public static var largePageAttribute: UInt64 { 1 << 12 }
    /// EA: extended accessed.
    @inlinable public static var extendedAccessed: UInt64 { 1 << 10 }
    /// The address field.
    @inlinable public static var address: UInt64 { UInt64.mask(bits: 12...51) }
    /// XD: instructions must not be fetched; ignored from revision 4.1 on.
    @inlinable public static var executeDisable: UInt64 { 1 << 63 }
  }

  /// What a unit's capabilities and the specification's revision say of the format.
  public struct Features: Hashable, Sendable {
    /// The host address width in bits, 12 to 52: address bits from here to 51 are reserved, in nested translation too.
    public var hostAddressWidth: UInt8
    /// Leaves of 1 GiB (CAP.FS1GP).
    public var pages1G: Bool
    /// Demand is compared with the accumulated rights at every level, not once at the leaf.
    public var checksRightsAtEveryLevel: Bool
    /// An output in the interrupt range is reported before missing rights.
    public var checksOutputBeforeRights: Bool
    /// The accessed flag is set in a leaf, too, that refuses the request.
    public var marksRefusingLeaves: Bool

    /// The features of a current unit with a host address width of 52 bits and all page sizes.
    public init(
      hostAddressWidth: UInt8 = 52, pages1G: Bool = true, checksRightsAtEveryLevel: Bool = false, checksOutputBeforeRights: Bool = true,
      marksRefusingLeaves: Bool = false
    ) {
      self.hostAddressWidth = hostAddressWidth
      self.pages1G = pages1G
      self.checksRightsAtEveryLevel = checksRightsAtEveryLevel
      self.checksOutputBeforeRights = checksOutputBeforeRights
      self.marksRefusingLeaves = marksRefusingLeaves
    }
  }

  /// The rules on fetching instructions of revisions before 4.1; since then requests to execute are refused before any table is read.
  public struct ExecuteRules: OptionSet, Hashable, Sendable {
    /// Bit 0 NXE, bit 1 SMEP.
    public var rawValue: UInt8
    /// The rules with the given bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// XD counts (PASID entry NXE); otherwise it is ignored.
    public static let noExecute = ExecuteRules(rawValue: 1)
    /// Privileged requests fetch nothing from pages open to user requests (PASID entry SMEP).
    public static let supervisorMode = ExecuteRules(rawValue: 2)
  }

  /// The level at which walks start: 4 or 5 for inputs of 48 or 57 bits.
  public let rootLevel: UInt8
  /// Whether walks are coherent, so that flags may be updated (PASID entry PWSNP and ECAP.SMPWCS).
  public let canUpdate: Bool
  /// Demand is compared with the accumulated rights at every level, not once at the leaf.
  public let checksRightsAtEveryLevel: Bool
  /// An output in the interrupt range is reported before missing rights.
  public let checksOutputBeforeRights: Bool
  /// The accessed flag is set in a leaf, too, that refuses the request.
  public let marksRefusingLeaves: Bool
  /// Whether leaves that are built let user requests in.
  public var buildsUserPages = true
  /// Whether built entries have their accessed flags set, and leaves that may be written D as well, so that hardware never has to.
  public var buildsMarkedEntries = false

  @usableFromInline let writeProtect: Bool
  @usableFromInline let protectsUserPages: Bool
  @usableFromInline let accessedFlags: UInt64
  // An entry is plain if these bits of it are exactly those that must be set.
  @usableFromInline let checkedInTable: UInt64
  @usableFromInline let neededInTable: UInt64
  @usableFromInline let checkedInLeaf: UInt64
  @usableFromInline let neededInLeaf: UInt64
  @usableFromInline let reservedInTable: UInt64
  @usableFromInline let reservedInLeaf2M: UInt64
  @usableFromInline let reservedInLeaf1G: UInt64
  // The rights for each combination of R/W and U/S (bits 2:1 of an entry), and from bit 32 on those with XD.
  @usableFromInline let rightsTable: UInt64
  @usableFromInline let executeDisable: UInt64

  /// The format with the given number of levels.
  ///
  /// - Parameters:
  ///   - levels: 4 or 5 (PASID entry FSPM); anything else is taken to the nearer of them.
  ///   - features: What the unit supports.
  ///   - extendedAccessed: Whether hardware sets EA along with A (PASID entry EAFE).
  ///   - writeProtect: Whether R/W binds privileged requests too (PASID entry WPE).
  ///   - executeRules: What restricts fetching instructions.
  ///   - coherent: Whether walks snoop, without which flags cannot be updated.
  public init(
    levels: UInt8, features: Features = Features(), extendedAccessed: Bool = false, writeProtect: Bool = true,
    executeRules: ExecuteRules = [], coherent: Bool = true
  ) {
    rootLevel = min(max(levels, 4), 5)
    canUpdate = coherent
    checksRightsAtEveryLevel = features.checksRightsAtEveryLevel
    checksOutputBeforeRights = features.checksOutputBeforeRights
    marksRefusingLeaves = features.marksRefusingLeaves
    self.writeProtect = writeProtect
    protectsUserPages = executeRules.contains(.supervisorMode)
    accessedFlags = EntryBits.accessed | (extendedAccessed ? EntryBits.extendedAccessed : 0)
    let width = Int(min(max(features.hostAddressWidth, 12), 52))
    let beyondWidth = width == 52 ? 0 : UInt64.mask(bits: width...51)
    reservedInTable = beyondWidth
    // Where there is more to check, no entry is plain: none is 1 in no bits.
    let needed = EntryBits.present | accessedFlags
    checkedInTable = features.checksRightsAtEveryLevel ? 0 : needed | EntryBits.pageSize | beyondWidth
    neededInTable = features.checksRightsAtEveryLevel ? 1 : needed
    checkedInLeaf = protectsUserPages || !writeProtect ? 0 : needed | beyondWidth
    neededInLeaf = protectsUserPages || !writeProtect ? 1 : needed
    reservedInLeaf2M = beyondWidth | UInt64.mask(bits: 13...20)
    // An unsupported page size makes PS itself the reserved bit.
    reservedInLeaf1G = beyondWidth | UInt64.mask(bits: 13...29) | (features.pages1G ? 0 : EntryBits.pageSize)
    executeDisable = executeRules.contains(.noExecute) ? EntryBits.executeDisable : 0
    var table: UInt64 = 0
    for index in 0..<8 as Range<UInt64> {
      let rights = Self.rights(writable: index[bit: 0], user: index[bit: 1], executable: !index[bit: 2])
      table |= UInt64(rights.rawValue) << (index * 8)
    }
    rightsTable = table
  }

  static func rights(writable: Bool, user: Bool, executable: Bool) -> AccessRights {
    var rights: AccessRights = .privilegedRead
    if writable { rights.insert(.privilegedWrite) }
    if executable { rights.insert(.privilegedExecute) }
    if user {
      rights.insert(.unprivilegedRead)
      if writable { rights.insert(.unprivilegedWrite) }
      if executable { rights.insert(.unprivilegedExecute) }
    }
    return rights
  }

  /// The bits of an input that are translated: 48 or 57; those above must equal the highest of them.
  @inlinable public var addressWidth: UInt8 { 12 &+ 9 &* rootLevel }

  /// 12, 21, 30, 39 or 48.
  @inlinable public func entrySizeLog2(level: UInt8) -> UInt8 { 3 &+ 9 &* level }

  /// Nine bits of the input select one of 512 entries of 8 bytes.
  @inlinable public func entryOffset<Input: Address>(_ input: Input, level: UInt8) -> UInt64 {
    (input.rawValue &>> UInt64(truncatingIfNeeded: 9 &* level)) & 0xFF8
  }

  /// Not present if P is clear, whatever else is set; then reserved bits; then PS (VT-d 5.10, 9.6).
  @inlinable public func classify(_ entry: UInt64, level: UInt8) -> EntryClass {
    if entry & EntryBits.present == 0 { return .notPresent }
    if level == 1 { return entry & reservedInTable == 0 ? .leaf : .malformed }
    if entry & EntryBits.pageSize == 0 { return entry & reservedInTable == 0 ? .table : .malformed }
    // PS is reserved in PML4 and PML5 entries.
    if level > 3 { return .malformed }
    return entry & (level == 2 ? reservedInLeaf2M : reservedInLeaf1G) == 0 ? .leaf : .malformed
  }

  /// P and A are set, EA as well if it is kept, and neither PS nor a reserved bit.
  @inlinable public func isPlainTable(_ entry: UInt64) -> Bool { entry & checkedInTable == neededInTable }

  /// P and A are set, EA as well if it is kept, D as well if demanded, and no reserved bit.
  @inlinable public func isPlainLeaf(_ entry: UInt64, dirty: Bool) -> Bool {
    let flag = dirty ? EntryBits.dirty : 0
    return entry & (checkedInLeaf | flag) == neededInLeaf | flag
  }

  /// Bits 51:12.
  @inlinable public func nextTable<Table: Address>(_ entry: UInt64, level: UInt8) -> Table { Table(rawValue: entry & EntryBits.address) }

  /// Bits 51 down to the size of the page; PAT of a large page lies below.
  @inlinable public func pageBase<Output: Address>(_ entry: UInt64, level: UInt8) -> Output {
    Output(rawValue: entry & EntryBits.address).alignedDown(entrySizeLog2(level: level))
  }

  /// Reading is open to privileged requests, and to user requests with U/S; writing with R/W. What WPE grants is no part of it, because
  /// requesters with and without it may share the tables that caches lead to.
  @inlinable public func rights(_ entry: UInt64, level: UInt8) -> AccessRights {
    AccessRights(rawValue: UInt8(truncatingIfNeeded: rightsTable &>> ((entry & 6) &<< 2 | (entry & executeDisable) &>> 58)))
  }

  /// With the right of privileged requests to write, unless WPE binds them; without that to execute from user pages, if they are protected so.
  @inlinable public func effectiveRights(_ accumulated: AccessRights) -> AccessRights {
    let granted = writeProtect ? accumulated : accumulated.union(.privilegedWrite)
    return protectsUserPages && accumulated.contains(.unprivilegedRead) ? granted.subtracting(.privilegedExecute) : granted
  }

  /// Sets A, EA if it is kept, and D in a leaf that is written.
  @inlinable public func updated(_ entry: UInt64, isLeaf: Bool, dirty: Bool) -> UInt64 {
    entry | accessedFlags | (isLeaf && dirty ? EntryBits.dirty : 0)
  }

  /// D is clear.
  @inlinable public func needsDirtyUpdate(_ entry: UInt64) -> Bool { entry & EntryBits.dirty == 0 }

  /// The interrupt address range FEEx_xxxx cannot be an output (VT-d 5.10, 3.14: fault SGN.8).
  @inlinable public func forbids<Output: Address>(_ output: Output) -> Bool { InterruptAddressRange.contains(output) }

  /// A large page may contain the interrupt address range.
  @inlinable public func forbids<Output: Address>(overlapping base: Output, sizeLog2: UInt8) -> Bool {
    InterruptAddressRange.overlaps(base, sizeLog2: sizeLog2)
  }

  /// First-stage leaves have no snoop bit.
  @inlinable public func forcesSnoop(_ entry: UInt64) -> Bool { false }

  /// A non-leaf entry with P, R/W and U/S set.
  @inlinable public func tableEntry<Table: Address>(_ table: Table, level: UInt8) -> UInt64 {
    table.rawValue & EntryBits.address | EntryBits.present | EntryBits.write | EntryBits.user | (buildsMarkedEntries ? accessedFlags : 0)
  }

  /// A present leaf, with PS where the level needs it; a first stage cannot withhold reading.
  @inlinable public func leafEntry<Output: Address>(_ output: Output, level: UInt8, permissions: Permissions) -> UInt64 {
    let flags = accessedFlags | (permissions.contains(.write) ? EntryBits.dirty : 0)
    return output.rawValue & EntryBits.address | EntryBits.present | (permissions.contains(.write) ? EntryBits.write : 0)
      | (buildsMarkedEntries ? flags : 0) | (buildsUserPages ? EntryBits.user : 0) | (level > 1 ? EntryBits.pageSize : 0)
      | (permissions.contains(.execute) ? 0 : executeDisable)
  }

  /// The same leaf with PAT, and PS, where the lower level has them.
  @inlinable public func splitEntry(_ entry: UInt64, level: UInt8) -> UInt64 {
    guard level == 2 else { return entry }
    let isPageAttribute = entry & EntryBits.largePageAttribute != 0
    return entry & ~(EntryBits.pageSize | EntryBits.largePageAttribute) | (isPageAttribute ? EntryBits.pageAttribute : 0)
  }

  /// Levels 1 and 2, and 3 by capability.
  @inlinable public func allowsLeaf(level: UInt8) -> Bool {
    level == 1 || level == 2 || (level == 3 && reservedInLeaf1G & EntryBits.pageSize == 0)
  }

  /// 512.
  @inlinable public func entryCount(level: UInt8) -> Int { 512 }

  /// Canonical addresses: bits 63 down to the highest that is translated are equal.
  @inlinable public func covers<Input: Address>(_ input: Input) -> Bool {
    let sign = Int64(bitPattern: input.rawValue) &>> Int64(addressWidth &- 1)
    return sign == 0 || sign == -1
  }
}
