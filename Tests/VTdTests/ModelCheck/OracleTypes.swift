import Hardware
import VTdArchitecture

/// What a device gets.
enum Answer: Equatable {
  case to(UInt64, snoop: Bool)
  case fault(UInt16, isReported: Bool)
  /// To a translation request: a page with its rights.
  case translation(UInt64, size: UInt64, read: Bool, write: Bool, snoop: Bool)
  /// To a translation request: a completion without rights.
  case nothing
  case unsupportedRequest
  case completerAbort
}

/// The kinds of cached thing that an answer may rest on.
struct CacheUse: OptionSet, Hashable {
  let rawValue: UInt8
  static let context = CacheUse(rawValue: 1)
  static let pasid = CacheUse(rawValue: 2)
  static let firstStageTable = CacheUse(rawValue: 4)
  static let secondStageTable = CacheUse(rawValue: 8)
  /// The second-stage translation of the page of a first-stage table, which belongs to the combined paging-structure entries.
  static let tablePage = CacheUse(rawValue: 16)
  static let translation = CacheUse(rawValue: 32)
  static let device = CacheUse(rawValue: 64)

  static let names: [(CacheUse, String)] = [
    (.context, "context"), (.pasid, "PASID"), (.firstStageTable, "first-stage table"), (.secondStageTable, "second-stage table"),
    (.tablePage, "table page"), (.translation, "translation"), (.device, "device"),
  ]
}

/// How PASID entries are translated (PGTT).
enum Stages: UInt64 {
  case first = 1
  case second = 2
  case nested = 3
  case passThrough = 4
}

// MARK: What may be cached

struct CachedContext: Equatable {
  let requester: UInt64
  let low: UInt64
  let high: UInt64
  /// Of legacy entries; scalable ones carry none.
  var domain: UInt64 { high[bits: 8...23] }
}

struct CachedPASIDEntry: Equatable {
  let requester: UInt64
  let pasid: UInt64
  let words: SIMD4<UInt64>
  /// Neither the directory entry nor this one silences faults.
  let isReported: Bool
  var domain: UInt64 { words[1][bits: 0...15] }
}

/// An upper-level entry of either stage: the table below it.
struct CachedTable: Equatable {
  let isFirstStage: Bool
  let domain: UInt64
  /// 0 for the second stage, whose entries are tagged by domain only.
  let pasid: UInt64
  let level: Int
  let tag: UInt64
  let table: UInt64
  /// First stage: bit 0 R/W, bit 1 U/S; second stage: bit 0 R, bit 1 W; of all entries down to the table.
  let rights: UInt64
}

/// Where the second stage puts the page of a first-stage table; what the first stage does is no part of it, hence no PASID.
struct CachedTablePage: Equatable {
  let domain: UInt64
  let guestPage: UInt64
  let page: UInt64
  let rights: UInt64
  let isDirty: Bool
}

struct CachedTranslation: Equatable {
  let requester: UInt64
  let pasid: UInt64?
  /// Requests with and without privilege are served apart, for only the former are checked against SRE.
  let privileged: Bool
  /// Translation requests are served apart, for they may be blocked.
  let isForDevice: Bool
  let domain: UInt64
  let addressSpace: UInt64
  let stages: Stages
  let base: UInt64
  let size: UInt64
  let output: UInt64
  /// The size of the whole page, which devices are told that ask while the walk is under way.
  let pageSize: UInt64
  let rights: Rights
  let snoop: Bool
  /// A write needs no dirty flag any more.
  let isDirty: Bool
  let isReported: Bool
}

/// What both stages permit to one kind of request.
struct Rights: Equatable {
  var user: Bool
  var read: Bool
  var write: Bool
}

// MARK: Ways to an answer

enum Fill: Equatable {
  case context(CachedContext)
  case pasid(CachedPASIDEntry)
  case table(CachedTable)
  case tablePage(CachedTablePage)
  case translation(CachedTranslation)
}

struct FlagUpdate: Equatable {
  let place: UInt64
  var word: UInt64
}

/// One way on which a request may be answered: what it rests on, the flags it leaves in memory, and what may be cached afterwards.
struct Way {
  var uses: CacheUse = []
  var updates: [FlagUpdate] = []
  var fills: [Fill] = []

  mutating func update(_ place: UInt64, to word: UInt64) {
    if let index = updates.firstIndex(where: { $0.place == place }) {
      updates[index].word = word
    } else {
      updates.append(FlagUpdate(place: place, word: word))
    }
  }

  func using(_ use: CacheUse) -> Way {
    var way = self
    way.uses.formUnion(use)
    return way
  }

  mutating func fill(_ fill: Fill) { if !fills.contains(fill) { fills.append(fill) } }

  /// Takes the other of two ways that come to the same in: what either may fill, and the lesser use of caches.
  mutating func merge(_ other: Way) {
    if other.uses.isStrictSubset(of: uses) { uses = other.uses }
    for fill in other.fills { self.fill(fill) }
  }
}

/// A way with its end.
struct Candidate {
  let answer: Answer
  var way: Way
}

/// What a PASID or legacy context entry says of translation.
struct Translated {
  let stages: Stages
  let domain: UInt64
  let addressSpace: UInt64
  let secondRoot: UInt64
  let secondLevels: Int
  let keepsFlags: Bool
  let firstRoot: UInt64
  let firstLevels: Int
  let writeProtect: Bool
  let extendedAccessed: Bool
  let isCoherent: Bool
  let snoop: Bool
  /// The request has privilege, its own or its context entry's.
  let isPrivileged: Bool
  let isReported: Bool
}
