import Hardware

/// The capability register CAP (VT-d rev 5.10 section 11.4.2).
@frozen public struct Capabilities: RawRepresentable, Hashable, Sendable {
  /// The register's value.
  public var rawValue: UInt64
  /// The capabilities of the given register value.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// ND: bits of a domain id, 4 to 16.
  @inlinable public var domainIDWidth: Int { min(4 + 2 * Int(truncatingIfNeeded: rawValue[bits: 0...2]), 16) }
  /// AFL: advanced fault logging (3.x).
  @inlinable public var advancedFaultLogging: Bool { rawValue[bit: 3] }
  /// RWBF: write buffers must be flushed after updates of tables.
  @inlinable public var requiresWriteBufferFlush: Bool { rawValue[bit: 4] }
  /// PLMR: protected low-memory region.
  @inlinable public var protectedLowMemory: Bool { rawValue[bit: 5] }
  /// PHMR: protected high-memory region.
  @inlinable public var protectedHighMemory: Bool { rawValue[bit: 6] }
  /// CM: entries that are not present, or fault, may be cached.
  @inlinable public var cachingMode: Bool { rawValue[bit: 7] }
  /// SAGAW: bit 1 39-bit, bit 2 48-bit, bit 3 57-bit second stage.
  @inlinable public var secondStageWidths: UInt8 { UInt8(truncatingIfNeeded: rawValue[bits: 8...12]) }
  /// MGAW: the maximum guest address width, in bits (the field plus 1).
  @inlinable public var maximumGuestAddressWidth: Int { Int(truncatingIfNeeded: rawValue[bits: 16...21]) + 1 }
  /// ZLR: zero-length reads of write-only pages are allowed.
  @inlinable public var zeroLengthRead: Bool { rawValue[bit: 22] }
  /// FRO: the offset of the first fault recording register from the register base, in bytes.
  @inlinable public var faultRecordingOffset: UInt64 { rawValue[bits: 24...33] * 16 }
  /// SSLPS bit 0: second-stage 2 MiB pages.
  @inlinable public var secondStage2M: Bool { rawValue[bit: 34] }
  /// SSLPS bit 1: second-stage 1 GiB pages.
  @inlinable public var secondStage1G: Bool { rawValue[bit: 35] }
  /// PSI: page-selective IOTLB invalidation.
  @inlinable public var pageSelectiveInvalidation: Bool { rawValue[bit: 39] }
  /// NFR: the number of fault recording registers, 1 to 256 (the field plus 1).
  @inlinable public var faultRecordingCount: Int { Int(truncatingIfNeeded: rawValue[bits: 40...47]) + 1 }
  /// MAMV: the largest address mask of an IOTLB invalidation.
  @inlinable public var maximumAddressMask: UInt8 { UInt8(truncatingIfNeeded: rawValue[bits: 48...53]) }
  /// DWD: writes can be drained.
  @inlinable public var writeDraining: Bool { rawValue[bit: 54] }
  /// DRD: reads can be drained.
  @inlinable public var readDraining: Bool { rawValue[bit: 55] }
  /// FS1GP: first-stage 1 GiB pages.
  @inlinable public var firstStage1G: Bool { rawValue[bit: 56] }
  /// PI: posted interrupts.
  @inlinable public var postedInterrupts: Bool { rawValue[bit: 59] }
  /// FS5LP: first-stage 5-level paging.
  @inlinable public var firstStage5Level: Bool { rawValue[bit: 60] }
  /// ECMDS: enhanced commands.
  @inlinable public var enhancedCommands: Bool { rawValue[bit: 61] }
  /// ESIRTPS: setting the interrupt table pointer invalidates the interrupt entry cache.
  @inlinable public var enhancedSetInterruptTable: Bool { rawValue[bit: 62] }
  /// ESRTPS: setting the root table pointer invalidates all DMA translation caches.
  @inlinable public var enhancedSetRootTable: Bool { rawValue[bit: 63] }

  /// Whether second-stage tables of the given AW (1 for 39 bits and 3 levels, 2 for 48 and 4, 3 for 57 and 5) are supported.
  @inlinable public func supportsSecondStage(width: UInt8) -> Bool { (1...3).contains(width) && secondStageWidths &>> width & 1 != 0 }

  /// The AW of the largest supported second-stage width; 0 if none is.
  @inlinable public var largestSecondStageWidth: UInt8 {
    supportsSecondStage(width: 3) ? 3 : supportsSecondStage(width: 2) ? 2 : supportsSecondStage(width: 1) ? 1 : 0
  }
}

