import Hardware
import VTd
import VTdArchitecture

/// Two requesters' entries that share what they must not (VT-d rev 5.10 section 6.2.1).
public struct DomainConflict: Sendable {
  /// The rule that is broken.
  public enum Rule: String, Hashable, Sendable {
    /// One domain id always means the same second-stage tables of the same width.
    case domainOfOneTable = "domain_of_one_table"
    /// Entries of first-stage or pass-through type use domain ids of their own.
    case domainOfOneKind = "domain_of_one_kind"
    /// One PASID in one domain always means the same first-stage tables, levels and type.
    case pasidOfOneTable = "pasid_of_one_table"
    /// The same pair of tables is always used with the same levels and flags.
    case tablesOfOneMode = "tables_of_one_mode"
    /// A second stage's flags are always kept, or never.
    case flagsOfOneTable = "flags_of_one_table"
  }

  /// Whose entry was met first, and whose then.
  public var requesters: [RequesterID]
  /// Their PASIDs; `nil` in legacy mode.
  public var pasids: [PASID?]
  /// The domain of the entry that was met second.
  public var domain: DomainID
  /// The rule.
  public var rule: Rule
  /// When the second entry was met.
  public var moment: ReplayMoment
}

/// Watches over what entries in memory share.
struct DomainSharing {
  /// What the rules look at in an entry.
  struct Entry: Hashable {
    var requester: RequesterID
    var pasid: PASID?
    var domain: DomainID
    var stages: PASIDTranslationType
    var width: UInt8
    var secondStageTable: PhysicalAddress?
    var keepsSecondStageFlags = false
    var firstStageTable: GuestPhysicalAddress?
    var firstStageMode: UInt8 = 0
    var extendedAccessed = false

    /// A valid entry that a request's way ends at; `nil` if there is none.
    init?(_ path: StructurePath, of requester: RequesterID, _ pasid: PASID?) {
      self.requester = requester
      self.pasid = pasid
      guard pasid != nil else {
        guard let words = path.contextEntry, ContextEntry(words: words.lowHalf).present else { return nil }
        let entry = ContextEntry(words: words.lowHalf)
        domain = entry.domain
        stages = entry.type == .passThrough ? .passThrough : .secondStage
        width = entry.width
        secondStageTable = entry.type == .passThrough ? nil : entry.secondStageTable
        return
      }
      guard let words = path.pasidEntry, PASIDTableEntry(words: words).present, let stages = PASIDTableEntry(words: words).stages else {
        return nil
      }
      let entry = PASIDTableEntry(words: words)
      domain = entry.domain
      self.stages = stages
      width = entry.width
      if stages == .secondStage || stages == .nested {
        secondStageTable = entry.secondStageTable
        keepsSecondStageFlags = entry.secondStageAccessedDirty
      }
      if stages == .firstStage || stages == .nested {
        firstStageTable = entry.firstStageTable
        firstStageMode = entry.firstStageMode
        extendedAccessed = entry.extendedAccessed
      }
    }

    /// The rule that the two entries together break.
    func conflict(with other: Entry) -> DomainConflict.Rule? {
      // Legacy pass-through entries name a domain that no tables are looked up by.
      let isLegacy = pasid == nil
      if domain == other.domain {
        if let table = secondStageTable, let others = other.secondStageTable, table != others || width != other.width {
          return .domainOfOneTable
        }
        if !isLegacy, (secondStageTable == nil) != (other.secondStageTable == nil) { return .domainOfOneKind }
        if !isLegacy, pasid == other.pasid,
          firstStageTable != other.firstStageTable || firstStageMode != other.firstStageMode || stages != other.stages
        {
          return .pasidOfOneTable
        }
      }
      if let table = firstStageTable, table == other.firstStageTable, secondStageTable == other.secondStageTable,
        firstStageMode != other.firstStageMode || extendedAccessed != other.extendedAccessed
      {
        return .tablesOfOneMode
      }
      if let table = secondStageTable, table == other.secondStageTable, keepsSecondStageFlags != other.keepsSecondStageFlags {
        return .flagsOfOneTable
      }
      return nil
    }

    fileprivate var key: UInt64 { UInt64(requester.rawValue) | UInt64(pasid.map { $0.rawValue + 1 } ?? 0) << 32 }
  }

  private var entries: [UInt64: Entry] = [:]

  /// Takes in an entry that a request has met, and answers the entries that it conflicts with; nothing if it was known as it is.
  mutating func meet(_ entry: Entry) -> [(other: Entry, rule: DomainConflict.Rule)] {
    guard entries.updateValue(entry, forKey: entry.key) != entry else { return [] }
    return entries.values.filter { $0.key != entry.key }.sorted { $0.key < $1.key }.compactMap { other in
      entry.conflict(with: other).map { (other, $0) }
    }
  }

  /// Forgets an entry that is no longer there.
  mutating func forget(_ entry: Entry) { entries[entry.key] = nil }
}
