import Hardware
import VTdArchitecture

/// Where the VT-d specification leaves a choice, or its revisions differ: what this unit does.
///
/// The defaults follow revision 4.1 and what real units are known to do.
public struct ImplementationChoices: Hashable, Sendable {
  /// Everything at its default.
  public init() {}

  // MARK: Revision and entries

  /// The revision whose reserved bits, types and faults apply.
  public var revision = RevisionProfile.revision4

  /// How the width (AW) of a legacy pass-through entry is checked. Software must program the largest width, yet the only listed fault is an
  /// unsupported one (sections 3.9 and 9.3).
  public var passThroughWidth = EntryRules.PassThroughWidth.supported

  /// Whether an invalid FSPM faults in PASID entries that don't use the first stage (section 9.6 does not call it ignored).
  public var checksUnusedFirstStageMode = false

  /// Whether AW of a PASID entry without second stage is reserved in a unit without second stage. Section 9.6 has it reserved there, and ignored
  /// where the unit has one; drivers set it in every entry.
  public var checksUnusedSecondStageWidth = false

  /// Whether both halves of a scalable-mode root entry are checked for reserved bits, or only the one that the request selects.
  public var checksBothRootHalves = false

  /// Whether a request with PASID 0 faults with 48h in a unit without RID_PASID (ECAP.RPS=0), where requests without PASID use PASID 0.
  public var pasidZeroIsRequesterPASID = false

  /// Whether bit 62 of second-stage leaves is a hint, as in revisions up to 3.1, where it is reserved in later ones (section 9.8); only with
  /// revision 3.x and device-TLB support.
  public var transientMapping = false

  // MARK: Order of conditions

  /// Where a second stage's permissions are checked.
  public enum PermissionCheck: String, Hashable, Sendable, CaseIterable {
    /// At the leaf, on the rights accumulated along the walk.
    case atLeaf
    /// At each level, ending the walk early.
    case atEachLevel
  }

  /// Where a second stage's permissions are checked; the fault is the same, the accessed flags set on the way are not (section 3.7.1).
  public var secondStagePermissionCheck = PermissionCheck.atLeaf

  /// Whether an output in the interrupt range (0Eh, 87h) wins over lacking permission.
  public var interruptRangeBeforePermission = true

  /// Whether an AtomicOp that lacks both permissions reports the missing write permission (05h, 85h), or the read permission.
  public var atomicReportsWriteFirst = true

  /// Whether 5Ch and 5Dh (execute and supervisor requests) win over an unsupported translation type (5Bh).
  public var requestFaultsBeforeEntryType = false

  /// Whether reserved bits anywhere on a first-stage walk win over permissions that an entry above them denies. Otherwise permissions are
  /// compared with the request at each entry, after that entry's own reserved bits.
  public var firstStageReservedBeforePermission = true

  // MARK: Nested tables and flags

  /// The fault of a nested walk whose first-stage table is readable but not writable while SSADE demands both (section 3.8.1).
  public enum TableWriteFault: String, Hashable, Sendable, CaseIterable {
    /// 75h or 76h, as for a table that cannot be read.
    case notReadable
    /// 77h, as for an update that cannot be made.
    case notWritable
  }

  /// The fault of a nested walk whose first-stage table is readable but not writable while SSADE demands both.
  public var tableWriteFault = TableWriteFault.notReadable

  /// Whether reading a first-stage table sets the dirty flag of the second-stage leaf that maps it, or only an update of its flags
  /// (sections 3.7.2 and 3.8.1: reads need write permission, but are not called writes).
  public var tableReadSetsDirty = false

  /// Which accessed flags a request leaves behind that faults later in its walk.
  public enum SpeculativeAccess: String, Hashable, Sendable, CaseIterable {
    /// Those of entries that were passed.
    case passedEntries
    /// Those of every entry that was read and is well-formed, the leaf that refuses the request included.
    case allEntries
  }

  /// Which accessed flags a faulting request leaves behind; they may be set speculatively (sections 3.6.2 and 3.7.2).
  public var speculativeAccess = SpeculativeAccess.passedEntries

  // MARK: Requests

  /// Whether a request in the interrupt range that is no interrupt faults with 29h while translation is disabled too.
  public var interruptRangeFaultsWhileDisabled = true

  /// Whether protected memory regions block requests that are remapped too, as all units since Skylake do (section 11.4.8.1).
  public var protectedMemoryBlocksRemapped = true

