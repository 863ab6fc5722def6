import Hardware

/// What a unit checks in root, context and PASID entries: reserved bits by revision and capability, then whether it can do what they ask.
///
/// Presence is tested first, then reserved bits, then the rest, as every check here does.
@frozen public struct EntryRules: Sendable {
  /// How the width (AW) of a legacy pass-through entry is checked; the specification asks software for the largest and lists one fault.
  public enum PassThroughWidth: String, Sendable, CaseIterable {
    /// Any supported width will do.
    case supported
    /// Only the largest supported one will do.
    case largest
    /// The field is ignored.
    case ignored
  }

  /// Where the specification leaves a choice.
  public struct Options: Hashable, Sendable {
    /// The revision that decides on reserved bits.
    public var revision: RevisionProfile
    /// How the width of a legacy pass-through entry is checked.
    public var passThroughWidth: PassThroughWidth
    /// Whether an invalid FSPM faults in PASID entries that don't use the first stage.
    public var checksUnusedFirstStageMode: Bool
    /// Whether AW is reserved in a unit without second stage for entries that don't use one. The text has it reserved, then ignored; drivers
    /// set it in every entry.
    public var checksUnusedSecondStageWidth: Bool

    /// The given choices.
    public init(
      revision: RevisionProfile = .revision4, passThroughWidth: PassThroughWidth = .supported, checksUnusedFirstStageMode: Bool = false,
      checksUnusedSecondStageWidth: Bool = false
    ) {
      self.revision = revision
      self.passThroughWidth = passThroughWidth
      self.checksUnusedFirstStageMode = checksUnusedFirstStageMode
      self.checksUnusedSecondStageWidth = checksUnusedSecondStageWidth
    }
  }

  /// The unit.
  public let identity: UnitIdentity
  @usableFromInline let options: Options
  @usableFromInline let rootReserved: SIMD2<UInt64>
  @usableFromInline let contextReserved: SIMD2<UInt64>
  @usableFromInline let passThroughContextReserved: SIMD2<UInt64>
  @usableFromInline let scalableRootReserved: UInt64
  @usableFromInline let scalableContextReserved: SIMD4<UInt64>
  @usableFromInline let directoryReserved: UInt64
  @usableFromInline let pasidEntryReserved: SIMD8<UInt64>
  @usableFromInline let pasidEntryReservedWithoutSecondStage: SIMD8<UInt64>

  /// The rules for a unit.
  public init(_ identity: UnitIdentity, options: Options = Options()) {
    self.identity = identity
    self.options = options
    let registers = identity.registerIdentity(options.revision)
    let beyondHost = ~UInt64.mask(width: identity.hostAddressWidth)
    let beyondDomains = UInt64.mask(width: 16) & ~.mask(width: identity.capabilities.domainIDWidth)
    func reserved(_ layout: StructureDeclaration, _ word: Int) -> UInt64 { layout.reservedMask(word: word, for: registers) }

    rootReserved = [reserved(RootEntry.layout, 0) | beyondHost, reserved(RootEntry.layout, 1)]
    passThroughContextReserved = [reserved(ContextEntry.layout, 0), reserved(ContextEntry.layout, 1) | beyondDomains << 8]
    contextReserved = passThroughContextReserved | [beyondHost, 0]
    scalableRootReserved = reserved(ScalableRootEntry.layout, 0) | beyondHost
    scalableContextReserved = [
      reserved(ScalableContextEntry.layout, 0) | beyondHost, reserved(ScalableContextEntry.layout, 1),
      reserved(ScalableContextEntry.layout, 2), reserved(ScalableContextEntry.layout, 3),
    ]
    directoryReserved = reserved(PASIDDirectoryEntry.layout, 0) | beyondHost
    var entry = SIMD8<UInt64>()
    for word in 0..<8 { entry[word] = reserved(PASIDTableEntry.layout, word) }
    entry[0] |= beyondHost
    entry[1] |= beyondDomains
    entry[2] |= beyondHost
    if options.revision == .revision5, identity.extended.hostPermissionTables { entry[4] |= beyondHost }
    pasidEntryReserved = entry
    if !options.checksUnusedSecondStageWidth { entry[0] &= ~UInt64.mask(bits: 2...4) }
    pasidEntryReservedWithoutSecondStage = entry
  }

