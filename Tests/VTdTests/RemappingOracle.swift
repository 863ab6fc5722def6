import Hardware
import Translation
import VTdArchitecture

/// What a remapping unit with any caches whatsoever may answer, from memory as it is and from everything that may still be cached.
///
/// It knows no time, sets or displacement: whatever a request could have brought into a cache stays in mind until an invalidation that
/// covers it. An answer that is not among its candidates is stale beyond what the specification allows, or wrong.
struct RemappingOracle {
  /// What a device gets.
  enum Answer: Hashable {
    case to(UInt64, snoop: Bool)
    case fault(UInt16, isReported: Bool)
  }

  /// A kind of cached thing that is no longer what memory says.
  enum Source: Hashable, CaseIterable {
    case context, pasid, table, translation
  }

  /// An answer, and what stale things it takes.
  struct Candidate: Hashable {
    let answer: Answer
    let sources: Set<Source>
  }

  struct Context: Hashable {
    let requester: UInt64
    let words: SIMD4<UInt64>
    var domain: UInt64 { words[1][bits: 8...23] }
  }

  struct PASIDEntry: Hashable {
    let requester: UInt64
    let pasid: UInt64
    let words: SIMD2<UInt64>
    let isReported: Bool
    var domain: UInt64 { words[1][bits: 0...15] }
  }

  struct Table: Hashable {
    let domain: UInt64
    let level: Int
    let tag: UInt64
    let table: UInt64
    let rights: UInt64
  }

  struct Translation: Hashable {
    let requester: UInt64
    let pasid: UInt64?
    let domain: UInt64
    let addressSpace: UInt64
    let base: UInt64
    let size: UInt64
    let output: UInt64
    let rights: UInt64
    let snoop: Bool
    let isReported: Bool
  }

  /// A context that a walk goes by.
  private struct Resolved {
    let domain: UInt64
    let addressSpace: UInt64
    let root: UInt64
    let levels: Int
    let snoop: Bool
    let isReported: Bool
  }

  let isScalable: Bool
  let root: UInt64
  let memory: MemoryView
  /// The base-2 logarithm of the largest page that the unit caches whole.
  let largestPiece: UInt64
  /// Whether rights are checked at each level.
  let checksEachLevel: Bool
  /// Whether an output in the interrupt range is reported before missing rights.
  let checksOutputFirst: Bool

  var contexts: Set<Context> = []
  var pasids: Set<PASIDEntry> = []
  var tables: Set<Table> = []
  var translations: Set<Translation> = []

  init(isScalable: Bool, root: UInt64, memory: MemoryView, largestPiece: UInt64, checksEachLevel: Bool, checksOutputFirst: Bool) {
    self.isScalable = isScalable
    self.root = root
    self.memory = memory
    self.largestPiece = largestPiece
    self.checksEachLevel = checksEachLevel
    self.checksOutputFirst = checksOutputFirst
  }

  private func word(_ address: UInt64) -> UInt64? { memory.read64(PhysicalAddress(address)) }

  // MARK: Requests

  /// Everything that may be answered; what answering takes may be cached from now on.
  mutating func candidates(for request: TranslationRequest) -> Set<Candidate> {
    var candidates: Set<Candidate> = []
    let requester = UInt64(request.requester.rawValue)
    let pasid = request.pasid.map { UInt64($0.rawValue) }
    let address = request.address.rawValue
    // What a request must not do, no translation that another was given permits.
    if request.kind == .untranslated, request.attributes.isEmpty {
      for entry in translations
      where entry.requester == requester && entry.pasid == pasid && address >> entry.size == entry.base >> entry.size {
        let output = entry.output + address & ((1 << entry.size) - 1)
        let answer = finish(output, entry.rights, entry.snoop, request, isReported: entry.isReported)
        candidates.insert(Candidate(answer: answer, sources: [.translation]))
      }
    }
    for (context, sources) in contexts(of: requester, &candidates) {
      for (resolved, sources) in resolve(request, context, sources, &candidates) { walk(request, resolved, sources, &candidates) }
    }
    return candidates
  }

  private func fault(_ legacy: UInt16, _ scalable: UInt16, _ isReported: Bool) -> Answer {
    .fault(isScalable ? scalable : legacy, isReported: isReported)
  }

  // The contexts of a requester: that in memory, unless it faults, and those that may be cached.
  private mutating func contexts(of requester: UInt64, _ candidates: inout Set<Candidate>) -> [(Context, Set<Source>)] {
    let current = readContext(of: requester)
    if case .success(let context) = current { contexts.insert(context) }
    if case .failure(let answer) = current { candidates.insert(Candidate(answer: answer.answer, sources: [])) }
    return contexts.filter { $0.requester == requester }.map { ($0, (try? current.get()) == $0 ? [] : [.context]) }
  }

  private struct Refusal: Error {
    let answer: Answer
  }

