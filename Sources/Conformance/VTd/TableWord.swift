import Hardware

/// A word of a structure or table in memory that was read on the way to a translation.
struct TableWord: Hashable {
  let name: String
  let address: PhysicalAddress
  let value: UInt64
  /// The stage whose table it stands in; nil for a word of another structure.
  var stage: TranslationStage?
  /// The accessed and dirty flags that the access sets in it if it goes through.
  var flags: UInt64 = 0
  /// The base-2 logarithm of the size of the page that it maps; nil if it maps none.
  var pageSizeLog2: UInt8?

  /// A word of another structure.
  init(name: String, address: PhysicalAddress, value: UInt64) {
    self.name = name
    self.address = address
    self.value = value
  }

  /// An entry of a page table; its flags and its page are filled in as far as the walk gets.
  init(_ stage: TranslationStage, level: Int, address: PhysicalAddress, value: UInt64) {
    name = Self.names[stage == .first ? 0 : 1][level]
    self.address = address
    self.value = value
    self.stage = stage
  }

  /// Names by stage and level.
  private static let names = ["FS", "SS"].map { stage in (0...5).map { "\(stage) level \($0)" } }

  /// The flags among them that are clear.
  var missingFlags: UInt64 { flags & ~value }
}

/// What page tables say of one access.
enum WalkOutcome: Hashable {
  case translated(PhysicalAddress, sizeLog2: UInt8)
  case accessError(top: Bool)
  case notPresent
  case malformed
  /// Permission is lacking; `none` if neither reads nor writes are permitted.
  case denied(none: Bool)
  /// A request without privilege meets a first-stage entry that is not for users.
  case supervisorPage
  case interruptRange
  /// A first-stage entry names a guest physical address that the second stage does not translate.
  case beyondSecondStage
}

/// In which order the conditions of an entry are tested; the specification gives none.
enum OrderOfChecks: CaseIterable {
  /// Reserved bits of each entry on the way; at the leaf the interrupt range, then permission.
  case permissionLast
  /// The same with permission before the interrupt range.
  case permissionBeforeRange
  /// Permission at each level, after the entry's reserved bits.
  case permissionAtEachLevel
  /// Permission at each level, before the entry's reserved bits, as the emulator does.
  case permissionFirst
}