  /// The reserved bits of a legacy root entry.
  @inlinable public var rootEntryReservedMask: SIMD2<UInt64> { rootReserved }
  /// The reserved bits of a legacy context entry; the whole table pointer is ignored in pass-through entries.
  @inlinable public func contextEntryReservedMask(_ type: TranslationType) -> SIMD2<UInt64> {
    type == .passThrough ? passThroughContextReserved : contextReserved
  }
  /// The reserved bits of either half of a scalable-mode root entry.
  @inlinable public var scalableRootEntryReservedMask: UInt64 { scalableRootReserved }
  /// The reserved bits of a scalable-mode context entry.
  @inlinable public var scalableContextEntryReservedMask: SIMD4<UInt64> { scalableContextReserved }
  /// The reserved bits of a PASID directory entry.
  @inlinable public var directoryEntryReservedMask: UInt64 { directoryReserved }
  /// The reserved bits of a PASID table entry with the given PGTT; `nil` for a reserved one.
  @inlinable public func pasidTableEntryReservedMask(_ stages: PASIDTranslationType?) -> SIMD8<UInt64> {
    stages == .firstStage || stages == .passThrough ? pasidEntryReservedWithoutSecondStage : pasidEntryReserved
  }

  /// What is wrong with a legacy root entry, if anything.
  @inlinable public func fault(in entry: RootEntry) -> FaultReason? {
    guard entry.present else { return .rootNotPresent }
    return entry.words & rootReserved == .zero ? nil : .rootReserved
  }

  /// What is wrong with a legacy context entry, if anything.
  @inlinable public func fault(in entry: ContextEntry) -> FaultReason? {
    guard entry.present else { return .contextNotPresent }
    let type = entry.type
    guard entry.words & contextEntryReservedMask(type) == .zero else { return .contextReserved }
    let supported = identity.capabilities.supportsSecondStage(width: entry.width)
    switch type {
    case .untranslatedOnly: return supported ? nil : .contextInvalid
    case .deviceTLB: return supported && identity.extended.deviceTLB ? nil : .contextInvalid
    case .passThrough:
      guard identity.extended.passThrough else { return .contextInvalid }
      switch options.passThroughWidth {
      case .supported: return supported ? nil : .contextInvalid
      case .largest: return supported && entry.width == identity.capabilities.largestSecondStageWidth ? nil : .contextInvalid
      case .ignored: return nil
      }
    case .reserved: return .contextInvalid
    }
  }

  /// What is wrong with a half of a scalable-mode root entry, if anything.
  @inlinable public func fault(in half: ScalableRootHalf) -> FaultReason? {
    guard half.present else { return .scalableRootNotPresent }
    return half.rawValue & scalableRootReserved == 0 ? nil : .scalableRootReserved
  }

  /// What is wrong with a scalable-mode context entry, if anything.
  @inlinable public func fault(in entry: ScalableContextEntry) -> FaultReason? {
    guard entry.present else { return .scalableContextNotPresent }
    guard entry.words & scalableContextReserved == .zero else { return .scalableContextReserved }
    if entry.pageRequestsEnabled, !entry.deviceTLBEnabled { return .scalableContextInvalid }
    if entry.requesterPASID.rawValue >= entry.pasidLimit { return .scalableContextInvalid }
    if entry.pasidInTranslatedRequests, !entry.pasidEnabled { return .scalableContextInvalid }
    return nil
  }

  /// What is wrong with a PASID directory entry, if anything.
  @inlinable public func fault(in entry: PASIDDirectoryEntry) -> FaultReason? {
    guard entry.present else { return .directoryNotPresent }
    return entry.rawValue & directoryReserved == 0 ? nil : .directoryReserved
  }

  /// What is wrong with a PASID table entry, if anything.
  @inlinable public func fault(in entry: PASIDTableEntry) -> FaultReason? {
    guard entry.present else { return .pasidEntryNotPresent }
    let stages = entry.stages
    guard entry.words & pasidTableEntryReservedMask(stages) == .zero else { return .pasidEntryReserved }
    let first = firstStageModeIsValid(entry.firstStageMode)
    let second = identity.capabilities.supportsSecondStage(width: entry.width)
    let extended = identity.extended
    let valid =
      switch stages {
      case .firstStage: extended.firstStageTranslation && first
      case .secondStage: extended.secondStageTranslation && second && (first || !options.checksUnusedFirstStageMode)
      case .nested:
        extended.nestedTranslation && extended.firstStageTranslation && extended.secondStageTranslation && first && second
          && entry.firstStageTable.rawValue <= .mask(width: inputWidth(secondStageWidth: entry.width))
      case .passThrough: extended.passThrough && (first || !options.checksUnusedFirstStageMode)
      case nil: false
      }
    return valid ? nil : .pasidEntryInvalid
  }

  /// The bits of an address that a second stage of the given AW translates: min(MGAW, AGAW).
  @inlinable public func inputWidth(secondStageWidth width: UInt8) -> Int {
    min(identity.capabilities.maximumGuestAddressWidth, 30 + 9 * Int(width))
  }

  @inlinable func firstStageModeIsValid(_ mode: UInt8) -> Bool { mode == 0 || mode == 1 && identity.capabilities.firstStage5Level }
}
