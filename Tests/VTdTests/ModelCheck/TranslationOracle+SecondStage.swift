import Hardware
import Translation

/// Why a walk of the second stage found no page.
enum SecondStageFailure: Equatable {
  case topAccess
  case access
  case notPresent
  case reserved
  case forbidden
  case permission
  case notSnooped
}

/// The end of a walk of the second stage.
struct SecondStageWalk {
  var way: Way
  var failure: SecondStageFailure?
  /// The output that was asked for.
  var output: UInt64 = 0
  var size: UInt64 = 12
  /// Bit 0 R, bit 1 W of all entries.
  var rights: UInt64 = 0
  var isDirty = false
  var snoop = false
}

/// What is made of a page of the second stage.
enum PageUse {
  /// It holds a first-stage table, which is read, or written as well.
  case table(isWritten: Bool)
  /// It is what was asked for: of a page of the first stage that is `largest`, and may be written or not.
  case access(TranslationRequest, largest: UInt64, mayWrite: Bool)
}

/// Walks of the second stage (VT-d rev 5.10 sections 3.7 and 9.8).
extension TranslationOracle {
  // A walk that has come to a table.
  private struct Visit {
    var table: UInt64
    var rights: UInt64
    var way: Way
  }

  /// Every walk for `address`, from the root or from a table that may be known.
  ///
  /// - Parameters:
  ///   - needs: Bit 0 reading, bit 1 writing.
  ///   - use: What is made of the page that is found.
  mutating func walkSecondStage(
    _ entry: Translated, for address: UInt64, needs: UInt64, _ use: PageUse, _ way: Way
  ) -> [SecondStageWalk] {
    var ends: [SecondStageWalk] = []
    var visits = [Visit(table: entry.secondRoot, rights: 3, way: way)]
    for level in (1...entry.secondLevels).reversed() {
      if level < entry.secondLevels {
        for table in tables
        where !table.isFirstStage && table.domain == entry.domain && table.level == level + 1
          && table.tag == address >> UInt64(3 + 9 * table.level)
        {
          Self.add(Visit(table: table.table, rights: table.rights, way: way.using(.secondStageTable)), to: &visits)
        }
      }
      var next: [Visit] = []
      for visit in visits {
        let end = step(visit, entry, level, address, needs: needs, use, &next)
        if let end { Self.add(end, to: &ends) }
      }
      visits = next
    }
    return ends
  }

  private static func add(_ visit: Visit, to visits: inout [Visit]) {
    for index in visits.indices
    where visits[index].table == visit.table && visits[index].rights == visit.rights && visits[index].way.updates == visit.way.updates {
      visits[index].way.merge(visit.way)
      return
    }
    visits.append(visit)
  }

  private static func add(_ end: SecondStageWalk, to ends: inout [SecondStageWalk]) {
    for index in ends.indices
    where ends[index].failure == end.failure && ends[index].output == end.output && ends[index].size == end.size
      && ends[index].rights == end.rights && ends[index].isDirty == end.isDirty && ends[index].snoop == end.snoop
      && ends[index].way.updates == end.way.updates
    {
      ends[index].way.merge(end.way)
      return
    }
    ends.append(end)
  }

