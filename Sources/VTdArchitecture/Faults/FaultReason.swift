import Hardware

/// Why a request is blocked: the code that FRCD.FR reports (VT-d rev 5.10 table 30).
///
/// What each code means, and how each kind of request is answered, is in `FaultReason.table`.
@frozen public struct FaultReason: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The code.
  public var rawValue: UInt8
  /// The reason with the given code.
  @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }
  /// The reason with the given code.
  @inlinable public init(_ rawValue: UInt8) { self.rawValue = rawValue }
  /// Orders reasons by code.
  @inlinable public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

  /// The code as in `5Ah`.
  public var description: String { (rawValue < 16 ? "0" : "") + String(rawValue, radix: 16, uppercase: true) + "h" }
}

extension FaultReason {
  // Legacy mode.
  /// 01h: the root entry is not present.
  @inlinable public static var rootNotPresent: FaultReason { FaultReason(0x01) }
  /// 02h: the context entry is not present.
  @inlinable public static var contextNotPresent: FaultReason { FaultReason(0x02) }
  /// 03h: the context entry is invalid, or the top second-stage table cannot be reached.
  @inlinable public static var contextInvalid: FaultReason { FaultReason(0x03) }
  /// 04h: the address is beyond the width.
  @inlinable public static var addressBeyondWidth: FaultReason { FaultReason(0x04) }
  /// 05h: no write permission.
  @inlinable public static var noWrite: FaultReason { FaultReason(0x05) }
  /// 06h: no read permission.
  @inlinable public static var noRead: FaultReason { FaultReason(0x06) }
  /// 07h: a lower second-stage table cannot be reached.
  @inlinable public static var tableAccess: FaultReason { FaultReason(0x07) }
  /// 08h: the root entry cannot be read.
  @inlinable public static var rootAccess: FaultReason { FaultReason(0x08) }
  /// 09h: the context entry cannot be read.
  @inlinable public static var contextAccess: FaultReason { FaultReason(0x09) }
  /// 0Ah: a reserved bit of the root entry is set.
  @inlinable public static var rootReserved: FaultReason { FaultReason(0x0A) }
  /// 0Bh: a reserved bit of the context entry is set.
  @inlinable public static var contextReserved: FaultReason { FaultReason(0x0B) }
  /// 0Ch: a reserved bit of a second-stage entry is set.
  @inlinable public static var tableReserved: FaultReason { FaultReason(0x0C) }
  /// 0Dh: the translation type blocks this kind of request.
  @inlinable public static var requestBlocked: FaultReason { FaultReason(0x0D) }
  /// 0Eh: the output lies in the interrupt range.
  @inlinable public static var interruptRange: FaultReason { FaultReason(0x0E) }

  // Interrupts.
  /// 20h: a reserved field of a remappable interrupt request is set.
  @inlinable public static var interruptRequestReserved: FaultReason { FaultReason(0x20) }
  /// 21h: the interrupt index is beyond the table.
  @inlinable public static var interruptIndex: FaultReason { FaultReason(0x21) }
  /// 22h: the interrupt entry is not present.
  @inlinable public static var interruptEntryNotPresent: FaultReason { FaultReason(0x22) }
  /// 23h: the interrupt entry cannot be read.
  @inlinable public static var interruptEntryAccess: FaultReason { FaultReason(0x23) }
  /// 24h: a reserved bit of the interrupt entry is set.
  @inlinable public static var interruptEntryReserved: FaultReason { FaultReason(0x24) }
  /// 25h: a compatibility-format interrupt is blocked.
  @inlinable public static var compatibilityInterruptBlocked: FaultReason { FaultReason(0x25) }
  /// 26h: the requester may not use the interrupt entry.
  @inlinable public static var interruptSourceInvalid: FaultReason { FaultReason(0x26) }
  /// 27h: the posted interrupt descriptor cannot be accessed.
  @inlinable public static var postedDescriptorAccess: FaultReason { FaultReason(0x27) }
  /// 28h: a reserved bit of the posted interrupt descriptor is set.
  @inlinable public static var postedDescriptorReserved: FaultReason { FaultReason(0x28) }
  /// 29h: a request without PASID in the interrupt range is no interrupt.
  @inlinable public static var interruptRangeRequest: FaultReason { FaultReason(0x29) }
  /// 2Ah: extended interrupt mode is required (5.x).
  @inlinable public static var extendedInterruptModeRequired: FaultReason { FaultReason(0x2A) }
  /// 2Bh: interrupt remapping is required (5.x).
  @inlinable public static var interruptRemappingRequired: FaultReason { FaultReason(0x2B) }