  private func readContext(of requester: UInt64) -> Result<Context, Refusal> {
    func refuse(_ legacy: UInt16, _ scalable: UInt16, _ isReported: Bool = true) -> Result<Context, Refusal> {
      .failure(Refusal(answer: fault(legacy, scalable, isReported)))
    }
    let function = requester & 0xFF
    let rootPlace = root + (requester >> 8) * 16 + (isScalable && function >= 128 ? 8 : 0)
    guard let pointer = word(rootPlace) else { return refuse(0x08, 0x38) }
    guard pointer & 1 != 0 else { return refuse(0x01, 0x39) }
    guard pointer & 0xFFE == 0 else { return refuse(0x0A, 0x3A) }
    let place = pointer & ~0xFFF + (isScalable ? function % 128 * 32 : function * 16)
    guard let low = word(place), let high = word(place + 8) else { return refuse(0x09, 0x40) }
    let isReported = low & 2 == 0
    guard low & 1 != 0 else { return refuse(0x02, 0x41, isReported) }
    guard low & (isScalable ? 0x180 : 0xFF0) == 0 else { return refuse(0x0B, 0x42, isReported) }
    if !isScalable, low & 0xC == 0xC { return refuse(0x03, 0, isReported) }
    return .success(Context(requester: requester, words: [low, high, 0, 0]))
  }

  // What contexts resolve to; pass-through and faults are candidates at once.
  private mutating func resolve(
    _ request: TranslationRequest, _ context: Context, _ sources: Set<Source>, _ candidates: inout Set<Candidate>
  ) -> [(Resolved, Set<Source>)] {
    let isReported = context.words[0] & 2 == 0
    if request.kind == .translated {
      let isBlocked = isScalable ? context.words[0] & 4 == 0 : context.words[0] & 0xC != 4
      let answer = isBlocked ? fault(0x0D, 0x44, isReported) : .to(request.address.rawValue, snoop: false)
      candidates.insert(Candidate(answer: answer, sources: sources))
      return []
    }
    guard isScalable else {
      if context.words[0] & 0xC == 8 {
        candidates.insert(Candidate(answer: .to(request.address.rawValue, snoop: false), sources: sources))
        return []
      }
      let levels = Int(context.words[1] & 7) + 2
      return [
        (
          Resolved(
            domain: context.domain, addressSpace: 0, root: context.words[0] & ~0xFFF, levels: levels, snoop: false, isReported: isReported),
          sources
        )
      ]
    }
    let requesterPASID = context.words[1] & 0xF_FFFF
    let pasid = request.pasid.map { UInt64($0.rawValue) }
    if let pasid {
      let code: UInt16? = context.words[0] & 8 == 0 ? 0x45 : pasid >= 0x2000 ? 0x46 : pasid == requesterPASID ? 0x48 : nil
      if let code {
        candidates.insert(Candidate(answer: .fault(code, isReported: isReported), sources: sources))
        return []
      }
    }
    let used = pasid ?? requesterPASID
    var resolved: [(Resolved, Set<Source>)] = []
    let current = readPASIDEntry(used, context, isReported: isReported)
    if case .success(let entry) = current { pasids.insert(entry) }
    if case .failure(let answer) = current { candidates.insert(Candidate(answer: answer.answer, sources: sources)) }
    for entry in pasids where entry.requester == context.requester && entry.pasid == used {
      let sources = (try? current.get()) == entry ? sources : sources.union([.pasid])
      // No entry allows supervisor requests, and execute requests are not supported.
      if !request.attributes.isEmpty {
        let code: UInt16 = request.attributes.contains(.execute) ? 0x5C : 0x5D
        candidates.insert(Candidate(answer: .fault(code, isReported: isReported && entry.isReported), sources: sources))
        continue
      }
      let snoop = entry.words[1][bit: 24]
      if entry.words[0][bits: 6...8] == 4 {
        candidates.insert(Candidate(answer: .to(request.address.rawValue, snoop: snoop), sources: sources))
      } else {
        resolved.append(
          (
            Resolved(
              domain: entry.domain, addressSpace: used, root: entry.words[0] & ~0xFFF, levels: Int(entry.words[0][bits: 2...4]) + 2,
              snoop: snoop, isReported: isReported && entry.isReported),
            sources
          ))
      }
    }
    return resolved
  }

  private func readPASIDEntry(_ pasid: UInt64, _ context: Context, isReported: Bool) -> Result<PASIDEntry, Refusal> {
    func refuse(_ code: UInt16, _ isReported: Bool) -> Result<PASIDEntry, Refusal> {
      .failure(Refusal(answer: .fault(code, isReported: isReported)))
    }
    guard let pointer = word(context.words[0] & ~0xFFF + (pasid >> 6) * 8) else { return refuse(0x50, true) }
    var reports = pointer & 2 == 0
    guard pointer & 1 != 0 else { return refuse(0x51, isReported && reports) }
    guard pointer & 0xFFC == 0 else { return refuse(0x52, isReported && reports) }
    let place = pointer & ~0xFFF + (pasid & 63) * 64
    guard let low = word(place), let middle = word(place + 8) else { return refuse(0x58, true) }
    reports = reports && low & 2 == 0
    guard low & 1 != 0 else { return refuse(0x59, isReported && reports) }
    guard low & 0xC00 == 0 else { return refuse(0x5A, isReported && reports) }
    guard [2, 4].contains(low[bits: 6...8]) else { return refuse(0x5B, isReported && reports) }
    return .success(PASIDEntry(requester: context.requester, pasid: pasid, words: [low, middle], isReported: reports))
  }

