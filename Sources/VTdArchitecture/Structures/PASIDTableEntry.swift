import Hardware

/// PGTT: how a PASID table entry translates.
@frozen public enum PASIDTranslationType: UInt8, Hashable, Sendable, CaseIterable {
  /// First stage only.
  case firstStage = 1
  /// Second stage only.
  case secondStage = 2
  /// First stage whose tables and results go through the second.
  case nested = 3
  /// Addresses pass unchanged.
  case passThrough = 4
}

/// A PASID table entry, indexed by PASID bits 5:0 (VT-d rev 5.10 section 9.6).
@frozen public struct PASIDTableEntry: Hashable, Sendable {
  /// The entry's eight words.
  public var words: SIMD8<UInt64>
  /// The entry of the given words.
  @inlinable public init(words: SIMD8<UInt64> = .zero) { self.words = words }
  /// A present entry.
  @inlinable public init(stages: PASIDTranslationType, domain: DomainID) {
    words = .zero
    present = true
    stagesCode = stages.rawValue
    self.domain = domain
  }

  /// The size of an entry in bytes.
  @inlinable public static var byteCount: UInt64 { 64 }
  /// The index of a PASID's entry in its table.
  @inlinable public static func index(of pasid: PASID) -> UInt64 { UInt64(pasid.rawValue & 63) }

  @inlinable subscript(word: Int, bits: ClosedRange<Int>) -> UInt64 {
    get { words[word][bits: bits] }
    set { words[word][bits: bits] = newValue }
  }
  @inlinable subscript(word: Int, bit: Int) -> Bool {
    get { words[word][bit: bit] }
    set { words[word][bit: bit] = newValue }
  }

  /// P.
  @inlinable public var present: Bool {
    get { self[0, 0] }
    set { self[0, 0] = newValue }
  }
  /// FPD: qualified faults of this PASID are not recorded; valid even if the entry is not present.
  @inlinable public var faultProcessingDisabled: Bool {
    get { self[0, 1] }
    set { self[0, 1] = newValue }
  }
  /// AW of the second stage: 1 for 39 bits and 3 levels, 2 for 48 and 4, 3 for 57 and 5; others are invalid.
  @inlinable public var width: UInt8 {
    get { UInt8(truncatingIfNeeded: self[0, 2...4]) }
    set { self[0, 2...4] = UInt64(newValue) }
  }
  /// PGTT as it stands in the entry, reserved values included.
  @inlinable public var stagesCode: UInt8 {
    get { UInt8(truncatingIfNeeded: self[0, 6...8]) }
    set { self[0, 6...8] = UInt64(newValue) }
  }
  /// PGTT; `nil` if reserved.
  @inlinable public var stages: PASIDTranslationType? {
    switch stagesCode {
    case 1: .firstStage
    case 2: .secondStage
    case 3: .nested
    case 4: .passThrough
    default: nil
    }
  }
  /// SSADE: second-stage accessed and dirty flags are maintained.
  @inlinable public var secondStageAccessedDirty: Bool {
    get { self[0, 9] }
    set { self[0, 9] = newValue }
  }
  /// SSPTPTR: the top second-stage table.
  @inlinable public var secondStageTable: PhysicalAddress {
    get { PhysicalAddress(words[0]).alignedDown(PageSizeLog2.size4K) }
    set { self[0, 12...63] = newValue.pageNumber(PageSizeLog2.size4K) }
  }
  /// DID.
  @inlinable public var domain: DomainID {
    get { DomainID(UInt16(truncatingIfNeeded: self[1, 0...15])) }
    set { self[1, 0...15] = UInt64(newValue.rawValue) }
  }
  /// PWSNP: page walks snoop.
  @inlinable public var pageWalkSnoop: Bool {
    get { self[1, 23] }
    set { self[1, 23] = newValue }
  }
  /// PGSNP: accesses to the final page snoop.
  @inlinable public var pageSnoop: Bool {
    get { self[1, 24] }
    set { self[1, 24] = newValue }
  }
  /// CD: memory is not cached.
  @inlinable public var cacheDisable: Bool {
    get { self[1, 25] }
    set { self[1, 25] = newValue }
  }
  /// EMTE: second-stage leaves give memory types.
  @inlinable public var extendedMemoryTypes: Bool {
    get { self[1, 26] }
    set { self[1, 26] = newValue }
  }
  /// PAT: eight memory types of four bits, PA0 lowest.
  @inlinable public var pageAttributes: UInt32 {
    get { UInt32(truncatingIfNeeded: self[1, 32...63]) }
    set { self[1, 32...63] = UInt64(newValue) }
  }
  /// SRE: supervisor requests are allowed.
  @inlinable public var supervisorRequests: Bool {
    get { self[2, 0] }
    set { self[2, 0] = newValue }
  }
  /// ERE: execute requests are allowed (3.x).
  @inlinable public var executeRequests: Bool {
    get { self[2, 1] }
    set { self[2, 1] = newValue }
  }
  /// FSPM: 0 for 4-level, 1 for 5-level first stage; others are invalid.
  @inlinable public var firstStageMode: UInt8 {
    get { UInt8(truncatingIfNeeded: self[2, 2...3]) }
    set { self[2, 2...3] = UInt64(newValue) }
  }
  /// WPE: supervisor writes respect R/W.
  @inlinable public var writeProtect: Bool {
    get { self[2, 4] }
    set { self[2, 4] = newValue }
  }
  /// NXE: XD is used (3.x).
  @inlinable public var noExecute: Bool {
    get { self[2, 5] }
    set { self[2, 5] = newValue }
  }
  /// SMEP: supervisor requests don't execute user pages (3.x).
  @inlinable public var supervisorExecutionPrevention: Bool {
    get { self[2, 6] }
    set { self[2, 6] = newValue }
  }
  /// EAFE: extended-accessed flags are maintained.
  @inlinable public var extendedAccessed: Bool {
    get { self[2, 7] }
    set { self[2, 7] = newValue }
  }
  /// FSPTPTR as it stands in the entry: a host physical address for first stage only, a guest physical one when nested.
  @inlinable public var firstStageTable: GuestPhysicalAddress {
    get { GuestPhysicalAddress(words[2]).alignedDown(PageSizeLog2.size4K) }
    set { self[2, 12...63] = newValue.pageNumber(PageSizeLog2.size4K) }
  }

