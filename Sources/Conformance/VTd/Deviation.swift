import VTdArchitecture

/// A difference between what was observed on QEMU 11.1.3, or what an image's maker assumed, and what the VT-d specification demands.
///
/// This is the one list of them. An expectation of a case is replaced by the architecture's answer only where it shows exactly what the
/// deviation predicts; any other expectation is compared as it stands. Sections are those of the specification, rev 5.10.
public enum Deviation: String, Hashable, Sendable, CaseIterable {
  // Requests.
  /// Root, context and second-stage faults of scalable mode are recorded with the codes of legacy mode (table 30).
  case scalableModeCodes
  /// DTE, PASIDE, PRE and RID_PASID are not checked against the capabilities; they are reserved without them: 42h (9.4).
  case contextControlBits
  /// PRE without DTE is not faulted; the fields contradict each other: 43h (9.4).
  case contextContradiction
  /// SRE, EAFE, SSADE, PWSNP, PGSNP, CD, EMTE and PAT of a PASID entry are not checked; they are reserved without their capabilities:
  /// 5Ah (9.6).
  case pasidEntryControlBits
  /// The same for a field that PGTT makes ignored: the text calls it both reserved and ignored, either answer is right (9.6).
  case ignoredControlBits
  /// PGTT is checked before P, so that an empty entry gives 5Bh; presence comes first: 59h (9.6).
  case pasidEntryPresence
  /// PGTT cannot be had and a field reserved for want of a capability is set: 5Bh was seen, 5Ah is as right, no order being given (9.6).
  case pasidEntryTwoFaults
  /// Reserved bits of the half of a root entry that the request does not use give 3Ah; the half may as well not be looked at (9.2).
  case otherRootHalf
  /// SNP of a leaf is accepted in scalable mode without snoop control; it is reserved then: 7Ah (9.8).
  case snoopInLeaf
  /// Bit 62 of an entry is accepted as the TM hint of revisions up to 3.1; later it is reserved: 7Ah or 0Ch (9.8).
  case transientMapping
  /// Permission is tested at each level, before reserved bits and the interrupt range; the order is open, so that where several conditions
  /// hold each of their codes is right (table 30 gives conditions, no order).
  case orderOfChecks
  /// A leaf any part of which lies in the interrupt range is rejected; for untranslated requests the accessed address decides (3.14).
  case interruptRange
  /// Pass-through stops checking addresses against the host address width; they fault 04h or 83h (table 30: LGN.1.3, SGN.4.2).
  case passThroughWidth
  /// The addresses of a first stage are held to be canonical by the width that AW gives; they have 48 or 57 bits by FSPM, and AW is ignored
  /// (3.6, 9.6).
  case firstStageWidth
  /// PS is accepted in a first-stage PDPE without 1 GiB pages; it is reserved then: 72h (3.6).
  case firstStageLargePages
  /// A changed table entry that nothing has invalidated: the old translation or the new one may be used, and entries may be evicted at any
  /// time (6.2).
  case staleTranslation

  // Accessed and dirty flags of the first stage.
  /// Flags are set though the unit cannot snoop on walks; by the architecture such a walk faults 90h. The case's unit is one that sets them
  /// all the same, so that what it sets can be compared (table 30: SFS.9).
  case flagsWithoutSnoop
  /// D stays clear where a write finds A set already, or a translation that a read has cached; every write sets D (3.6.2).
  case flagsLeftClear
  /// Requests that are blocked set A level by level as far as they get, and D before the interrupt range is looked at; A of a blocked
  /// request may or may not be set, D is not (3.6.2).
  case flagsOfBlockedRequests

  // Fault recording.
  /// The address in a fault record is complete; bits from the largest supported AGAW up may as well read 0 (11.4.7.6).
  case faultInformationWidth
  /// A further fault of a requester with a pending record is dropped; it may as well set PFO (7.2.1).
  case faultCollapse

  // Registers and queued invalidation.
  /// IQERCD always reads 0; while IQE is set it tells why (11.4.9.9).
  case queueErrorCode
  /// 128-bit descriptors are taken in scalable mode; the queue stops at the first with IQEI 5 (6.5.2, table 26).
  case queueWidth
  /// Device-TLB descriptors are taken without device-TLB support; the queue stops with IQEI 3 (6.5.2).
  case deviceTLBDescriptor
  /// An address mask above MAMV stops the queue; what it does is open, a wider invalidation is as right (6.5.2.3).
  case addressMask
  /// CCMD and IOTLB invalidate in scalable mode too; there they report granularity 0 and do nothing (11.4.6.1, 11.4.6.3).
  case registerInvalidation
  /// IQA reads back the base that was in force when the queue was enabled; it reads back what was written (11.4.9.3).
  case queueAddress
  /// IEDATA keeps its upper half, which was EIMD up to revision 3.2 and is reserved since (11.4.9).
  case invalidationEventData
  /// PECTL reads 0; with page-request support its mask bit is set after reset and can be written (11.4.11).
  case pageRequestEventControl
  /// CFIS stays 0; it follows CFI (11.4.4.2).
  case compatibilityFormatStatus
  /// Address bits beyond the host address width, and fields of absent capabilities, need not be implemented (11.4).
  case optionalBits
  /// QIE cannot be cleared unless the last descriptor was a wait; software must not try, so either answer is right (6.5.2).
  case queueDisable
  /// Translation cannot be enabled in a unit without second-stage widths; it is open whether such a unit can (11.4.4.1).
  case translationWithoutWidths

  // Images of page tables.
  /// An image's flags need an update that walks may not make without snooping: access faults 7Ch or 90h until software sets them (3.6.2, 3.7.2).
  case updateNotSnooped
  /// Drivers set PRE before they set DTE, and the images show it; until software mends the entry every request faults 43h (9.4).
  case pageRequestsWithoutDeviceTLB
  /// Nested PASID entries of the vectors name first-stage tables at any address; one that the second stage does not translate is invalid: 5Bh
  /// (table 30: SPT.4.4).
  case firstStageTableBeyondSecondStage
  /// Nested images have guest physical addresses beyond the host address width; those bits of a first-stage entry are reserved, whatever the
  /// second stage translates: 72h. A wider unit must answer as the case says (9.7).
  case guestAddressBeyondHost
  /// The images' ECAP lacks PT although they use pass-through; their unit is given it (11.4.3).
  case passThroughCapability
}

extension Deviation {
  /// The scalable-mode codes that stand for a recorded legacy one; nil if the code is recorded as it is.
  static func scalableModeReasons(for recorded: FaultReason) -> [FaultReason]? {
    switch recorded {
    case .rootNotPresent: [.scalableRootNotPresent]
    case .contextNotPresent: [.scalableContextNotPresent]
    case .contextInvalid: [.scalableContextInvalid, .secondStageTopAccess]
    case .addressBeyondWidth: [.secondStageBeyondWidth, .scalableBeyondHostWidth]
    case .noWrite: [.scalableNoWrite, .secondStageNotPresent]
    case .noRead: [.scalableNoRead, .secondStageNotPresent]
    case .tableAccess: [.secondStageAccess]
    case .rootAccess: [.scalableRootAccess]
    case .contextAccess: [.scalableContextAccess]
    case .rootReserved: [.scalableRootReserved]
    case .contextReserved: [.scalableContextReserved]
    case .tableReserved: [.secondStageReserved]
    default: nil
    }
  }
}
