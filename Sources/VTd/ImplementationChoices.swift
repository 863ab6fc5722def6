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

  /// Whether both halves of a scalable-mode root entry are checked for reserved bits, or only the one that the request selects.
  public var checksBothRootHalves = false

  /// Whether a request with PASID 0 faults with 48h in a unit without RID_PASID (ECAP.RPS=0), where requests without PASID use PASID 0.
  public var pasidZeroIsRequesterPASID = false

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

  // MARK: Requests

  /// Whether a request in the interrupt range that is no interrupt faults with 29h while translation is disabled too.
  public var interruptRangeFaultsWhileDisabled = true

  /// Whether protected memory regions block requests that are remapped too, as all units since Skylake do (section 11.4.8.1).
  public var protectedMemoryBlocksRemapped = true

  // MARK: Caches

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
      revision: revision, passThroughWidth: passThroughWidth, checksUnusedFirstStageMode: checksUnusedFirstStageMode)
  }
}