  /// The layout; the fields of 3.x and 5.x are marked.
  public static let layout = StructureDeclaration(
    "PASID table entry", width: 512,
    fields: [
      RegisterField("P", 0, "present"),
      RegisterField("FPD", 1, "qualified faults are not recorded"),
      RegisterField("AW", 2...4, "second-stage width", values: ContextEntry.addressWidths, if: secondStage),
      RegisterField("SLEE", 5, "second-stage execute permission (3.x)", if: execute),
      RegisterField("PGTT", 6...8, "translation type", values: [1: "first stage", 2: "second stage", 3: "nested", 4: "pass-through"]),
      RegisterField("SSADE", 9, "second-stage accessed and dirty flags", if: .all([secondStage, Registers.extended(45)])),
      RegisterField("SSPTPTR", 12...63, "second-stage table, bits 63:12", if: secondStage),
      RegisterField("DID", 64...79, "domain id"),
      RegisterField("PWSNP", 87, "page walks snoop", if: Registers.extended(48)),
      RegisterField("PGSNP", 88, "accesses to the final page snoop", if: Registers.extended(7)),
      RegisterField("CD", 89, "memory is not cached", if: memoryTypes),
      RegisterField("EMTE", 90, "second-stage leaves give memory types", if: memoryTypes),
      RegisterField("EMT", 91...93, "memory type (3.x)", if: .all([RevisionProfile.revision3.condition, memoryTypes])),
      RegisterField("PWT", 94, "page-level write-through (3.x)", if: .all([RevisionProfile.revision3.condition, memoryTypes])),
      RegisterField("PCD", 95, "page-level cache disable (3.x)", if: .all([RevisionProfile.revision3.condition, memoryTypes])),
      RegisterField("PAT", 96...127, "eight memory types of 4 bits", if: memoryTypes),
      RegisterField("SRE", 128, "supervisor requests are allowed", if: Registers.extended(31)),
      RegisterField("ERE", 129, "execute requests are allowed (3.x)", if: execute),
      RegisterField("FSPM", 130...131, "first-stage paging", values: [0: "4 levels", 1: "5 levels"], if: firstStage),
      RegisterField("WPE", 132, "supervisor writes respect R/W", if: firstStage),
      RegisterField("NXE", 133, "XD is used (3.x; ignored since 4.0)"),
      RegisterField("SMEP", 134, "supervisor requests don't execute user pages (3.x; ignored since 4.0)"),
      RegisterField("EAFE", 135, "extended-accessed flags", if: Registers.extended(34)),
      RegisterField("FSPTPTR", 140...191, "first-stage table, bits 63:12", if: firstStage),
      RegisterField("HPTSZ", 256...257, "size of the host permission table (5.x)", if: hostPermissions),
      RegisterField("HPTPFD", 258, "no prefetch of host permissions (5.x)", if: hostPermissions),
      RegisterField("HPTPTR", 268...319, "host permission table, bits 63:12 (5.x)", if: hostPermissions),
      RegisterField("HPTDID", 320...335, "domain id of the host permission table (5.x)", if: hostPermissions),
    ])

  private static let secondStage = Registers.extended(46)
  private static let firstStage = Registers.extended(47)
  private static let memoryTypes = Registers.extended(25)
  private static let execute = RegisterCondition.all([RevisionProfile.revision3.condition, Registers.extended(30)])
  private static let hostPermissions = RegisterCondition.all([RevisionProfile.revision5.condition, Registers.extended(55)])
}
