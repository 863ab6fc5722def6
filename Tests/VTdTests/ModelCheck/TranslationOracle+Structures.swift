import Hardware
import Translation

/// Root, context, directory and PASID entries.
extension TranslationOracle {
  private struct Refusal: Error {
    let answer: Answer
  }

  // The contexts of a requester: that in memory, unless it faults, and those that may be cached.
  func contexts(of requester: UInt64, _ candidates: inout [Candidate]) -> [(CachedContext, Way)] {
    var found: [(CachedContext, Way)] = []
    switch readContext(of: requester) {
    case .success(let context): found.append((context, Way(fills: [.context(context)])))
    case .failure(let refusal): add(refusal.answer, Way(), to: &candidates)
    }
    for context in contexts where context.requester == requester && found.first?.0 != context {
      found.append((context, Way(uses: .context)))
    }
    return found
  }

  private func readContext(of requester: UInt64) -> Result<CachedContext, Refusal> {
    func refuse(_ legacy: UInt16, _ scalable: UInt16, _ isReported: Bool = true) -> Result<CachedContext, Refusal> {
      .failure(Refusal(answer: fault(legacy, scalable, isReported)))
    }
    let function = requester & 0xFF
    guard let pointer = memory[root + (requester >> 8) * 16 + (isScalable && function >= 128 ? 8 : 0)] else { return refuse(0x08, 0x38) }
    guard pointer & 1 != 0 else { return refuse(0x01, 0x39) }
    guard pointer & 0xFFE == 0 else { return refuse(0x0A, 0x3A) }
    let place = pointer & ~0xFFF + (isScalable ? function % 128 * 32 : function * 16)
    guard let low = memory[place], let high = memory[place + 8] else { return refuse(0x09, 0x40) }
    let isReported = low & 2 == 0
    guard low & 1 != 0 else { return refuse(0x02, 0x41, isReported) }
    guard low & (isScalable ? 0x180 : 0xFF0) == 0 else { return refuse(0x0B, 0x42, isReported) }
    if !isScalable, low & 0xC == 0xC { return refuse(0x03, 0, isReported) }
    return .success(CachedContext(requester: requester, low: low, high: high))
  }

  /// How a context has a request translated; pass-through and faults are candidates at once.
  mutating func resolve(
    _ request: TranslationRequest, _ context: CachedContext, _ way: Way, _ candidates: inout [Candidate]
  ) -> [(Translated, Way)] {
    let isReported = context.low & 2 == 0
    if request.kind != .untranslated, isScalable ? context.low & 4 == 0 : context.low & 0xC != 4 {
      add(fault(0x0D, 0x44, isReported), way, to: &candidates)
      return []
    }
    if request.kind == .translated {
      add(passThrough(request, snoop: false, isReported), way, to: &candidates)
      return []
    }
    guard isScalable else {
      if context.low & 0xC == 8 {
        add(passThrough(request, snoop: false, isReported), way, to: &candidates)
        return []
      }
      let entry = Translated(
        stages: .second, domain: context.domain, addressSpace: 0, secondRoot: context.low & ~0xFFF,
        secondLevels: Int(context.high & 7) + 2, keepsFlags: false, firstRoot: 0, firstLevels: 0, writeProtect: false,
        extendedAccessed: false, isCoherent: true, snoop: false, isPrivileged: false,
        isReported: isReported)
      return [(entry, way)]
    }
    let requesterPASID = context.high & 0xF_FFFF
    if let pasid = request.pasid.map({ UInt64($0.rawValue) }) {
      let code: UInt16? = context.low & 8 == 0 ? 0x45 : pasid >= 0x2000 ? 0x46 : pasid == requesterPASID ? 0x48 : nil
      if let code {
        add(.fault(code, isReported: isReported), way, to: &candidates)
        return []
      }
      return resolve(request, context, pasid, way, &candidates)
    }
    return resolve(request, context, requesterPASID, way, &candidates)
  }

