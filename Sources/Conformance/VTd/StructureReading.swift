import Hardware
import VTdArchitecture

/// Root, context and PASID structures read for one request as the observed machine reads them, and what the architecture minds beside.
///
/// Reserved bits on which both agree are not looked at: an expectation that such a bit explains is compared as it stands.
struct StructureReading {
  /// Where the structures lead.
  enum Destination: Hashable {
    /// Blocked, recorded with this code.
    case blocked(FaultReason)
    case passThrough
    case secondStage(root: PhysicalAddress, width: UInt8)
    /// `levels` of tables from `root` on, a guest physical address if there is a second stage.
    case firstStage(root: GuestPhysicalAddress, levels: Int, through: SecondStage?)
    /// To a stage or mode that is not read here.
    case unread
  }

  /// The second stage of nested translation.
  struct SecondStage: Hashable {
    let root: PhysicalAddress
    let width: UInt8
  }

  /// A fault that the architecture demands or permits where the observed machine goes on or reports another.
  struct Finding: Hashable {
    let deviation: Deviation
    let reason: FaultReason
    /// Whether FPD keeps the fault from being recorded.
    let isSuppressed: Bool
    /// Whether the architecture leaves no other answer.
    let isCertain: Bool
  }

  /// What a trail calls the first word of a context entry.
  static let contextEntry = "context entry"
  /// How a trail's names of the words of a PASID entry begin.
  static let pasidEntry = "PASID entry"
  private static let pasidEntryWords = (0..<3).map { "\(pasidEntry) +\(8 * $0)" }

  private(set) var destination = Destination.unread
  /// The code with which the observed machine stops where the structures lead on.
  private(set) var earlierBlock: FaultReason?
  private(set) var findings: [Finding] = []
  private(set) var trail: [TableWord] = []
  private(set) var isLegacy = true
  /// FPD of any structure read so far.
  private(set) var isSuppressed = false
  /// The PASID table entry, if the request reached one that is present.
  private(set) var pasidEntry: PASIDTableEntry?

  private let identity: UnitIdentity
  private let memory: MemoryView

  /// Reads the structures below the latched root table address.
  init(_ root: RootTableAddress, requester: RequesterID, pasid: PASID?, identity: UnitIdentity, memory: MemoryView) {
    self.identity = identity
    self.memory = memory
    switch root.mode {
    case .legacy: destination = pasid == nil ? legacy(root.table, requester) : .unread
    case .scalable where identity.extended.scalableMode:
      isLegacy = false
      destination = scalable(root.table, requester, pasid)
    default: break
    }
  }

  private mutating func word(_ name: String, _ table: PhysicalAddress, _ offset: UInt64) -> UInt64? {
    let place = table.advanced(by: offset)
    guard place.rawValue >> UInt64(identity.hostAddressWidth) == 0, let value = memory.read64(place) else { return nil }
    trail.append(TableWord(name: name, address: place, value: value))
    return value
  }

  private mutating func find(_ deviation: Deviation, _ reason: FaultReason, certain: Bool = true) {
    findings.append(Finding(deviation: deviation, reason: reason, isSuppressed: isSuppressed, isCertain: certain))
  }

  private mutating func legacy(_ table: PhysicalAddress, _ requester: RequesterID) -> Destination {
    guard let low = word("root entry", table, UInt64(requester.bus) * RootEntry.byteCount) else { return .blocked(.rootAccess) }
    let root = RootEntry(words: [low, 0])
    guard root.present else { return .blocked(.rootNotPresent) }
    let offset = UInt64(requester.deviceFunction) * ContextEntry.byteCount
    guard let low = word(Self.contextEntry, root.contextTable, offset), let high = word("context entry +8", root.contextTable, offset + 8)
    else { return .blocked(.contextAccess) }
    let context = ContextEntry(words: [low, high])
    isSuppressed = context.faultProcessingDisabled
    guard context.present else { return .blocked(.contextNotPresent) }
    switch context.type {
    case .passThrough: return .passThrough
    case .untranslatedOnly, .deviceTLB: return secondStage(context.secondStageTable, context.width)
    case .reserved: return .unread
    }
  }

  private mutating func scalable(_ table: PhysicalAddress, _ requester: RequesterID, _ pasid: PASID?) -> Destination {
    let offset = UInt64(requester.bus) * ScalableRootEntry.byteCount
    guard let low = word("root entry", table, offset), let high = word("root entry +8", table, offset + 8) else {
      return .blocked(.rootAccess)
    }
    let half = ScalableRootEntry(words: [low, high])[requester.deviceFunction]
    let reserved = UInt64.mask(bits: 1...11) | ~UInt64.mask(width: identity.hostAddressWidth)
    guard half.rawValue & reserved == 0 else { return .blocked(half.present ? .rootReserved : .rootNotPresent) }
    if (low | high) & reserved != 0 {
      // What lies behind the half that is used is the other right answer.
      find(.otherRootHalf, .scalableRootReserved, certain: false)
      earlierBlock = .rootReserved
    }
    guard half.present else { return .blocked(.rootNotPresent) }
    let place = UInt64(requester.deviceFunction & 127) * ScalableContextEntry.byteCount
    guard let first = word(Self.contextEntry, half.contextTable, place), let second = word("context entry +8", half.contextTable, place + 8)
    else { return .blocked(.contextAccess) }
    let context = ScalableContextEntry(words: [first, second, 0, 0])
    isSuppressed = context.faultProcessingDisabled
    guard context.present else { return .blocked(.contextNotPresent) }
    check(context)
    return entry(context.directory, pasid ?? (identity.extended.requesterPASID ? context.requesterPASID : PASID(0)))
  }

