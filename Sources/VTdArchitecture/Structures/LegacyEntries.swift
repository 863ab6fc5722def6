import Hardware

/// A root entry of legacy mode, indexed by bus (VT-d rev 5.10 section 9.1).
@frozen public struct RootEntry: Hashable, Sendable {
  /// The entry's two words.
  public var words: SIMD2<UInt64>
  /// The entry of the given words.
  @inlinable public init(words: SIMD2<UInt64> = .zero) { self.words = words }
  /// A present entry that points to a context table at a 4 KiB boundary.
  @inlinable public init(contextTable: PhysicalAddress) {
    words = [contextTable.alignedDown(PageSizeLog2.size4K).rawValue | 1, 0]
  }

  /// The size of an entry in bytes.
  @inlinable public static var byteCount: UInt64 { 16 }

  /// P.
  @inlinable public var present: Bool {
    get { words[0][bit: 0] }
    set { words[0][bit: 0] = newValue }
  }
  /// CTP: the context table of the bus.
  @inlinable public var contextTable: PhysicalAddress {
    get { PhysicalAddress(words[0]).alignedDown(PageSizeLog2.size4K) }
    set { words[0][bits: 12...63] = newValue.pageNumber(PageSizeLog2.size4K) }
  }

  /// The layout.
  public static let layout = StructureDeclaration(
    "root entry", width: 128,
    fields: [RegisterField("P", 0, "present"), RegisterField("CTP", 12...63, "context table, bits 63:12")])
}

/// TT: how a context entry of legacy mode translates.
@frozen public enum TranslationType: UInt8, Hashable, Sendable, CaseIterable {
  /// Untranslated requests are walked; translated and translation requests are blocked.
  case untranslatedOnly = 0
  /// Untranslated requests and translation requests are walked, translated requests pass.
  case deviceTLB = 1
  /// Untranslated requests pass unchanged; others are blocked.
  case passThrough = 2
  /// Reserved.
  case reserved = 3
}

/// A context entry of legacy mode, indexed by device and function (VT-d rev 5.10 section 9.3).
@frozen public struct ContextEntry: Hashable, Sendable {
  /// The entry's two words.
  public var words: SIMD2<UInt64>
  /// The entry of the given words.
  @inlinable public init(words: SIMD2<UInt64> = .zero) { self.words = words }
  /// A present entry; `width` is the AW code of the second stage, 1 to 3.
  @inlinable public init(type: TranslationType, width: UInt8, domain: DomainID, secondStageTable: PhysicalAddress = PhysicalAddress(0)) {
    words = .zero
    present = true
    self.type = type
    self.width = width
    self.domain = domain
    self.secondStageTable = secondStageTable
  }

  /// The size of an entry in bytes.
  @inlinable public static var byteCount: UInt64 { 16 }

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
  /// TT.
  @inlinable public var type: TranslationType {
    get {
      switch words[0][bits: 2...3] {
      case 0: .untranslatedOnly
      case 1: .deviceTLB
      case 2: .passThrough
      default: .reserved
      }
    }
    set { words[0][bits: 2...3] = UInt64(newValue.rawValue) }
  }
  /// SSPTPTR: the top second-stage table.
  @inlinable public var secondStageTable: PhysicalAddress {
    get { PhysicalAddress(words[0]).alignedDown(PageSizeLog2.size4K) }
    set { words[0][bits: 12...63] = newValue.pageNumber(PageSizeLog2.size4K) }
  }
  /// AW: 1 for 39 bits and 3 levels, 2 for 48 and 4, 3 for 57 and 5; others are invalid.
  @inlinable public var width: UInt8 {
    get { UInt8(truncatingIfNeeded: words[1][bits: 0...2]) }
    set { words[1][bits: 0...2] = UInt64(newValue) }
  }
  /// DID.
  @inlinable public var domain: DomainID {
    get { DomainID(UInt16(truncatingIfNeeded: words[1][bits: 8...23])) }
    set { words[1][bits: 8...23] = UInt64(newValue.rawValue) }
  }

  /// The layout.
  public static let layout = StructureDeclaration(
    "context entry", width: 128,
    fields: [
      RegisterField("P", 0, "present"),
      RegisterField("FPD", 1, "qualified faults are not recorded"),
      RegisterField(
        "TT", 2...3, "translation type",
        values: [0: "untranslated requests only", 1: "with device-TLB", 2: "pass-through", 3: "reserved"]),
      RegisterField("SSPTPTR", 12...63, "second-stage table, bits 63:12"),
      RegisterField("AW", 64...66, "second-stage width", values: addressWidths),
      RegisterField("IGN", 67...70, "ignored"),
      RegisterField("DID", 72...87, "domain id"),
    ])

  static let addressWidths: KeyValuePairs<UInt64, String> = [1: "39 bits, 3 levels", 2: "48 bits, 4 levels", 3: "57 bits, 5 levels"]
}
