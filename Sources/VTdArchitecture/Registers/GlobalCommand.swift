import Hardware

/// The bits of GCMD, and of GSTS which mirrors them (VT-d rev 5.10 sections 11.4.4.1 and 11.4.4.2).
@frozen public struct GlobalCommand: OptionSet, Hashable, Sendable {
  /// The register's value.
  public var rawValue: UInt32
  /// The bits of the given register value.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// TE, TES: translation is enabled (level).
  @inlinable public static var translation: GlobalCommand { GlobalCommand(rawValue: 1 << 31) }
  /// SRTP, RTPS: the root table pointer is latched (one-shot).
  @inlinable public static var rootTable: GlobalCommand { GlobalCommand(rawValue: 1 << 30) }
  /// SFL, FLS: the fault log pointer is latched (one-shot; 3.x).
  @inlinable public static var faultLog: GlobalCommand { GlobalCommand(rawValue: 1 << 29) }
  /// EAFL, AFLS: advanced fault logging (level; 3.x).
  @inlinable public static var advancedFaultLogging: GlobalCommand { GlobalCommand(rawValue: 1 << 28) }
  /// WBF, WBFS: write buffers are flushed (one-shot; the status is 1 while busy).
  @inlinable public static var writeBufferFlush: GlobalCommand { GlobalCommand(rawValue: 1 << 27) }
  /// QIE, QIES: queued invalidation is enabled (level).
  @inlinable public static var queuedInvalidation: GlobalCommand { GlobalCommand(rawValue: 1 << 26) }
  /// IRE, IRES: interrupt remapping is enabled (level).
  @inlinable public static var interruptRemapping: GlobalCommand { GlobalCommand(rawValue: 1 << 25) }
  /// SIRTP, IRTPS: the interrupt remapping table pointer is latched (one-shot).
  @inlinable public static var interruptTable: GlobalCommand { GlobalCommand(rawValue: 1 << 24) }
  /// CFI, CFIS: compatibility-format interrupts pass (level).
  @inlinable public static var compatibilityInterrupts: GlobalCommand { GlobalCommand(rawValue: 1 << 23) }

  /// The bits whose level counts.
  @inlinable public static var levels: GlobalCommand {
    [.translation, .advancedFaultLogging, .queuedInvalidation, .interruptRemapping, .compatibilityInterrupts]
  }
  /// The bits of which each written 1 is a command.
  @inlinable public static var oneShots: GlobalCommand { [.rootTable, .faultLog, .writeBufferFlush, .interruptTable] }
}

/// TTM: what structures a translation starts from.
@frozen public enum TranslationTableMode: UInt8, Hashable, Sendable, CaseIterable {
  /// Root and context entries of 128 bits, no PASIDs.
  case legacy = 0
  /// Scalable-mode structures with PASID tables.
  case scalable = 1
  /// Reserved.
  case reserved = 2
  /// Every request is blocked.
  case abortDMA = 3

  /// Whether a unit supports the mode (VT-d rev 5.10 section 11.4.5).
  @inlinable public func isSupported(by extended: ExtendedCapabilities) -> Bool {
    switch self {
    case .legacy: true
    case .scalable: extended.scalableMode
    case .reserved: false
    case .abortDMA: extended.abortDMAMode
    }
  }
}

/// The root table address register RTADDR (VT-d rev 5.10 section 11.4.5).
@frozen public struct RootTableAddress: RawRepresentable, Hashable, Sendable {
  /// The register's value.
  public var rawValue: UInt64
  /// The given register value.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
  /// A root table at a 4 KiB boundary, used in the given mode.
  @inlinable public init(table: PhysicalAddress, mode: TranslationTableMode, secondStageIORights: Bool = false) {
    rawValue = table.alignedDown(PageSizeLog2.size4K).rawValue
    rawValue[bits: 10...11] = UInt64(mode.rawValue)
    rawValue[bit: 7] = secondStageIORights
  }

  /// RTA.
  @inlinable public var table: PhysicalAddress { PhysicalAddress(rawValue).alignedDown(PageSizeLog2.size4K) }
  /// TTM.
  @inlinable public var mode: TranslationTableMode {
    switch rawValue[bits: 10...11] {
    case 0: .legacy
    case 1: .scalable
    case 2: .reserved
    default: .abortDMA
    }
  }
  /// SSIRWE: second-stage tables use IR and IW instead of R and W (5.x).
  @inlinable public var secondStageIORights: Bool { rawValue[bit: 7] }
}

/// The invalidation queue address register IQA (VT-d rev 5.10 section 11.4.9.3).
@frozen public struct InvalidationQueueAddress: RawRepresentable, Hashable, Sendable {
  /// The register's value.
  public var rawValue: UInt64
  /// The given register value.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
  /// A queue of 2^`sizeLog2` pages (`sizeLog2` 0 to 7) at a 4 KiB boundary.
  @inlinable public init(base: PhysicalAddress, sizeLog2: UInt8, wideDescriptors: Bool) {
    rawValue = base.alignedDown(PageSizeLog2.size4K).rawValue | UInt64(sizeLog2 & 7)
    rawValue[bit: 11] = wideDescriptors
  }

  /// IQA.
  @inlinable public var base: PhysicalAddress { PhysicalAddress(rawValue).alignedDown(PageSizeLog2.size4K) }
  /// DW: descriptors have 256 bits, else 128.
  @inlinable public var wideDescriptors: Bool { rawValue[bit: 11] }
  /// The size of the queue in bytes, 4 KiB to 512 KiB.
  @inlinable public var byteCount: UInt64 { 4096 << rawValue[bits: 0...2] }
  /// The size of one descriptor in bytes.
  @inlinable public var descriptorByteCount: UInt64 { wideDescriptors ? 32 : 16 }
}

/// The interrupt remapping table address register IRTA (VT-d rev 5.10 section 11.4.10).
@frozen public struct InterruptTableAddress: RawRepresentable, Hashable, Sendable {
  /// The register's value.
  public var rawValue: UInt64
  /// The given register value.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
  /// A table of 2^(`sizeLog2` + 1) entries (`sizeLog2` 0 to 15) at a 4 KiB boundary.
  @inlinable public init(table: PhysicalAddress, sizeLog2: UInt8, extendedMode: Bool) {
    rawValue = table.alignedDown(PageSizeLog2.size4K).rawValue | UInt64(sizeLog2 & 15)
    rawValue[bit: 11] = extendedMode
  }

  /// IRTA.
  @inlinable public var table: PhysicalAddress { PhysicalAddress(rawValue).alignedDown(PageSizeLog2.size4K) }
  /// EIME: destinations have 32 bits.
  @inlinable public var extendedMode: Bool { rawValue[bit: 11] }
  /// The number of entries, 2 to 65536.
  @inlinable public var entryCount: UInt32 { 2 << UInt32(truncatingIfNeeded: rawValue[bits: 0...3]) }
}
