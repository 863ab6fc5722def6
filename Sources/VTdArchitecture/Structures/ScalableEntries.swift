import Hardware

/// A root entry of scalable mode, indexed by bus: one context table for each half of the bus (VT-d rev 5.10 section 9.2).
@frozen public struct ScalableRootEntry: Hashable, Sendable {
  /// The entry's two words: devices 0 to 15, and 16 to 31.
  public var words: SIMD2<UInt64>
  /// The entry of the given words.
  @inlinable public init(words: SIMD2<UInt64> = .zero) { self.words = words }

  /// The size of an entry in bytes.
  @inlinable public static var byteCount: UInt64 { 16 }

  /// The half of the entry that serves a device and function number.
  @inlinable public subscript(deviceFunction: UInt8) -> ScalableRootHalf {
    get { ScalableRootHalf(rawValue: deviceFunction < 128 ? words[0] : words[1]) }
    set { words[deviceFunction < 128 ? 0 : 1] = newValue.rawValue }
  }

  /// The layout.
  public static let layout = StructureDeclaration(
    "scalable-mode root entry", width: 128,
    fields: [
      RegisterField("LP", 0, "lower half present"), RegisterField("LCTP", 12...63, "lower context table, bits 63:12"),
      RegisterField("UP", 64, "upper half present"), RegisterField("UCTP", 76...127, "upper context table, bits 63:12"),
    ])
}

/// Half of a root entry of scalable mode, for 128 functions.
@frozen public struct ScalableRootHalf: RawRepresentable, Hashable, Sendable {
  /// The word.
  public var rawValue: UInt64
  /// The half of the given word.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
  /// A present half that points to a context table at a 4 KiB boundary.
  @inlinable public init(contextTable: PhysicalAddress) { rawValue = contextTable.alignedDown(PageSizeLog2.size4K).rawValue | 1 }

  /// LP or UP.
  @inlinable public var present: Bool { rawValue[bit: 0] }
  /// LCTP or UCTP.
  @inlinable public var contextTable: PhysicalAddress { PhysicalAddress(rawValue).alignedDown(PageSizeLog2.size4K) }
}

/// A context entry of scalable mode, indexed by the low 7 bits of device and function (VT-d rev 5.10 section 9.4).
@frozen public struct ScalableContextEntry: Hashable, Sendable {
  /// The entry's four words.
  public var words: SIMD4<UInt64>
  /// The entry of the given words.
  @inlinable public init(words: SIMD4<UInt64> = .zero) { self.words = words }
  /// A present entry with a PASID directory of 2^(`directorySize` + 7) entries.
  @inlinable public init(directory: PhysicalAddress, directorySize: UInt8) {
    words = .zero
    present = true
    self.directory = directory
    self.directorySize = directorySize
  }

  /// The size of an entry in bytes.
  @inlinable public static var byteCount: UInt64 { 32 }

  /// P.
  @inlinable public var present: Bool {
    get { words[0][bit: 0] }
    set { words[0][bit: 0] = newValue }
  }
  /// FPD: qualified faults of this requester are not recorded; valid even if the entry is not present.
  @inlinable public var faultProcessingDisabled: Bool {
    get { words[0][bit: 1] }
    set { words[0][bit: 1] = newValue }
  }
  /// DTE: translation and translated requests are allowed.
  @inlinable public var deviceTLBEnabled: Bool {
    get { words[0][bit: 2] }
    set { words[0][bit: 2] = newValue }
  }
  /// PASIDE: requests with PASID are allowed.
  @inlinable public var pasidEnabled: Bool {
    get { words[0][bit: 3] }
    set { words[0][bit: 3] = newValue }
  }
  /// PRE: page requests are allowed.
  @inlinable public var pageRequestsEnabled: Bool {
    get { words[0][bit: 4] }
    set { words[0][bit: 4] = newValue }
  }
  /// HPTE: translated requests are checked against host permission tables (5.x).
  @inlinable public var hostPermissionTablesEnabled: Bool {
    get { words[0][bit: 5] }
    set { words[0][bit: 5] = newValue }
  }
  /// EPTR: translated requests may carry a PASID (5.x).
  @inlinable public var pasidInTranslatedRequests: Bool {
    get { words[0][bit: 6] }
    set { words[0][bit: 6] = newValue }
  }
  /// PDTS: the directory has 2^(PDTS+7) entries.
  @inlinable public var directorySize: UInt8 {
    get { UInt8(truncatingIfNeeded: words[0][bits: 9...11]) }
    set { words[0][bits: 9...11] = UInt64(newValue) }
  }
  /// PASIDs are below this: 2^(PDTS+13).
  @inlinable public var pasidLimit: UInt32 { 1 << (UInt32(directorySize) + 13) }
  /// PASIDDIRPTR.
  @inlinable public var directory: PhysicalAddress {
    get { PhysicalAddress(words[0]).alignedDown(PageSizeLog2.size4K) }
    set { words[0][bits: 12...63] = newValue.pageNumber(PageSizeLog2.size4K) }
  }
  /// RID_PASID: the PASID of requests without PASID.
  @inlinable public var requesterPASID: PASID {
    get { PASID(UInt32(truncatingIfNeeded: words[1][bits: 0...19])) }
    set { words[1][bits: 0...19] = UInt64(newValue.rawValue) }
  }
  /// RID_PRIV: requests without PASID are privileged.
  @inlinable public var requesterPrivileged: Bool {
    get { words[1][bit: 20] }
    set { words[1][bit: 20] = newValue }
  }

