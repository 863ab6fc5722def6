import Hardware

/// What has been unmapped in a domain while hardware may still know it: address ranges that must not be mapped again, and table frames that must
/// not be used again, until an invalidation has covered them.
struct PendingUnmaps {
  /// One unmapped range.
  struct Entry {
    /// The number of the first 4 KiB page.
    var first: UInt64
    /// The number of the last.
    var last: UInt64
    /// How many of the table frames became free with it.
    var tables: Int
    /// The range goes back to the domain's allocator of addresses.
    var freesAddresses: Bool
  }

  /// The ranges in the order of their unmapping.
  private(set) var entries: [Entry] = []
  /// The table frames of all entries, in their order.
  private(set) var tables: [PhysicalAddress] = []
  // Everything lies within these, so that most questions need no search.
  private var lowest = UInt64.max
  private var highest: UInt64 = 0

  var isEmpty: Bool { entries.isEmpty }

  mutating func append(first: UInt64, last: UInt64, tables freed: [PhysicalAddress], freesAddresses: Bool) {
    entries.append(Entry(first: first, last: last, tables: freed.count, freesAddresses: freesAddresses))
    tables += freed
    lowest = min(lowest, first)
    highest = max(highest, last)
  }

  /// Whether hardware may still know something in the given pages.
  func overlap(first: UInt64, last: UInt64) -> Bool {
    guard first <= highest, last >= lowest else { return false }
    return entries.contains { first <= $0.last && last >= $0.first }
  }

  mutating func removeAll() {
    entries.removeAll(keepingCapacity: true)
    tables.removeAll(keepingCapacity: true)
    lowest = .max
    highest = 0
  }

  /// Removes the entries that lie within the given pages and answers them with their tables.
  mutating func remove(within first: UInt64, _ last: UInt64) -> PendingUnmaps {
    var removed = PendingUnmaps()
    var kept = PendingUnmaps()
    var next = 0
    for entry in entries {
      let own = Array(tables[next..<next + entry.tables])
      next += entry.tables
      if first <= entry.first && entry.last <= last {
        removed.append(first: entry.first, last: entry.last, tables: own, freesAddresses: entry.freesAddresses)
      } else {
        kept.append(first: entry.first, last: entry.last, tables: own, freesAddresses: entry.freesAddresses)
      }
    }
    if !removed.isEmpty { self = kept }
    return removed
  }
}
