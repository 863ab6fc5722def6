import Hardware
import VTdArchitecture

extension ImplementationChoices {
  /// All choices.
  public static let parameters: [Parameter<Self>] =
    entryChoices + orderChoices + tableChoices + requestChoices + invalidationChoices + deviceChoices + faultChoices

  private static let entryChoices: [Parameter<Self>] = [
    Parameter("revision", "revision whose reserved bits, types and faults apply", \Self.revision, .choice()),
    Parameter("pass_through_width", "which widths a legacy pass-through entry may have", \Self.passThroughWidth, .choice()),
    Parameter(
      "checks_unused_first_stage_mode", "an invalid FSPM faults in PASID entries that don't use the first stage",
      \Self.checksUnusedFirstStageMode, .flag),
    Parameter(
      "checks_unused_second_stage_width", "AW of PASID entries without second stage is reserved in a unit without second stage",
      \Self.checksUnusedSecondStageWidth, .flag),
    Parameter(
      "checks_both_root_halves", "both halves of a scalable-mode root entry are checked for reserved bits", \Self.checksBothRootHalves,
      .flag),
    Parameter(
      "pasid_zero_is_requester_pasid", "a request with PASID 0 faults in a unit without RID_PASID", \Self.pasidZeroIsRequesterPASID,
      .flag),
  ]

  private static let orderChoices: [Parameter<Self>] = [
    Parameter(
      "second_stage_permission_check", "where a second stage's permissions are checked", \Self.secondStagePermissionCheck, .choice()),
    Parameter(
      "interrupt_range_before_permission", "an output in the interrupt range wins over lacking permission",
      \Self.interruptRangeBeforePermission, .flag),
    Parameter(
      "atomic_reports_write_first", "an AtomicOp that lacks both permissions reports the missing write permission",
      \Self.atomicReportsWriteFirst, .flag),
    Parameter(
      "request_faults_before_entry_type", "faults of execute and supervisor requests win over an unsupported translation type",
      \Self.requestFaultsBeforeEntryType, .flag),
  ]

  private static let tableChoices: [Parameter<Self>] = [
    Parameter(
      "transient_mapping", "bit 62 of second-stage leaves is a hint in a unit of revision 3.x with device-TLB support",
      \Self.transientMapping, .flag),
    Parameter(
      "first_stage_reserved_before_permission", "reserved bits on a first-stage walk win over permissions that an entry above denies",
      \Self.firstStageReservedBeforePermission, .flag),
    Parameter(
      "table_write_fault", "fault of a first-stage table that is readable and not writable while SSADE demands both",
      \Self.tableWriteFault, .choice()),
    Parameter(
      "table_read_sets_dirty", "reading a first-stage table sets the dirty flag of the leaf that maps it", \Self.tableReadSetsDirty, .flag),
    Parameter(
      "speculative_access", "accessed flags that a request leaves behind that faults later in its walk", \Self.speculativeAccess, .choice()),
  ]

  private static let requestChoices: [Parameter<Self>] = [
    Parameter(
      "interrupt_range_faults_while_disabled", "a request in the interrupt range that is no interrupt faults while translation is disabled",
      \Self.interruptRangeFaultsWhileDisabled, .flag),
    Parameter(
      "protected_memory_blocks_remapped", "protected memory regions block requests that are remapped too",
      \Self.protectedMemoryBlocksRemapped, .flag),
    Parameter(
      "updates_flags_without_snoop", "walks set accessed and dirty flags even where they don't snoop",
      \Self.updatesFlagsWithoutSnoop, .flag),
    Parameter(
      "pass_through_interrupt_range",
      "answer to a translation request with PASID whose pass-through address lies in the interrupt range",
      \Self.passThroughInterruptRange, .choice()),
    Parameter(
      "large_pass_through_translations", "translations of pass-through entries are as large as the unit's largest page",
      \Self.largePassThroughTranslations, .flag),
    Parameter(
      "pasid_requests_hit_requester_entries",
      "a request with PASID may hit IOTLB entries that requests without PASID of the same requester filled",
      \Self.pasidRequestsHitRequesterEntries, .flag),
    Parameter(
      "rewalks_on_denial", "a request that a cached translation would deny walks the tables again before it faults", \Self.rewalksOnDenial,
      .flag),
  ]

  private static let invalidationChoices: [Parameter<Self>] = [
    Parameter("register_invalidation", "where register-based invalidation works", \Self.registerInvalidation, .choice()),
    Parameter(
      "excessive_address_mask", "what an IOTLB invalidation descriptor does whose address mask exceeds CAP.MAMV",
      \Self.excessiveAddressMask, .choice()),
    Parameter(
      "strict_response_bit", "bit 66 of a page group response is reserved", \Self.descriptors.strictResponseBit, .flag),
    Parameter(
      "granularity_error", "error of a reserved granularity, and of a page-selective invalidation without CAP.PSI",
      \Self.descriptors.granularityError, .queueError),
    Parameter(
      "unsupported_mode_error", "error of a translation table mode that the unit does not support", \Self.descriptors.unsupportedModeError,
      .queueError),
    Parameter(
      "accepts_narrow_descriptors", "types of legacy mode are taken with 128-bit descriptors in other modes too",
      \Self.descriptors.acceptsNarrowDescriptors, .flag),
    Parameter(
      "accepts_unsupported_device_tlb", "device-TLB invalidations are taken, and do nothing, in a unit without device-TLB support",
      \Self.descriptors.acceptsUnsupportedDeviceTLB, .flag),
  ]

  private static let deviceChoices: [Parameter<Self>] = [
    Parameter(
      "invalidation_timeout_ns", "how long a device may take to complete an invalidation", \Self.invalidationTimeout,
      .nanoseconds(upTo: SimTime(nanoseconds: 1_000_000_000_000))),
    Parameter(
      "absent_devices_complete", "invalidations of a device that is not connected complete at once; otherwise they time out",
      \Self.absentDevicesComplete, .flag),
    Parameter(
      "completion_error_stops_early", "a completion with a tag that is not allocated leaves the tags above it uncounted",
      \Self.completionErrorStopsEarly, .flag),
    Parameter(
      "page_requests_while_disabled", "what becomes of page requests while translation is disabled", \Self.pageRequestsWhileDisabled,
      .choice()),
  ]

  private static let faultChoices: [Parameter<Self>] = [
    Parameter(
      "collapses_faults_of_one_requester", "a fault is dropped while another of the same requester waits in a recording register",
      \Self.collapsesFaultsOfOneRequester, .flag),
    Parameter("records_whole_address", "FRCD.FI keeps all bits of a faulting address", \Self.recordsWholeAddress, .flag),
  ]
}

extension ParameterDomain where Field == InvalidationQueueError {
  /// The error by its number, as IQERCD.IQEI reports it.
  static var queueError: Self {
    Self(
      "an IQEI code from 1 to \(InvalidationQueueError.allCases.count)",
      parse: { UInt8($0).flatMap { InvalidationQueueError(rawValue: $0) } }, value: { .integer(UInt64($0.rawValue)) })
  }
}
