import Hardware
import Translation
import VTdArchitecture

/// What a remapping unit with any caches whatsoever may answer: an independent reading of VT-d rev 5.10 chapters 3, 6 and 9.
///
/// It knows no time, sets or displacement. Everything that an answered request may have brought into a cache stays in mind until an
/// invalidation that covers it; a request may use any of it, and reads whatever it does not know from tables as they are. It keeps a memory of
/// its own, so that the flags that a request sets are foretold as well.
struct TranslationOracle {
  let isScalable: Bool
  let root: UInt64
  let capabilities: OracleCapabilities
  var memory: OracleMemory

  var contexts: [CachedContext] = []
  var pasids: [CachedPASIDEntry] = []
  var tables: [CachedTable] = []
  var tablePages: [CachedTablePage] = []
  var translations: [CachedTranslation] = []
  /// Where the last request may have read its table entries.
  var places: [UInt64] = []

  init(isScalable: Bool, root: UInt64, capabilities: OracleCapabilities, memory: OracleMemory) {
    self.isScalable = isScalable
    self.root = root
    self.capabilities = capabilities
    self.memory = memory
  }

  func read(_ place: UInt64, _ way: Way) -> UInt64? {
    if let update = way.updates.first(where: { $0.place == place }) { return update.word }
    return memory[place]
  }

  // MARK: Requests

  /// Everything that may be answered, each with what it leaves behind.
  mutating func candidates(for request: TranslationRequest) -> [Candidate] {
    var candidates: [Candidate] = []
    places.removeAll(keepingCapacity: true)
    let requester = UInt64(request.requester.rawValue)
    let pasid = request.pasid.map { UInt64($0.rawValue) }
    let address = request.address.rawValue
    // What a request must not do, no translation that another was given permits.
    let isForDevice = request.kind == .translationRequest
    if request.kind != .translated, !request.attributes.contains(.execute) {
      for entry in translations
      where entry.requester == requester && entry.pasid == pasid && address >> entry.size == entry.base >> entry.size
        && entry.privileged == request.attributes.contains(.privileged) && entry.isForDevice == isForDevice
        && (entry.isDirty || !marks(request, entry.rights.write))
      {
        let output = entry.output | address & ((1 << entry.size) - 1)
        for size in isForDevice && entry.pageSize != entry.size ? [entry.size, entry.pageSize] : [entry.size] {
          let answer = finish(output, size: size, entry.rights, entry.snoop, request, isReported: entry.isReported)
          add(Candidate(answer: answer, way: Way(uses: .translation)), to: &candidates)
        }
      }
    }
    for (context, way) in contexts(of: requester, &candidates) {
      for (entry, way) in resolve(request, context, way, &candidates) {
        let start = UInt64(12 + 9 * (entry.stages == .second ? entry.secondLevels : entry.firstLevels))
        if entry.stages == .second {
          guard address >> start == 0 else {
            add(fault(0x04, 0x84, entry.isReported), way, to: &candidates)
            continue
          }
          translateSecondStage(request, entry, way, &candidates)
        } else {
          let sign = Int64(bitPattern: address) >> Int64(start - 1)
          guard sign == 0 || sign == -1 else {
            add(.fault(0x80, isReported: entry.isReported), way, to: &candidates)
            continue
          }
          translateFirstStage(request, entry, way, &candidates)
        }
      }
    }
    if isForDevice {
      let answers = candidates
      candidates = []
      for candidate in answers { add(answer(candidate.answer, to: request), candidate.way, to: &candidates) }
    }
    return candidates
  }

  /// Takes in what the unit has done: the flags set, and what may be cached from now on.
  mutating func commit(_ way: Way) {
    for update in way.updates { memory[update.place] = update.word }
    for fill in way.fills {
      switch fill {
      case .context(let entry): if !contexts.contains(entry) { contexts.append(entry) }
      case .pasid(let entry): if !pasids.contains(entry) { pasids.append(entry) }
      case .table(let entry): if !tables.contains(entry) { tables.append(entry) }
      case .tablePage(let entry): if !tablePages.contains(entry) { tablePages.append(entry) }
      case .translation(let entry): if !translations.contains(entry) { translations.append(entry) }
      }
    }
  }

  func add(_ candidate: Candidate, to candidates: inout [Candidate]) {
    for index in candidates.indices
    where candidates[index].answer == candidate.answer && candidates[index].way.updates == candidate.way.updates {
      candidates[index].way.merge(candidate.way)
      return
    }
    candidates.append(candidate)
  }

  func add(_ answer: Answer, _ way: Way, to candidates: inout [Candidate]) {
    add(Candidate(answer: answer, way: way), to: &candidates)
  }

  func fault(_ legacy: UInt16, _ scalable: UInt16, _ isReported: Bool) -> Answer {
    .fault(isScalable ? scalable : legacy, isReported: isReported)
  }

  /// What a translation that is at hand makes of a request.
  func finish(
    _ output: UInt64, size: UInt64, _ rights: Rights, _ snoop: Bool, _ request: TranslationRequest, isReported: Bool
  ) -> Answer {
    let forbidden = isForbidden(output, size: size, request) ? fault(0x0E, 0x87, isReported) : nil
    let denied = denial(rights, request, isReported: isReported)
    if let answer = capabilities.checksOutputFirst ? forbidden ?? denied : denied ?? forbidden { return answer }
    return success(output, size: size, rights, snoop, request)
  }

