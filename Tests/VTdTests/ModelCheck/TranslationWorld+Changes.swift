import Hardware
import VTdArchitecture

/// Structures and tables, and what software writes to them.
extension TranslationWorld {
  var hasFirstStage: Bool { kind == .firstStage || kind == .nested || kind == .mixed }
  var hasSecondStage: Bool { kind != .firstStage }
  var isNested: Bool { kind == .nested || kind == .mixed }

  /// How a domain translates a PASID, once and for all.
  func stages(_ domain: Int, _ pasid: UInt64) -> Stages {
    switch kind {
    case .legacy, .secondStage: .second
    case .firstStage: .first
    // One PASID of a nested domain is the guest's physical memory itself.
    case .nested: domain == 0 && pasid == 65 ? .second : .nested
    case .mixed: [.second, .first, .nested][domain]
    }
  }

  func firstRoot(_ domain: Int, _ pasid: UInt64) -> Int { Int(UInt64(domain) + pasid) % 2 }

  // MARK: At first

  func build() {
    if hasSecondStage {
      for (domain, top) in Frame.secondTops.enumerated() { addSlots(top, level: Int(widths[domain]) + 2, isFirstStage: false) }
      for (level, frames) in Frame.secondLower.enumerated() {
        for frame in frames { addSlots(frame, level: level, isFirstStage: false) }
      }
    }
    if hasFirstStage {
      for (index, top) in Frame.firstTops.enumerated() { addSlots(top, level: isDeep[index] ? 5 : 4, isFirstStage: true) }
      for (level, frames) in Frame.firstLower.enumerated() {
        for frame in frames { addSlots(frame, level: level, isFirstStage: true) }
      }
    }
    for slot in slots { write(slot.place, entry(slot)) }
    for table in Frame.contexts { for requester in Self.requesters { writeContext(table, requester) } }
    for requester in Self.requesters {
      write(Frame.root + requester >> 8 * 16, pick(Frame.contexts) | 1, isScalable ? pick(Frame.contexts) | 1 : 0)
    }
    guard isScalable else { return }
    for directory in Frame.directories { write(directory, pick(Frame.pasids) | 1, pick(Frame.pasids) | 1) }
    for table in Frame.pasids { for pasid in Self.pasids + [Self.requesterPASID] { writePASIDEntry(table, pasid) } }
  }

  private func addSlots(_ table: UInt64, level: Int, isFirstStage: Bool) {
    var indices: [UInt64] = [0, 1]
    if isFirstStage, level == 4 { indices = [0, 256] }
    if isFirstStage, level == 5 { indices = [0, 511] }
    if !isFirstStage, level == 1, isNested { indices = Array(0..<Frame.firstCount) }
    for index in indices {
      slots.append(TableSlot(place: table + index * 8, level: level, index: index, isFirstStage: isFirstStage, isNested: isNested))
    }
  }

  // MARK: Changes

  /// Writes one entry of one structure anew, mostly one that was used of late, and mostly with the invalidation that it takes.
  func change() {
    switch random.next(below: isScalable ? 20 : 16) {
    case 0: changeRoot()
    case 1, 2: writeContext(pick(Frame.contexts), pick(Self.requesters))
    case 16: changeDirectory()
    case 17...19: writePASIDEntry(pick(Frame.pasids), pick(Self.pasids + [Self.requesterPASID]))
    default: changeTable()
    }
  }

  private func changeRoot() {
    let requester = pick(Self.requesters)
    let place = Frame.root + requester >> 8 * 16 + (isScalable && requester[bit: 7] ? 8 : 0)
    let pointer = chance(trouble) ? pick([0, Frame.hole | 1, Frame.contexts[0] | 0x11]) : pick(Frame.contexts) | 1
    note("root entry \(place) = \(pointer)")
    write(place, pointer)
    if chance(30) { submit([.contextCache(.global)] + (isScalable ? [.pasidCache(.global)] : []) + [.iotlb(IOTLBInvalidation(.global))]) }
  }

  private func writeContext(_ table: UInt64, _ requester: UInt64) {
    let disabled: UInt64 = chance(trouble) ? 2 : 0
    let function = requester & 0xFF
    note("context of \(requester) in \(table)")
    if isScalable {
      var low = pick(Frame.directories) | 1 | disabled | (chance(trouble / 2) ? 0 : 8) | (chance(50) ? 4 : 0)
      if chance(trouble / 2) { low = pick([low & ~1, low | 0x80]) }
      let privileged: UInt64 = oracle.capabilities.requesterPrivilege && chance(30) ? 1 << 20 : 0
      write(table + function % 128 * 32, low, (chance(80) ? Self.requesterPASID : pick(Self.pasids)) | privileged, 0, 0)
      if trouble > 1, chance(30) {
        submit([
          .contextCache(.device(RequesterID(UInt32(requester)), functionMask: 0, DomainID(0))), .pasidCache(.global),
          .iotlb(IOTLBInvalidation(.global)),
        ])
      }
    } else {
      let domain = Int(random.next(below: 3))
      var low = Frame.secondTops[domain] | 1 | disabled | (chance(50) ? 4 : 0)
      var high = domains[domain] << 8 | widths[domain]
      if chance(trouble) { (low, high) = (9 | disabled, Self.passThroughDomain << 8 | 2) }
      if chance(trouble / 2) { low = pick([low & ~1, low | 0x10, low | 0xC]) }
      write(table + function * 16, low, high)
      if trouble > 1, chance(30) { submit([.contextCache(.global), .iotlb(IOTLBInvalidation(.global))]) }
    }
  }