  // Reads one entry: goes on to a table, or ends.
  private mutating func step(
    _ visit: Visit, _ entry: Translated, _ level: Int, _ address: UInt64, needs: UInt64, _ use: PageUse, _ next: inout [Visit]
  ) -> SecondStageWalk? {
    var way = visit.way
    let size = UInt64(3 + 9 * level)
    let place = visit.table + (address >> size & 511) * 8
    places.append(place)
    guard let word = read(place, way) else {
      return SecondStageWalk(way: way, failure: level == entry.secondLevels ? .topAccess : .access)
    }
    if word & 3 == 0 { return SecondStageWalk(way: way, failure: .notPresent) }
    let isLeaf = level == 1 || word & 0x80 != 0
    let low = isLeaf && level > 1 ? (UInt64(1) << size - 1) & ~0xFFF : 0
    let reserved = 0x000F_C000_0000_0000 | 1 << 62 | (isLeaf ? low : 1 << 11) | (level > 3 ? 0x80 : 0)
    if word & reserved != 0 { return SecondStageWalk(way: way, failure: .reserved) }
    let rights = visit.rights & word & 3
    let pointer = word & 0x000F_FFFF_FFFF_F000
    let isDenied = rights & needs != needs
    if !isLeaf {
      if capabilities.checksEachLevel, isDenied || rights == 0 { return SecondStageWalk(way: way, failure: .permission, rights: rights) }
      if entry.keepsFlags, word & 1 << 8 == 0 {
        guard entry.isCoherent else { return SecondStageWalk(way: way, failure: .notSnooped) }
        way.update(place, to: word | 1 << 8)
      }
      way.fill(
        .table(
          CachedTable(
            isFirstStage: false, domain: entry.domain, pasid: 0, level: level, tag: address >> size, table: pointer, rights: rights)))
      Self.add(Visit(table: pointer, rights: rights, way: way), to: &next)
      return nil
    }
    let output = pointer | address & ((1 << size) - 1)
    var end = SecondStageWalk(way: way, output: output, size: size, rights: rights)
    let isForbidden: Bool
    let marks: Bool
    switch use {
    case .table(let isWritten): (isForbidden, marks) = (output >> 20 == 0xFEE, isWritten)
    case .access(let request, let largest, let mayWrite):
      isForbidden = self.isForbidden(output, size: min(size, largest), request)
      marks = self.marks(request, rights & 2 != 0 && mayWrite)
    }
    if isForbidden, capabilities.checksOutputFirst || !isDenied && rights != 0 {
      end.failure = .forbidden
    } else if rights == 0 {
      end.failure = .notPresent
    } else if isDenied {
      end.failure = .permission
    }
    if end.failure != nil { return end }
    var flagged = word
    if entry.keepsFlags { flagged |= 1 << 8 | (marks ? 1 << 9 : 0) }
    if flagged != word {
      guard entry.isCoherent else { return SecondStageWalk(way: way, failure: .notSnooped) }
      end.way.update(place, to: flagged)
    }
    end.isDirty = !entry.keepsFlags || flagged & 1 << 9 != 0
    end.snoop = word & 1 << 11 != 0
    return end
  }

  /// What a failed walk for the page that is accessed is called.
  func fault(_ walk: SecondStageWalk, _ request: TranslationRequest, _ isReported: Bool) -> Answer {
    let rights = Rights(user: true, read: walk.rights & 1 != 0, write: walk.rights & 2 != 0)
    let lacksWrite = needs(request) & 2 != 0 && (!rights.write || walk.failure == .notPresent)
    switch walk.failure {
    case .topAccess: return fault(0x03, 0x7B, isReported)
    case .access: return fault(0x07, 0x78, isReported)
    case .notPresent: return fault(lacksWrite ? 0x05 : 0x06, 0x79, isReported)
    case .reserved: return fault(0x0C, 0x7A, isReported)
    case .forbidden: return fault(0x0E, 0x87, isReported)
    case .notSnooped: return fault(0, 0x7C, isReported)
    case .permission, nil: return lacksWrite ? fault(0x05, 0x85, isReported) : fault(0x06, 0x86, isReported)
    }
  }

  mutating func translateSecondStage(
    _ request: TranslationRequest, _ entry: Translated, _ way: Way, _ candidates: inout [Candidate]
  ) {
    let address = request.address.rawValue
    let use = PageUse.access(request, largest: 64, mayWrite: true)
    for walk in walkSecondStage(entry, for: address, needs: needs(request), use, way) {
      guard walk.failure == nil else {
        add(fault(walk, request, entry.isReported), walk.way, to: &candidates)
        continue
      }
      var way = walk.way
      let snoop = walk.snoop || entry.snoop
      let rights = Rights(user: true, read: walk.rights & 1 != 0, write: walk.rights & 2 != 0)
      way.fill(translation(walk.output, size: walk.size, rights: rights, snoop: snoop, isDirty: walk.isDirty, request, entry))
      add(success(walk.output, size: walk.size, rights, snoop, request), way, to: &candidates)
    }
  }
}