  func success(_ output: UInt64, size: UInt64, _ rights: Rights, _ snoop: Bool, _ request: TranslationRequest) -> Answer {
    guard request.kind == .translationRequest else { return .to(output, snoop: snoop) }
    let writes = rights.write && !isReadOnly(request)
    guard rights.read || writes else { return .nothing }
    return .translation(output & ~((1 << size) - 1), size: size, read: rights.read, write: writes, snoop: snoop)
  }

  /// What a device is told of the fault of a translation request (VT-d rev 5.10 table 30).
  func answer(_ answer: Answer, to request: TranslationRequest) -> Answer {
    guard request.kind == .translationRequest, case .fault(let code, _) = answer else { return answer }
    switch code {
    case 0x01, 0x02, 0x0D, 0x31, 0x33, 0x39, 0x41, 0x44, 0x45, 0x46, 0x48, 0x89: return .unsupportedRequest
    case 0x03, 0x07...0x0C, 0x0E, 0x30, 0x38, 0x3A, 0x40, 0x42, 0x43, 0x50, 0x52, 0x58, 0x5A, 0x5B, 0x78, 0x7A...0x7D, 0x87:
      return .completerAbort
    default: return .nothing
    }
  }

  /// Whether a translation request asks for no right to write.
  func isReadOnly(_ request: TranslationRequest) -> Bool { capabilities.noWriteFlag && request.attributes.contains(.noWrite) }

  /// Whether a request through a page with or without the right to write marks it dirty.
  func marks(_ request: TranslationRequest, _ mayWrite: Bool) -> Bool {
    request.kind == .translationRequest ? mayWrite && !isReadOnly(request) : request.access.writes
  }

  /// The rights that a request needs: bit 0 reading, bit 1 writing. A translation request is told what there is.
  func needs(_ request: TranslationRequest) -> UInt64 {
    request.kind == .translationRequest ? 0 : (request.access.reads ? 1 : 0) | (request.access.writes ? 2 : 0)
  }

  /// Whether an output is in the interrupt range: the address that is accessed, or any of those that a device is told.
  func isForbidden(_ output: UInt64, size: UInt64, _ request: TranslationRequest) -> Bool {
    guard request.kind == .translationRequest else { return output >> 20 == 0xFEE }
    let shift = max(size, 20)
    return output >> shift == 0xFEE0_0000 >> shift
  }

  func denial(_ rights: Rights, _ request: TranslationRequest, isReported: Bool) -> Answer? {
    if !rights.user { return .fault(0x81, isReported: isReported) }
    if isScalable, !rights.read, !rights.write { return .fault(0x79, isReported: isReported) }
    if needs(request) & 2 != 0, !rights.write { return fault(0x05, 0x85, isReported) }
    if needs(request) & 1 != 0, !rights.read { return fault(0x06, 0x86, isReported) }
    return nil
  }

  /// The piece of a page that the unit may keep.
  func translation(
    _ output: UInt64, size: UInt64, rights: Rights, snoop: Bool, isDirty: Bool, _ request: TranslationRequest, _ entry: Translated
  ) -> Fill {
    let piece = min(size, capabilities.largestPiece)
    let offset = (UInt64(1) << piece) - 1
    return .translation(
      CachedTranslation(
        requester: UInt64(request.requester.rawValue), pasid: request.pasid.map { UInt64($0.rawValue) },
        privileged: request.attributes.contains(.privileged), isForDevice: request.kind == .translationRequest, domain: entry.domain,
        addressSpace: entry.addressSpace, stages: entry.stages,
        base: request.address.rawValue & ~offset, size: piece, output: output & ~offset, pageSize: size, rights: rights, snoop: snoop,
        isDirty: isDirty,
        isReported: entry.isReported))
  }
}

/// What a unit has, and does where the specification leaves a choice.
struct OracleCapabilities {
  /// The base-2 logarithm of the largest page that is cached whole.
  var largestPiece: UInt64 = 30
  /// Second-stage rights are checked at each level.
  var checksEachLevel = false
  /// An output in the interrupt range is reported before missing rights.
  var checksOutputFirst = true
  /// Requests without PASID have the privilege that their context entry says.
  var requesterPrivilege = false
  var maximumAddressMask: UInt8 = 0
  var hostAddressWidth: UInt64 = 0
  /// NW of translation requests counts.
  var noWriteFlag = false
}

/// A memory of 64-bit words in one region.
struct OracleMemory {
  let base: UInt64
  private var words: [UInt64]

  init(base: UInt64, byteCount: Int) {
    self.base = base
    words = [UInt64](repeating: 0, count: byteCount / 8)
  }

  /// The word at a place; `nil` where there is no memory.
  subscript(place: UInt64) -> UInt64? {
    get {
      let index = Int(truncatingIfNeeded: (place &- base) >> 3)
      return place >= base && index < words.count ? words[index] : nil
    }
    set {
      let index = Int(truncatingIfNeeded: (place &- base) >> 3)
      if let newValue, place >= base, index < words.count { words[index] = newValue }
    }
  }
}
