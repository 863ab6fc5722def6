import Hardware

/// The accessed and dirty flags of first-stage entries: what accesses did to them on the observed machine, and what they must and may do
/// to them by the architecture (VT-d 3.6.2).
struct FlagLog {
  /// An entry that accesses came by.
  struct Entry: Hashable {
    /// As software stored it.
    let stored: UInt64
    /// Flags that the observed machine set, and those of which it depends on what it had cached.
    var observed: UInt64 = 0
    var uncertain: UInt64 = 0
    /// Flags that must be set, and those that may be: of accesses that were blocked, or that used an old translation.
    var demanded: UInt64 = 0
    var permitted: UInt64 = 0

    /// What memory must hold: the word, and the bits of it that are open.
    var expected: (word: UInt64, open: UInt64) { (stored | demanded, permitted & ~demanded & ~stored) }

    /// Whether the observed machine may have left the word.
    func explains(_ word: UInt64) -> Bool {
      let least = stored | observed
      return word & least == least && word & ~(least | uncertain) == 0
    }
  }

  /// What the observed machine keeps in its cache: translations by requester and page, and by requester and leaf.
  private enum Cached: Hashable {
    case page(RequesterID, IOVirtualAddress)
    case leaf(RequesterID, PhysicalAddress)
  }

  private var entries: [PhysicalAddress: Entry] = [:]
  /// What accesses have cached; false where something has been invalidated since, which may have hit it.
  private var cached: [Cached: Bool] = [:]

  /// The entry at an address, if accesses came by.
  subscript(address: PhysicalAddress) -> Entry? { entries[address] }

  /// Accesses come by these entries now.
  mutating func meet(_ words: [TableWord]) {
    for word in words where entries[word.address] == nil { entries[word.address] = Entry(stored: word.value) }
  }

  /// The observed machine served an access, or blocked it, by these entries.
  mutating func observe(_ words: [TableWord], _ page: IOVirtualAddress, _ requester: RequesterID, isTranslated: Bool) {
    guard let leaf = words.last?.address else { return }
    let keys: [Cached] = [.page(requester, page), .leaf(requester, leaf)]
    let known = keys.compactMap { cached[$0] }
    if known.contains(true) { return }
    for word in words {
      // It tests for any of the flags where it should test for all.
      guard let entry = entries[word.address], (entry.stored | entry.observed) & word.flags == 0 else { continue }
      if known.isEmpty, entry.uncertain & word.flags == 0 {
        entries[word.address]?.observed |= word.flags
      } else {
        entries[word.address]?.uncertain |= word.flags
      }
    }
    if isTranslated { for key in keys { cached[key] = true } }
  }

  /// An access that goes through must set these flags.
  mutating func demand(_ words: [TableWord]) { for word in words { entries[word.address]?.demanded |= word.flags } }

  /// An access may set these flags, of blocked ones only those that say that an entry was used.
  mutating func permit(_ words: [TableWord], isBlocked: Bool) {
    for word in words { entries[word.address]?.permitted |= isBlocked ? word.flags & ~(1 << 6) : word.flags }
  }

  /// Software stores to the address.
  mutating func forget(_ address: PhysicalAddress) { entries[address] = nil }

  /// Something is invalidated.
  mutating func invalidate() { for key in cached.keys { cached[key] = false } }
}