/// The extended capability register ECAP (VT-d rev 5.10 section 11.4.3).
@frozen public struct ExtendedCapabilities: RawRepresentable, Hashable, Sendable {
  /// The register's value.
  public var rawValue: UInt64
  /// The capabilities of the given register value.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// C: accesses to root, context, PASID and interrupt entries, and to legacy second-stage tables, snoop processor caches.
  @inlinable public var coherent: Bool { rawValue[bit: 0] }
  /// QI: queued invalidation.
  @inlinable public var queuedInvalidation: Bool { rawValue[bit: 1] }
  /// DT: device-TLBs.
  @inlinable public var deviceTLB: Bool { rawValue[bit: 2] }
  /// IR: interrupt remapping.
  @inlinable public var interruptRemapping: Bool { rawValue[bit: 3] }
  /// EIM: extended interrupt mode.
  @inlinable public var extendedInterruptMode: Bool { rawValue[bit: 4] }
  /// PT: pass-through.
  @inlinable public var passThrough: Bool { rawValue[bit: 6] }
  /// SC: snoop control.
  @inlinable public var snoopControl: Bool { rawValue[bit: 7] }
  /// IRO: the offset of IVA from the register base, in bytes; IOTLB follows it.
  @inlinable public var iotlbRegisterOffset: UInt64 { rawValue[bits: 8...17] * 16 }
  /// MHMV: the largest index mask of an interrupt entry cache invalidation.
  @inlinable public var maximumInterruptIndexMask: UInt8 { UInt8(truncatingIfNeeded: rawValue[bits: 20...23]) }
  /// MTS: memory types.
  @inlinable public var memoryTypes: Bool { rawValue[bit: 25] }
  /// NEST: nested translation.
  @inlinable public var nestedTranslation: Bool { rawValue[bit: 26] }
  /// PRS: page requests.
  @inlinable public var pageRequests: Bool { rawValue[bit: 29] }
  /// ERS: execute requests (0 since 4.1).
  @inlinable public var executeRequests: Bool { rawValue[bit: 30] }
  /// SRS: supervisor requests.
  @inlinable public var supervisorRequests: Bool { rawValue[bit: 31] }
  /// NWFS: the no-write flag of translation requests is honoured.
  @inlinable public var noWriteFlag: Bool { rawValue[bit: 33] }
  /// EAFS: extended-accessed flag.
  @inlinable public var extendedAccessedFlag: Bool { rawValue[bit: 34] }
  /// PSS: bits of a PASID, 1 to 20 (the field plus 1).
  @inlinable public var pasidWidth: Int { min(Int(truncatingIfNeeded: rawValue[bits: 35...39]) + 1, 20) }
  /// PASID: requests with PASID.
  @inlinable public var pasid: Bool { rawValue[bit: 40] }
  /// DIT: device-TLB invalidations can be throttled.
  @inlinable public var deviceTLBInvalidationThrottle: Bool { rawValue[bit: 41] }
  /// PDS: page-request drain.
  @inlinable public var pageRequestDrain: Bool { rawValue[bit: 42] }
  /// SMTS: scalable mode.
  @inlinable public var scalableMode: Bool { rawValue[bit: 43] }
  /// VCS: virtual commands.
  @inlinable public var virtualCommands: Bool { rawValue[bit: 44] }
  /// SSADS: second-stage accessed and dirty flags.
  @inlinable public var secondStageAccessedDirty: Bool { rawValue[bit: 45] }
  /// SSTS: second-stage translation in scalable mode.
  @inlinable public var secondStageTranslation: Bool { rawValue[bit: 46] }
  /// FSTS: first-stage translation.
  @inlinable public var firstStageTranslation: Bool { rawValue[bit: 47] }
  /// SMPWCS: page walks of scalable mode can snoop.
  @inlinable public var scalableModePageWalkCoherency: Bool { rawValue[bit: 48] }
  /// RPS: RID_PASID of a context entry is used.
  @inlinable public var requesterPASID: Bool { rawValue[bit: 49] }
  /// PMS: performance monitoring.
  @inlinable public var performanceMonitoring: Bool { rawValue[bit: 51] }
  /// ADMS: abort-DMA mode.
  @inlinable public var abortDMAMode: Bool { rawValue[bit: 52] }
  /// RPRIVS: RID_PRIV of a context entry is used.
  @inlinable public var requesterPrivilege: Bool { rawValue[bit: 53] }
  /// HPTS: host permission tables (5.x).
  @inlinable public var hostPermissionTables: Bool { rawValue[bit: 55] }
  /// PTRS: PASID in translated requests (5.x).
  @inlinable public var pasidInTranslatedRequests: Bool { rawValue[bit: 56] }
  /// SSIRWS: second-stage IR and IW bits (5.x).
  @inlinable public var secondStageIORights: Bool { rawValue[bit: 57] }
  /// SMS: stop markers.
  @inlinable public var stopMarkers: Bool { rawValue[bit: 58] }
  /// EIMER: extended interrupt mode is required (5.x).
  @inlinable public var extendedInterruptModeRequired: Bool { rawValue[bit: 61] }
  /// IRREQ: interrupt remapping is required (5.x).
  @inlinable public var interruptRemappingRequired: Bool { rawValue[bit: 62] }
}

/// The version register VER (VT-d rev 5.10 section 11.4.1).
@frozen public struct ArchitectureVersion: RawRepresentable, Hashable, Sendable {
  /// The register's value.
  public var rawValue: UInt32
  /// The version of the given register value.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
  /// The version of the given numbers, each 0 to 15.
  @inlinable public init(major: UInt8, minor: UInt8) { rawValue = UInt32(major & 15) << 4 | UInt32(minor & 15) }

  /// Bits 7:4.
  @inlinable public var major: UInt8 { UInt8(truncatingIfNeeded: rawValue[bits: 4...7]) }
  /// Bits 3:0.
  @inlinable public var minor: UInt8 { UInt8(truncatingIfNeeded: rawValue[bits: 0...3]) }
}