  /// The layout.
  public static let layout = StructureDeclaration(
    "scalable-mode context entry", width: 256,
    fields: [
      RegisterField("P", 0, "present"),
      RegisterField("FPD", 1, "qualified faults are not recorded"),
      RegisterField("DTE", 2, "device-TLB is enabled", if: Registers.extended(2)),
      RegisterField("PASIDE", 3, "requests with PASID are enabled", if: Registers.extended(40)),
      RegisterField("PRE", 4, "page requests are enabled", if: Registers.extended(29)),
      RegisterField(
        "HPTE", 5, "host permission tables are enabled (5.x)",
        if: .all([RevisionProfile.revision5.condition, Registers.extended(55)])),
      RegisterField(
        "EPTR", 6, "PASIDs in translated requests are enabled (5.x)",
        if: .all([RevisionProfile.revision5.condition, Registers.extended(56)])),
      RegisterField("PDTS", 9...11, "2^(PDTS+7) directory entries"),
      RegisterField("PASIDDIRPTR", 12...63, "PASID directory, bits 63:12"),
      RegisterField("RID_PASID", 64...83, "PASID of requests without PASID", if: Registers.extended(49)),
      RegisterField("RID_PRIV", 84, "requests without PASID are privileged", if: Registers.extended(53)),
    ])
}

/// A PASID directory entry, indexed by PASID bits 19:6 (VT-d rev 5.10 section 9.5).
@frozen public struct PASIDDirectoryEntry: RawRepresentable, Hashable, Sendable {
  /// The entry's word.
  public var rawValue: UInt64
  /// The entry of the given word.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
  /// A present entry that points to a PASID table at a 4 KiB boundary.
  @inlinable public init(table: PhysicalAddress) { rawValue = table.alignedDown(PageSizeLog2.size4K).rawValue | 1 }

  /// The size of an entry in bytes.
  @inlinable public static var byteCount: UInt64 { 8 }
  /// The index of a PASID's entry in the directory.
  @inlinable public static func index(of pasid: PASID) -> UInt64 { UInt64(pasid.rawValue >> 6) }

  /// P.
  @inlinable public var present: Bool {
    get { rawValue[bit: 0] }
    set { rawValue[bit: 0] = newValue }
  }
  /// FPD: qualified faults of these PASIDs are not recorded; valid even if the entry is not present.
  @inlinable public var faultProcessingDisabled: Bool {
    get { rawValue[bit: 1] }
    set { rawValue[bit: 1] = newValue }
  }
  /// SMPTBLPTR: a table of 64 PASID entries.
  @inlinable public var table: PhysicalAddress {
    get { PhysicalAddress(rawValue).alignedDown(PageSizeLog2.size4K) }
    set { rawValue[bits: 12...63] = newValue.pageNumber(PageSizeLog2.size4K) }
  }

  /// The layout.
  public static let layout = StructureDeclaration(
    "PASID directory entry", width: 64,
    fields: [
      RegisterField("P", 0, "present"), RegisterField("FPD", 1, "qualified faults are not recorded"),
      RegisterField("SMPTBLPTR", 12...63, "PASID table, bits 63:12"),
    ])
}