  // Scalable mode: root and context.
  /// 30h: the translation table mode is invalid.
  @inlinable public static var tableModeInvalid: FaultReason { FaultReason(0x30) }
  /// 31h: a request with PASID in legacy mode.
  @inlinable public static var pasidInLegacyMode: FaultReason { FaultReason(0x31) }
  /// 32h: a page request in legacy mode.
  @inlinable public static var pageRequestInLegacyMode: FaultReason { FaultReason(0x32) }
  /// 33h: abort-DMA mode.
  @inlinable public static var abortDMA: FaultReason { FaultReason(0x33) }
  /// 34h: an execute request (5.x, major version 8 and above).
  @inlinable public static var executeRequestUnsupported: FaultReason { FaultReason(0x34) }
  /// 38h: the scalable-mode root entry cannot be read.
  @inlinable public static var scalableRootAccess: FaultReason { FaultReason(0x38) }
  /// 39h: the half of the scalable-mode root entry is not present.
  @inlinable public static var scalableRootNotPresent: FaultReason { FaultReason(0x39) }
  /// 3Ah: a reserved bit of the scalable-mode root entry is set.
  @inlinable public static var scalableRootReserved: FaultReason { FaultReason(0x3A) }
  /// 40h: the scalable-mode context entry cannot be read.
  @inlinable public static var scalableContextAccess: FaultReason { FaultReason(0x40) }
  /// 41h: the scalable-mode context entry is not present.
  @inlinable public static var scalableContextNotPresent: FaultReason { FaultReason(0x41) }
  /// 42h: a reserved bit of the scalable-mode context entry is set.
  @inlinable public static var scalableContextReserved: FaultReason { FaultReason(0x42) }
  /// 43h: the fields of the scalable-mode context entry contradict each other.
  @inlinable public static var scalableContextInvalid: FaultReason { FaultReason(0x43) }
  /// 44h: a translation or translated request, and the device-TLB is not enabled.
  @inlinable public static var deviceTLBNotEnabled: FaultReason { FaultReason(0x44) }
  /// 45h: a request with PASID, and PASIDs are not enabled.
  @inlinable public static var pasidNotEnabled: FaultReason { FaultReason(0x45) }
  /// 46h: the PASID is beyond the directory.
  @inlinable public static var pasidBeyondDirectory: FaultReason { FaultReason(0x46) }
  /// 47h: a page request, and page requests are not enabled.
  @inlinable public static var pageRequestsNotEnabled: FaultReason { FaultReason(0x47) }
  /// 48h: the PASID equals RID_PASID.
  @inlinable public static var pasidEqualsRequesterPASID: FaultReason { FaultReason(0x48) }
  /// 49h: a translated request with PASID, and these are not enabled (5.x).
  @inlinable public static var translatedPASIDNotEnabled: FaultReason { FaultReason(0x49) }
  /// 89h: the PASID is beyond the supported width.
  @inlinable public static var pasidBeyondWidth: FaultReason { FaultReason(0x89) }

  // Scalable mode: PASID directory and table.
  /// 50h: the PASID directory entry cannot be read.
  @inlinable public static var directoryAccess: FaultReason { FaultReason(0x50) }
  /// 51h: the PASID directory entry is not present.
  @inlinable public static var directoryNotPresent: FaultReason { FaultReason(0x51) }
  /// 52h: a reserved bit of the PASID directory entry is set.
  @inlinable public static var directoryReserved: FaultReason { FaultReason(0x52) }
  /// 58h: the PASID entry cannot be read.
  @inlinable public static var pasidEntryAccess: FaultReason { FaultReason(0x58) }
  /// 59h: the PASID entry is not present.
  @inlinable public static var pasidEntryNotPresent: FaultReason { FaultReason(0x59) }
  /// 5Ah: a reserved bit of the PASID entry is set.
  @inlinable public static var pasidEntryReserved: FaultReason { FaultReason(0x5A) }
  /// 5Bh: the PASID entry asks for what the unit does not support.
  @inlinable public static var pasidEntryInvalid: FaultReason { FaultReason(0x5B) }
  /// 5Ch: an execute request.
  @inlinable public static var executeRequest: FaultReason { FaultReason(0x5C) }
  /// 5Dh: a supervisor request, and these are not enabled.
  @inlinable public static var supervisorRequest: FaultReason { FaultReason(0x5D) }

