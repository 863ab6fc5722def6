import Hardware
import Translation

/// Walks of the first stage, in physical memory or nested over a second stage (VT-d rev 5.10 sections 3.6, 3.8 and 9.7).
extension TranslationOracle {
  // A walk that has come to a table: a guest physical address if nested.
  private struct Visit {
    var table: UInt64
    /// Bit 0 R/W, bit 1 U/S of all entries so far.
    var rights: UInt64
    var way: Way
  }

  // Where an entry lies in memory, and what the second stage permits to do there.
  private struct Location {
    var place: UInt64
    var rights: UInt64
    var isDirty: Bool
    var page: CachedTablePage?
    var way: Way
  }

  private static func add(_ visit: Visit, to visits: inout [Visit]) {
    for index in visits.indices
    where visits[index].table == visit.table && visits[index].rights == visit.rights && visits[index].way.updates == visit.way.updates {
      visits[index].way.merge(visit.way)
      return
    }
    visits.append(visit)
  }

  private static func add(_ location: Location, to locations: inout [Location]) {
    for index in locations.indices
    where locations[index].place == location.place && locations[index].rights == location.rights
      && locations[index].isDirty == location.isDirty && locations[index].way.updates == location.way.updates
    {
      locations[index].way.merge(location.way)
      return
    }
    locations.append(location)
  }

  mutating func translateFirstStage(
    _ request: TranslationRequest, _ entry: Translated, _ way: Way, _ candidates: inout [Candidate]
  ) {
    let address = request.address.rawValue
    var visits = [Visit(table: entry.firstRoot, rights: 3, way: way)]
    for level in (1...entry.firstLevels).reversed() {
      if level < entry.firstLevels {
        for table in tables
        where table.isFirstStage && table.domain == entry.domain && table.pasid == entry.addressSpace && table.level == level + 1
          && table.tag == address >> UInt64(3 + 9 * table.level)
        {
          Self.add(Visit(table: table.table, rights: table.rights, way: way.using(.firstStageTable)), to: &visits)
        }
      }
      var next: [Visit] = []
      for visit in visits { visitTable(visit, level, request, entry, &next, &candidates) }
      visits = next
    }
  }

  private mutating func visitTable(
    _ visit: Visit, _ level: Int, _ request: TranslationRequest, _ entry: Translated, _ next: inout [Visit], _ candidates: inout [Candidate]
  ) {
    let size = UInt64(3 + 9 * level)
    let place = visit.table + (request.address.rawValue >> size & 511) * 8
    guard entry.stages == .nested else {
      let location = Location(place: place, rights: 3, isDirty: true, page: nil, way: visit.way)
      return step(visit, location, place, level, request, entry, &next, &candidates)
    }
    for location in locate(place, level, request, entry, visit.way, &candidates) {
      step(visit, location, place, level, request, entry, &next, &candidates)
    }
  }

  // MARK: Tables in guest memory

  private mutating func locate(
    _ place: UInt64, _ level: Int, _ request: TranslationRequest, _ entry: Translated, _ way: Way, _ candidates: inout [Candidate]
  ) -> [Location] {
    let needs: UInt64 = entry.keepsFlags ? 3 : 1
    var locations: [Location] = []
    for walk in walkSecondStage(entry, for: place, needs: needs, .table(isWritten: false), way) {
      guard walk.failure == nil else {
        add(tableFault(walk, level, request, entry), walk.way, to: &candidates)
        continue
      }
      let page = CachedTablePage(
        domain: entry.domain, guestPage: place >> 12, page: walk.output & ~0xFFF, rights: walk.rights, isDirty: walk.isDirty)
      var location = Location(place: walk.output, rights: walk.rights, isDirty: walk.isDirty, page: page, way: walk.way)
      location.way.fill(.tablePage(page))
      Self.add(location, to: &locations)
    }
    for page in tablePages
    where page.domain == entry.domain && page.guestPage == place >> 12 && page.rights & needs == needs {
      let known = Location(
        place: page.page | place & 0xFFF, rights: page.rights, isDirty: page.isDirty, page: page, way: way.using(.tablePage))
      Self.add(known, to: &locations)
    }
    return locations
  }

  private func tableFault(_ walk: SecondStageWalk, _ level: Int, _ request: TranslationRequest, _ entry: Translated) -> Answer {
    guard walk.failure == .permission else { return fault(walk, request, entry.isReported) }
    return .fault(level == entry.firstLevels ? 0x75 : 0x76, isReported: entry.isReported)
  }

  // MARK: Entries