  /// Whether walks set accessed and dirty flags even where they don't snoop (PWSNP or ECAP.SMPWCS clear), as emulators do whose memory has
  /// no caches; by the specification such walks fault 7Ch or 90h (table 30: SSS.5, SFS.9).
  public var updatesFlagsWithoutSnoop = false

  /// The answer to a translation request with PASID whose pass-through address lies in the interrupt range.
  public enum PassThroughInterruptRange: String, Hashable, Sendable, CaseIterable {
    /// Success without any permission.
    case noPermission
    /// Success with untranslated-only write access, as for requests without PASID (up to 5.0).
    case untranslatedWrite
  }

  /// The answer to a translation request with PASID whose pass-through address lies in the interrupt range; table 30 excludes it from SGN.8.2
  /// and names no other condition.
  public var passThroughInterruptRange = PassThroughInterruptRange.noPermission

  /// Whether translations of pass-through entries are as large as the unit's largest page, as section 4.2.3 strongly recommends, or 4 KiB.
  public var largePassThroughTranslations = true

  // MARK: Caches

  /// Whether a request with PASID may hit IOTLB entries that requests without PASID of the same requester filled (section 6.2.4).
  ///
  /// Only RID_PASID can be such a PASID, so that the choice is whether 48h is seen while a translation is cached.
  public var pasidRequestsHitRequesterEntries = false

  /// Whether a request that a cached translation would deny walks the tables again before it faults.
  public var rewalksOnDenial = false

  // MARK: Invalidation

  /// Where register-based invalidation works.
  public enum RegisterInvalidation: String, Hashable, Sendable, CaseIterable {
    /// In legacy mode, as the specification has it (sections 11.4.6.1 and 11.4.6.3).
    case legacyMode
    /// In every translation table mode, as some emulators do.
    case everyMode
  }

  /// Where register-based invalidation works.
  public var registerInvalidation = RegisterInvalidation.legacyMode

  /// What an IOTLB invalidation descriptor does whose address mask exceeds CAP.MAMV; the specification leaves it open for descriptors.
  public enum ExcessiveAddressMask: String, Hashable, Sendable, CaseIterable {
    /// It invalidates the whole domain.
    case domain
    /// It invalidates the pages it names.
    case pages
    /// It is an invalid descriptor.
    case invalidDescriptor
  }

  /// What an IOTLB invalidation descriptor does whose address mask exceeds CAP.MAMV.
  public var excessiveAddressMask = ExcessiveAddressMask.domain

  /// Choices of descriptor validation: bit 66 of responses, error codes of the queue, narrow descriptors in scalable mode.
  public var descriptors = DescriptorRules.Options()

  // MARK: Devices

  /// How long a device may take to complete an invalidation before ITE is reported (section 4.3 asks for much more than the time-out of a
  /// read). One minute, which PCI Express gives devices at least.
  public var invalidationTimeout = SimTime(nanoseconds: 60_000_000_000)

  /// Whether invalidations of a device that is not connected complete at once, as if it had nothing to forget; otherwise they time out.
  public var absentDevicesComplete = true

  /// Whether a completion with a tag that is not allocated leaves the tags above it uncounted, as units of major version 5 and below may do
  /// (section 4.3).
  public var completionErrorStopsEarly = false

  /// What becomes of page requests while translation is disabled; the specification does not say.
  public enum DisabledPageRequest: String, Hashable, Sendable, CaseIterable {
    /// They are dropped.
    case drop
    /// The last of a group is answered Invalid Request.
    case invalidRequest
  }

  /// What becomes of page requests while translation is disabled.
  public var pageRequestsWhileDisabled = DisabledPageRequest.drop

  // MARK: Fault recording

  /// Whether a fault is dropped while another of the same requester waits in a recording register (section 7.2.1).
  public var collapsesFaultsOfOneRequester = false

  /// Whether FRCD.FI keeps all bits of a faulting address; the specification has those above the largest table width read 0, some emulators
  /// record them (section 11.4.7.6).
  public var recordsWholeAddress = false

  /// What `EntryRules` takes of these choices.
  public var entries: EntryRules.Options {
    EntryRules.Options(
      revision: revision, passThroughWidth: passThroughWidth, checksUnusedFirstStageMode: checksUnusedFirstStageMode,
      checksUnusedSecondStageWidth: checksUnusedSecondStageWidth)
  }
}
