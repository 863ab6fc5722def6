import Hardware
import PageTables
import Translation
import VTdArchitecture

/// What context and PASID entries say of a request: the cached ones, which it used, and those in memory.
public struct ConfigurationInspection {
  /// What became of a search for how to translate a request.
  public enum Outcome {
    /// It is translated so.
    case context(TranslationContext)
    /// It is refused.
    case fault(TranslationFault)
  }

  /// A cached entry beside the entry in memory.
  public struct CachedEntry: Hashable, Sendable {
    /// The domain that the cached entry is tagged with, if it has one.
    public var domain: DomainID?
    /// Memory says something else now.
    public var isStale: Bool
    /// What the cached entry says.
    public var cached: String
    /// What memory says.
    public var present: String
  }

  /// The entries in memory.
  public var path: StructurePath
  /// The cached context entry; `nil` if there is none.
  public var context: CachedEntry?
  /// The cached PASID entry; `nil` if there is none.
  public var pasidEntry: CachedEntry?
  /// The PASID that selects the PASID entry; `nil` in legacy mode.
  public var pasid: PASID?
  /// How the request is translated as far as cached entries are used for it.
  public var used: Outcome
  /// How it would be translated without caches.
  public var present: Outcome
}

extension RequestContextResolver {
  /// Looks at the configuration of a request, in the caches and in memory, and changes nothing.
  mutating func inspect(_ request: TranslationRequest, with scratch: inout InspectionScratch) -> ConfigurationInspection {
    let context = caches.peekContextEntry(of: request.requester)
    let isScalable = if case .scalable = mode { true } else { false }
    let before = recent
    let translation = current.pointee
    swap(&caches, &scratch.caches)
    defer {
      caches.removeContexts { _, _ in true }
      caches.removePASIDs { _, _ in true }
      swap(&caches, &scratch.caches)
      recent = before
      current.pointee = translation
    }
    let present = outcome(of: request, through: scratch.port.pointer)
    let presentContext = caches.peekContextEntry(of: request.requester)
    var pasid: PASID?
    if isScalable {
      let words = context?.words ?? presentContext?.words
      pasid = request.pasid ?? words.map { usesRequesterPASID ? ScalableContextEntry(words: $0).requesterPASID : PASID(0) }
    }
    let presentEntry = pasid.flatMap { caches.peekPASIDEntry($0, of: request.requester) }
    let entry = pasid.flatMap { scratch.caches.peekPASIDEntry($0, of: request.requester) }
    let path =
      isScalable
      ? StructurePath.scalable(request.requester, request.pasid, usesRequesterPASID: usesRequesterPASID, root: root, in: memory)
      : StructurePath.legacy(request.requester, root: root, in: memory)
    var inspection = ConfigurationInspection(path: path, pasid: pasid, used: present, present: present)
    if let context {
      caches.insert(context: context.words, domain: context.domain, of: request.requester, ready: .zero)
      inspection.context = .init(
        domain: context.domain, isStale: context.words != presentContext?.words,
        cached: Self.describe(context.words, isScalable),
        present: presentContext.map { Self.describe($0.words, isScalable) } ?? "not valid")
    }
    if let entry, let pasid {
      caches.insert(entry, pasid, of: request.requester)
      inspection.pasidEntry = .init(
        domain: entry.domain, isStale: presentEntry.map { !$0.says(theSameAs: entry) } ?? true, cached: entry.summary,
        present: presentEntry?.summary ?? "not valid")
    }
    if inspection.context?.isStale == true || inspection.pasidEntry?.isStale == true {
      inspection.used = outcome(of: request, through: scratch.port.pointer)
    }
    return inspection
  }

  private mutating func outcome(
    of request: TranslationRequest, through port: UnsafeMutablePointer<MemoryPort>
  ) -> ConfigurationInspection.Outcome {
    var time = SimTime.zero
    recent.isCached = false
    switch resolve(request, at: &time, through: port) {
    case .context(let context): return .context(context.pointee)
    case .fault(let fault): return .fault(fault)
    }
  }

  private static func describe(_ words: SIMD4<UInt64>, _ isScalable: Bool) -> String {
    if isScalable {
      let entry = ScalableContextEntry(words: words)
      return "PASID directory \(entry.directory), RID_PASID \(entry.requesterPASID)"
    }
    let entry = ContextEntry(words: words.lowHalf)
    return "domain \(entry.domain), \(entry.type == .passThrough ? "pass-through" : "table \(entry.secondStageTable)")"
  }
}

extension ConfigurationCaches.PASIDEntry {
  /// Whether requests meet the same in both, however long their fetches take.
  func says(theSameAs other: Self) -> Bool {
    let (mine, others) = (translation, other.translation)
    return mine.stages == others.stages && mine.reportsFaults == others.reportsFaults && mine.forcesSnoop == others.forcesSnoop
      && mine.domain == others.domain && mine.addressSpace == others.addressSpace && mine.secondStageRoot == others.secondStageRoot
      && mine.secondStage.address == others.secondStage.address && mine.firstStageRoot == others.firstStageRoot
      && mine.firstStage.address == others.firstStage.address && mine.forcesPrivilege == others.forcesPrivilege
      && inputWidth == other.inputWidth && allowsSupervisor == other.allowsSupervisor && allowsExecution == other.allowsExecution
  }

  var summary: String {
    var parts = ["domain \(domain)", "\(translation.stages)"]
    if translation.firstStage != nil { parts.append("first-stage table \(translation.firstStageRoot)") }
    if translation.secondStage != nil { parts.append("second-stage table \(translation.secondStageRoot)") }
    return parts.joined(separator: ", ")
  }
}

extension SecondStage? {
  // Formats are made once, so that the same place means the same format.
  fileprivate var address: UInt {
    switch self {
    case .vtd(let format): UInt(bitPattern: format)
    case nil: 0
    }
  }
}

extension FirstStage? {
  fileprivate var address: UInt {
    switch self {
    case .x86(let format): UInt(bitPattern: format)
    case nil: 0
    }
  }
}

/// What an inspection needs of its own so that it leaves the unit as it is: a cache for one entry of each kind, and a way to memory.
struct InspectionScratch: ~Copyable {
  var caches: ConfigurationCaches
  let port = UniqueBox(MemoryPort(TranslationParameters.MemoryPortParameters()))

  init() {
    var parameters = TranslationParameters()
    parameters.contextCache.geometry = CacheGeometry(entries: 1)
    parameters.pasidCache.geometry = CacheGeometry(entries: 1)
    caches = ConfigurationCaches(parameters)
  }
}