  private func resolve(
    _ request: TranslationRequest, _ context: CachedContext, _ pasid: UInt64, _ way: Way, _ candidates: inout [Candidate]
  ) -> [(Translated, Way)] {
    let isReported = context.low & 2 == 0
    var found: [(CachedPASIDEntry, Way)] = []
    switch readPASIDEntry(pasid, context) {
    case .success(let entry):
      var way = way
      way.fill(.pasid(entry))
      found.append((entry, way))
    case .failure(let refusal): add(refusal.answer, way, to: &candidates)
    }
    for entry in pasids where entry.requester == context.requester && entry.pasid == pasid && found.first?.0 != entry {
      found.append((entry, way.using(.pasid)))
    }
    let isPrivileged =
      request.pasid == nil
      ? capabilities.requesterPrivilege && context.high[bit: 20] : request.attributes.contains(.privileged)
    return found.compactMap { entry, way in
      let isReported = isReported && entry.isReported
      let executes = request.attributes.contains(.execute)
      if executes || (isPrivileged && entry.words[2] & 1 == 0) {
        add(.fault(executes ? 0x5C : 0x5D, isReported: isReported), way, to: &candidates)
        return nil
      }
      let stages = Stages(rawValue: entry.words[0][bits: 6...8]) ?? .passThrough
      let snoop = entry.words[1][bit: 24]
      if stages == .passThrough {
        add(passThrough(request, snoop: snoop, isReported), way, to: &candidates)
        return nil
      }
      let translated = Translated(
        stages: stages, domain: entry.domain, addressSpace: pasid, secondRoot: entry.words[0] & ~0xFFF,
        secondLevels: Int(entry.words[0][bits: 2...4]) + 2, keepsFlags: entry.words[0][bit: 9], firstRoot: entry.words[2] & ~0xFFF,
        firstLevels: entry.words[2][bits: 2...3] == 1 ? 5 : 4, writeProtect: entry.words[2][bit: 4],
        extendedAccessed: entry.words[2][bit: 7], isCoherent: entry.words[1][bit: 23], snoop: snoop, isPrivileged: isPrivileged,
        isReported: isReported)
      return (translated, way)
    }
  }

  private func passThrough(_ request: TranslationRequest, snoop: Bool, _ isReported: Bool) -> Answer {
    let address = request.address.rawValue
    if address >> capabilities.hostAddressWidth != 0 { return fault(0x04, 0x83, isReported) }
    if isForbidden(address, size: 12, request) { return fault(0x0E, 0x87, isReported) }
    return success(address, size: 30, Rights(user: true, read: true, write: true), snoop, request)
  }

  private func readPASIDEntry(_ pasid: UInt64, _ context: CachedContext) -> Result<CachedPASIDEntry, Refusal> {
    var isReported = true
    func refuse(_ code: UInt16, isQualified: Bool = true) -> Result<CachedPASIDEntry, Refusal> {
      .failure(Refusal(answer: .fault(code, isReported: !isQualified || (isReported && context.low & 2 == 0))))
    }
    guard let pointer = memory[context.low & ~0xFFF + (pasid >> 6) * 8] else { return refuse(0x50, isQualified: false) }
    isReported = pointer & 2 == 0
    guard pointer & 1 != 0 else { return refuse(0x51) }
    guard pointer & 0xFFC == 0 else { return refuse(0x52) }
    let place = pointer & ~0xFFF + (pasid & 63) * 64
    guard let low = memory[place], let middle = memory[place + 8], let high = memory[place + 16] else {
      return refuse(0x58, isQualified: false)
    }
    isReported = isReported && low & 2 == 0
    guard low & 1 != 0 else { return refuse(0x59) }
    guard low & 0xC00 == 0 else { return refuse(0x5A) }
    guard (1...4).contains(low[bits: 6...8]) else { return refuse(0x5B) }
    return .success(
      CachedPASIDEntry(requester: context.requester, pasid: pasid, words: [low, middle, high, 0], isReported: isReported))
  }
}