  // MARK: Walks

  private mutating func walk(
    _ request: TranslationRequest, _ resolved: Resolved, _ sources: Set<Source>, _ candidates: inout Set<Candidate>
  ) {
    let address = request.address.rawValue
    guard address >> UInt64(12 + 9 * resolved.levels) == 0 else {
      candidates.insert(Candidate(answer: fault(0x04, 0x84, resolved.isReported), sources: sources))
      return
    }
    // From the root as memory is: what it finds is not stale. Then from each table that may be known.
    let known = tables.filter {
      $0.domain == resolved.domain && $0.level <= resolved.levels && $0.tag == address >> UInt64(3 + 9 * $0.level)
    }
    let fresh = descend(request, resolved, resolved.root, resolved.levels, 3, sources, &candidates)
    for table in known {
      let isFresh = fresh.contains(table)
      _ = descend(
        request, resolved, table.table, table.level - 1, table.rights, isFresh ? sources : sources.union([.table]), &candidates)
    }
  }

  // Answers the tables that the walk came to.
  private mutating func descend(
    _ request: TranslationRequest, _ resolved: Resolved, _ table: UInt64, _ level: Int, _ rights: UInt64, _ sources: Set<Source>,
    _ candidates: inout Set<Candidate>
  ) -> Set<Table> {
    var (table, level, rights) = (table, level, rights)
    var passed: Set<Table> = []
    let address = request.address.rawValue
    func refuse(_ legacy: UInt16, _ scalable: UInt16) {
      candidates.insert(Candidate(answer: fault(legacy, scalable, resolved.isReported), sources: sources))
    }
    while true {
      let size = UInt64(3 + 9 * level)
      guard let entry = word(table + (address >> size & 511) * 8) else {
        refuse(level == resolved.levels ? 0x03 : 0x07, level == resolved.levels ? 0x7B : 0x78)
        return passed
      }
      guard entry & 3 != 0 else {
        refuse(request.access.writes ? 0x05 : 0x06, 0x79)
        return passed
      }
      let isLeaf = level == 1 || entry & 0x80 != 0
      guard entry & 1 << 62 == 0, isLeaf || entry & 1 << 11 == 0 else {
        refuse(0x0C, 0x7A)
        return passed
      }
      rights &= entry & 3
      let pointer = entry & 0x000F_FFFF_FFFF_F000
      if isLeaf {
        let snoop = resolved.snoop || entry & 1 << 11 != 0
        let answer = finish(pointer + address & ((1 << size) - 1), rights, snoop, request, isReported: resolved.isReported)
        candidates.insert(Candidate(answer: answer, sources: sources))
        if case .to = answer {
          tables.formUnion(passed)
          remember(pointer, size, rights, snoop, request, resolved)
        }
        return passed
      }
      if checksEachLevel, let denied = denial(rights, request, isReported: resolved.isReported) {
        candidates.insert(Candidate(answer: denied, sources: sources))
        return passed
      }
      passed.insert(Table(domain: resolved.domain, level: level, tag: address >> size, table: pointer, rights: rights))
      table = pointer
      level -= 1
    }
  }

  private mutating func remember(
    _ page: UInt64, _ size: UInt64, _ rights: UInt64, _ snoop: Bool, _ request: TranslationRequest, _ resolved: Resolved
  ) {
    let piece = min(size, largestPiece)
    let offset = request.address.rawValue & ((1 << size) - 1)
    translations.insert(
      Translation(
        requester: UInt64(request.requester.rawValue), pasid: request.pasid.map { UInt64($0.rawValue) }, domain: resolved.domain,
        addressSpace: resolved.addressSpace, base: request.address.alignedDown(UInt8(piece)).rawValue, size: piece,
        output: PhysicalAddress(page + offset).alignedDown(UInt8(piece)).rawValue, rights: rights, snoop: snoop,
        isReported: resolved.isReported))
  }

  private func finish(
    _ output: UInt64, _ rights: UInt64, _ snoop: Bool, _ request: TranslationRequest, isReported: Bool
  ) -> Answer {
    let forbidden = (0xFEE0_0000...0xFEEF_FFFF).contains(output) ? fault(0x0E, 0x87, isReported) : nil
    let denied = isScalable && rights == 0 ? fault(0, 0x79, isReported) : denial(rights, request, isReported: isReported)
    return (checksOutputFirst ? forbidden ?? denied : denied ?? forbidden) ?? .to(output, snoop: snoop)
  }

  private func denial(_ rights: UInt64, _ request: TranslationRequest, isReported: Bool) -> Answer? {
    if request.access.writes, rights & 2 == 0 { return fault(0x05, 0x85, isReported) }
    if request.access.reads, rights & 1 == 0 { return fault(0x06, 0x86, isReported) }
    return nil
  }
}