  private func changeDirectory() {
    let disabled: UInt64 = chance(trouble) ? 2 : 0
    let entry = chance(trouble) ? pick([disabled, Frame.hole | 1, Frame.pasids[0] | 5]) : pick(Frame.pasids) | 1 | disabled
    let place = pick(Frame.directories) + random.next(below: 2) * 8
    note("directory entry \(place) = \(entry)")
    write(place, entry)
  }

  private func writePASIDEntry(_ table: UInt64, _ pasid: UInt64) {
    let domain = Int(random.next(below: 3))
    let stages = stages(domain, pasid)
    let disabled: UInt64 = chance(trouble) ? 2 : 0
    var low = 1 | disabled | stages.rawValue << 6
    // PWSNP nearly always, PGSNP sometimes.
    var middle = domains[domain] | (chance(trouble / 2) ? 0 : 1 << 23) | (chance(25) ? 1 << 24 : 0)
    var high: UInt64 = 0
    if stages != .first { low |= Frame.secondTops[domain] | widths[domain] << 2 | (keepsFlags[domain] ? 1 << 9 : 0) }
    if stages != .second {
      let root = firstRoot(domain, pasid)
      // SRE and WPE as it happens.
      high = Frame.firstTops[root] | (isDeep[root] ? 4 : 0) | (setsExtendedAccessed[root] ? 1 << 7 : 0) | random.next(below: 2) << 4
      high |= chance(70) ? 1 : 0
    }
    if chance(trouble / 2) { (low, middle, high) = (0x101 | disabled, Self.passThroughDomain, 0) }
    if chance(trouble / 2) { low = pick([low & ~1, low | 0x400, low | 0x1C0]) }
    note("PASID entry \(pasid) in \(table) = \(String(low, radix: 16)) \(String(middle, radix: 16)) \(String(high, radix: 16))")
    write(table + (pasid & 63) * 64, low, middle, high, 0)
    if trouble > 1, chance(40) {
      let id = PASID(UInt32(pasid))
      submit(domains.map { .pasidCache(.pasid(DomainID(UInt16($0)), id)) })
      if chance(70) { submit(domains.map { .pasidIOTLB(.pasid(DomainID(UInt16($0)), id)) }) }
    }
  }

  private func changeTable() {
    let used = oracle.places.isEmpty || chance(25) ? nil : pick(oracle.places)
    let slot = slots.first { $0.place == used } ?? pick(slots)
    let word = entry(slot)
    note("\(slot.isFirstStage ? "first" : "second")-stage entry \(String(slot.place, radix: 16)) = \(String(word, radix: 16))")
    write(slot.place, word)
    if chance(40) { invalidateTable(slot) }
  }

  // MARK: Entries

  private func entry(_ slot: TableSlot) -> UInt64 { slot.isFirstStage ? firstStageEntry(slot) : secondStageEntry(slot) }

  private func secondStageEntry(_ slot: TableSlot) -> UInt64 {
    let level = slot.level
    if chance(trouble / 2) { return 0 }
    let rights = chance(slot.isNested ? 96 : 80) ? 3 : random.next(below: 4)
    let flags = random.next(below: 4) == 0 ? random.next(below: 4) << 8 : 0
    let reserved: UInt64 = chance(trouble / 3) ? 1 << 62 : 0
    guard level == 1 || (level <= 3 && chance(20)) else {
      let next = chance(trouble / 3) ? Frame.hole : pick(Frame.secondLower[level - 1])
      return next | rights | flags & 0x100 | reserved | (chance(trouble / 3) ? 1 << 11 : 0)
    }
    let size = UInt64(3 + 9 * level)
    var leaf = (level == 3 ? random.next(below: 8) : random.next(below: 256)) << size
    // Pages of the interrupt range, and the large page around it.
    if level < 3, chance(8) { leaf = 0xFEE0_0000 & ~((1 << size) - 1) }
    // A guest's tables, where they are expected.
    if slot.isNested, chance(92) { leaf = level == 1 ? Frame.frame(slot.index) : Self.base & ~((1 << size) - 1) }
    return leaf | rights | flags | reserved | (level > 1 ? 0x80 : 0) | (chance(20) ? 1 << 11 : 0)
  }

  private func firstStageEntry(_ slot: TableSlot) -> UInt64 {
    let level = slot.level
    if chance(trouble / 2) { return 0 }
    var word: UInt64 = 1 | (chance(80) ? 2 : 0) | (chance(93) ? 4 : 0)
    if chance(25) { word |= random.next(below: 64) << 5 & 0x460 }
    // XD is ignored, and G in a leaf.
    if chance(10) { word |= 1 << 63 }
    if chance(trouble / 3) { word |= pick([1 << 51, level > 3 ? 0x80 : 1 << 46]) }
    guard level == 1 || (level <= 3 && chance(15)) else {
      var next = chance(trouble / 3) ? Frame.hole : pick(Frame.firstLower[level - 1])
      if slot.isNested, chance(8) { next = next & 0xF000 }
      if slot.isNested, chance(trouble / 4) { next = 1 << 45 }
      return word & ~0x40 | next
    }
    let size = UInt64(3 + 9 * level)
    var leaf = (level == 3 ? random.next(below: 8) : random.next(below: 256)) << size
    if slot.isNested { leaf = level == 1 ? pick([0, Self.base, 1 << 30]) | random.next(below: 9) << 12 : Self.base & ~((1 << size) - 1) }
    if level < 3, chance(5) { leaf = 0xFEE0_0000 & ~((1 << size) - 1) }
    if level == 1, chance(20) { word |= 0x80 }
    return word | leaf | (level > 1 ? 0x80 : 0) | (chance(20) ? 1 << 8 : 0)
  }
}