  // Scalable mode: tables.
  /// 70h: a lower first-stage table cannot be reached.
  @inlinable public static var firstStageAccess: FaultReason { FaultReason(0x70) }
  /// 71h: a first-stage entry is not present.
  @inlinable public static var firstStageNotPresent: FaultReason { FaultReason(0x71) }
  /// 72h: a reserved bit of a first-stage entry is set.
  @inlinable public static var firstStageReserved: FaultReason { FaultReason(0x72) }
  /// 73h: the top first-stage table cannot be reached.
  @inlinable public static var firstStageTopAccess: FaultReason { FaultReason(0x73) }
  /// 74h: nested, an address in a first-stage entry is beyond the width.
  @inlinable public static var firstStageBeyondWidth: FaultReason { FaultReason(0x74) }
  /// 75h: nested, the second stage forbids reading the top first-stage table.
  @inlinable public static var firstStageTopNotReadable: FaultReason { FaultReason(0x75) }
  /// 76h: nested, the second stage forbids reading a lower first-stage table.
  @inlinable public static var firstStageNotReadable: FaultReason { FaultReason(0x76) }
  /// 77h: nested, the second stage forbids an update of first-stage flags.
  @inlinable public static var firstStageNotWritable: FaultReason { FaultReason(0x77) }
  /// 78h: a lower second-stage table cannot be reached.
  @inlinable public static var secondStageAccess: FaultReason { FaultReason(0x78) }
  /// 79h: a second-stage entry is not present.
  @inlinable public static var secondStageNotPresent: FaultReason { FaultReason(0x79) }
  /// 7Ah: a reserved bit of a second-stage entry is set.
  @inlinable public static var secondStageReserved: FaultReason { FaultReason(0x7A) }
  /// 7Bh: the top second-stage table cannot be reached.
  @inlinable public static var secondStageTopAccess: FaultReason { FaultReason(0x7B) }
  /// 7Ch: second-stage flags must be updated and the walk does not snoop.
  @inlinable public static var secondStageUpdateNotSnooped: FaultReason { FaultReason(0x7C) }
  /// 7Dh: the update of second-stage flags failed.
  @inlinable public static var secondStageUpdateFailed: FaultReason { FaultReason(0x7D) }
  /// 80h: the first-stage input address is not canonical.
  @inlinable public static var notCanonical: FaultReason { FaultReason(0x80) }
  /// 81h: a user request to a supervisor page.
  @inlinable public static var supervisorPage: FaultReason { FaultReason(0x81) }
  /// 82h: no execute permission (3.x).
  @inlinable public static var noExecute: FaultReason { FaultReason(0x82) }
  /// 83h: the address of a translated or pass-through request is beyond the host address width.
  @inlinable public static var scalableBeyondHostWidth: FaultReason { FaultReason(0x83) }
  /// 84h: the second-stage input address is beyond the width.
  @inlinable public static var secondStageBeyondWidth: FaultReason { FaultReason(0x84) }
  /// 85h: no write permission.
  @inlinable public static var scalableNoWrite: FaultReason { FaultReason(0x85) }
  /// 86h: no read permission.
  @inlinable public static var scalableNoRead: FaultReason { FaultReason(0x86) }
  /// 87h: the output lies in the interrupt range.
  @inlinable public static var scalableInterruptRange: FaultReason { FaultReason(0x87) }
  /// 90h: first-stage flags must be updated and the walk does not snoop.
  @inlinable public static var firstStageUpdateNotSnooped: FaultReason { FaultReason(0x90) }
  /// 91h: the update of first-stage flags failed.
  @inlinable public static var firstStageUpdateFailed: FaultReason { FaultReason(0x91) }
}