  /// Table 9.4: fields of absent capabilities are reserved; PRE needs DTE.
  private mutating func check(_ context: ScalableContextEntry) {
    let extended = identity.extended
    let reserved =
      (context.deviceTLBEnabled && !extended.deviceTLB) || (context.pasidEnabled && !extended.pasid)
      || (context.pageRequestsEnabled && !extended.pageRequests)
      || (context.requesterPASID != PASID(0) && !extended.requesterPASID)
    if reserved {
      find(.contextControlBits, .scalableContextReserved)
    } else if context.pageRequestsEnabled, !context.deviceTLBEnabled {
      find(.contextContradiction, .scalableContextInvalid)
    }
  }

  private mutating func entry(_ directory: PhysicalAddress, _ pasid: PASID) -> Destination {
    let place = PASIDDirectoryEntry.index(of: pasid) * PASIDDirectoryEntry.byteCount
    guard let word = word("PASID directory entry", directory, place) else { return .blocked(.directoryAccess) }
    let pointer = PASIDDirectoryEntry(rawValue: word)
    isSuppressed = isSuppressed || pointer.faultProcessingDisabled
    guard pointer.present else { return .blocked(.directoryNotPresent) }
    var words = SIMD8<UInt64>()
    let offset = PASIDTableEntry.index(of: pasid) * PASIDTableEntry.byteCount
    for index in 0..<3 {
      guard let word = self.word(Self.pasidEntryWords[index], pointer.table, offset + UInt64(8 * index)) else {
        return .blocked(.pasidEntryAccess)
      }
      words[index] = word
    }
    let entry = PASIDTableEntry(words: words)
    isSuppressed = isSuppressed || entry.faultProcessingDisabled
    guard entry.present else {
      if entry.stages != nil, isAvailable(entry) { return .blocked(.pasidEntryNotPresent) }
      find(.pasidEntryPresence, .pasidEntryNotPresent)
      return .blocked(.pasidEntryInvalid)
    }
    pasidEntry = entry
    check(entry)
    guard isAvailable(entry) else { return .blocked(.pasidEntryInvalid) }
    switch entry.stages {
    case .passThrough: return .passThrough
    case .secondStage: return secondStage(entry.secondStageTable, entry.width)
    case .firstStage: return firstStage(entry, through: nil)
    case .nested:
      guard identity.capabilities.supportsSecondStage(width: entry.width) else { return .unread }
      return firstStage(entry, through: SecondStage(root: entry.secondStageTable, width: entry.width))
    case nil: return .unread
    }
  }

  private func isAvailable(_ entry: PASIDTableEntry) -> Bool {
    switch entry.stages {
    case .firstStage: identity.extended.firstStageTranslation
    case .secondStage: identity.extended.secondStageTranslation
    case .nested: identity.extended.nestedTranslation
    case .passThrough: identity.extended.passThrough
    case nil: false
    }
  }

  /// Table 9.6: fields of absent capabilities are reserved.
  private mutating func check(_ entry: PASIDTableEntry) {
    let extended = identity.extended
    let usesSecondStage = entry.stages == .secondStage || entry.stages == .nested
    let usesFirstStage = entry.stages == .firstStage || entry.stages == .nested
    let reserved =
      (entry.supervisorRequests && !extended.supervisorRequests) || (entry.pageWalkSnoop && !extended.scalableModePageWalkCoherency)
      || (entry.pageSnoop && !extended.snoopControl) || (entry.cacheDisable && !extended.memoryTypes)
      || (entry.pageAttributes != 0 && !extended.memoryTypes)
      || (usesSecondStage && entry.secondStageAccessedDirty && !extended.secondStageAccessedDirty)
      || (usesSecondStage && entry.extendedMemoryTypes && !extended.memoryTypes)
      || (usesFirstStage && entry.extendedAccessed && !extended.extendedAccessedFlag)
    if reserved { find(.pasidEntryControlBits, .pasidEntryReserved) }
    let ignored =
      (!usesSecondStage && entry.secondStageAccessedDirty && !extended.secondStageAccessedDirty)
      || (!usesSecondStage && entry.extendedMemoryTypes && !extended.memoryTypes)
      || (!usesFirstStage && entry.extendedAccessed && !extended.extendedAccessedFlag)
    if ignored { find(.ignoredControlBits, .pasidEntryReserved, certain: false) }
    if !isAvailable(entry), !extended.secondStageTranslation, entry.width != 0 || entry.secondStageTable != PhysicalAddress(0) {
      find(.pasidEntryTwoFaults, .pasidEntryReserved, certain: false)
    }
  }

  private func firstStage(_ entry: PASIDTableEntry, through second: SecondStage?) -> Destination {
    switch entry.firstStageMode {
    case 0: .firstStage(root: entry.firstStageTable, levels: 4, through: second)
    case 1 where identity.capabilities.firstStage5Level: .firstStage(root: entry.firstStageTable, levels: 5, through: second)
    default: .unread
    }
  }

  private func secondStage(_ root: PhysicalAddress, _ width: UInt8) -> Destination {
    identity.capabilities.supportsSecondStage(width: width) ? .secondStage(root: root, width: width) : .unread
  }
}