  private mutating func step(
    _ visit: Visit, _ location: Location, _ place: UInt64, _ level: Int, _ request: TranslationRequest, _ entry: Translated,
    _ next: inout [Visit], _ candidates: inout [Candidate]
  ) {
    let way = location.way
    func refuse(_ code: UInt16) { add(.fault(code, isReported: entry.isReported), way, to: &candidates) }
    let size = UInt64(3 + 9 * level)
    places.append(location.place)
    guard let word = read(location.place, way) else { return refuse(level == entry.firstLevels ? 0x73 : 0x70) }
    guard word & 1 != 0 else { return refuse(0x71) }
    let isLeaf = level == 1 || word & 0x80 != 0
    // Bit 12 of a large leaf is PAT.
    let low = isLeaf && level > 1 ? (UInt64(1) << size - 1) & ~0x1FFF : 0
    guard word & (0x000F_C000_0000_0000 | low | (level > 3 ? 0x80 : 0)) == 0 else { return refuse(0x72) }
    var pointer = word & 0x000F_FFFF_FFFF_F000
    if isLeaf { pointer &= ~((1 << size) - 1) }
    if entry.stages == .nested, pointer >> UInt64(12 + 9 * entry.secondLevels) != 0 { return refuse(0x74) }
    let rights = visit.rights & word >> 1 & 3
    let flags: UInt64 = 1 << 5 | (entry.extendedAccessed ? 1 << 10 : 0)
    guard isLeaf else {
      for way in update(location, place, word, word | flags, level, request, entry, &candidates) {
        var way = way
        way.fill(
          .table(
            CachedTable(
              isFirstStage: true, domain: entry.domain, pasid: entry.addressSpace, level: level, tag: request.address.rawValue >> size,
              table: pointer, rights: rights)))
        Self.add(Visit(table: pointer, rights: rights, way: way), to: &next)
      }
      return
    }
    let mayUse = entry.isPrivileged || rights & 2 != 0
    let mayWrite = rights & 1 != 0 || (entry.isPrivileged && !entry.writeProtect)
    let own = Rights(user: mayUse, read: true, write: mayWrite)
    let output = pointer | request.address.rawValue & ((1 << size) - 1)
    let denied = denial(own, request, isReported: entry.isReported)
    let forbidden =
      entry.stages == .first && isForbidden(output, size: size, request) ? Answer.fault(0x87, isReported: entry.isReported) : nil
    if let answer = capabilities.checksOutputFirst ? forbidden ?? denied : denied ?? forbidden { return add(answer, way, to: &candidates) }
    if entry.stages == .first {
      let flagged = word | flags | (marks(request, own.write) ? 1 << 6 : 0)
      for way in update(location, place, word, flagged, level, request, entry, &candidates) {
        var way = way
        way.fill(
          translation(
            output, size: size, rights: own, snoop: entry.snoop, isDirty: flagged & 1 << 6 != 0, request, entry))
        add(success(output, size: size, own, entry.snoop, request), way, to: &candidates)
      }
    } else {
      let leaf = Leaf(output: output, size: size, rights: own, word: word, flagged: word | flags)
      finishNested(leaf, location, place, level, request, entry, &candidates)
    }
  }

  private struct Leaf {
    let output: UInt64
    let size: UInt64
    let rights: Rights
    let word: UInt64
    /// With A, and EA if it is kept.
    let flagged: UInt64
  }

  // The page of a nested walk is translated before flags are set in the leaf that names it.
  private mutating func finishNested(
    _ leaf: Leaf, _ location: Location, _ place: UInt64, _ level: Int, _ request: TranslationRequest, _ entry: Translated,
    _ candidates: inout [Candidate]
  ) {
    let written = request.kind != .translationRequest && request.access.writes && leaf.word & 1 << 6 == 0
    if written || leaf.flagged != leaf.word, let answer = updateFault(location, entry) {
      return add(answer, location.way, to: &candidates)
    }
    // What cannot be marked here is not marked below either.
    let mayMark = leaf.word & 1 << 6 != 0 || updateFault(location, entry) == nil
    let use = PageUse.access(request, largest: leaf.size, mayWrite: leaf.rights.write && mayMark)
    for walk in walkSecondStage(entry, for: leaf.output, needs: needs(request), use, location.way) {
      guard walk.failure == nil else {
        add(fault(walk, request, entry.isReported), walk.way, to: &candidates)
        continue
      }
      var location = location
      location.way = walk.way
      let rights = Rights(
        user: leaf.rights.user, read: walk.rights & 1 != 0, write: leaf.rights.write && walk.rights & 2 != 0)
      let snoop = walk.snoop || entry.snoop
      let flagged = leaf.flagged | (marks(request, rights.write) ? 1 << 6 : 0)
      for way in update(location, place, leaf.word, flagged, level, request, entry, &candidates) {
        var way = way
        way.fill(
          translation(
            walk.output, size: min(leaf.size, walk.size), rights: rights, snoop: snoop,
            isDirty: walk.isDirty && flagged & 1 << 6 != 0, request, entry))
        add(success(walk.output, size: min(leaf.size, walk.size), rights, snoop, request), way, to: &candidates)
      }
    }
  }

  // MARK: Flags

  private func updateFault(_ location: Location, _ entry: Translated) -> Answer? {
    if location.rights != 3 { return .fault(0x77, isReported: entry.isReported) }
    return entry.isCoherent ? nil : .fault(0x90, isReported: entry.isReported)
  }

  // Sets flags in an entry; under a second stage that keeps flags, the page of the table is written and must be marked so.
  private mutating func update(
    _ location: Location, _ place: UInt64, _ word: UInt64, _ flagged: UInt64, _ level: Int, _ request: TranslationRequest,
    _ entry: Translated, _ candidates: inout [Candidate]
  ) -> [Way] {
    if flagged == word { return [location.way] }
    if let answer = updateFault(location, entry) {
      add(answer, location.way, to: &candidates)
      return []
    }
    guard entry.stages == .nested, !location.isDirty else {
      var way = location.way
      way.update(location.place, to: flagged)
      return [way]
    }
    var ways: [Way] = []
    for walk in walkSecondStage(entry, for: place, needs: 3, .table(isWritten: true), location.way) {
      guard walk.failure == nil else {
        add(tableFault(walk, level, request, entry), walk.way, to: &candidates)
        continue
      }
      var way = walk.way
      way.update(location.place, to: flagged)
      if let page = location.page {
        way.fill(
          .tablePage(
            CachedTablePage(
              domain: page.domain, guestPage: page.guestPage, page: page.page, rights: page.rights, isDirty: true)))
      }
      ways.append(way)
    }
    return ways
  }
}
