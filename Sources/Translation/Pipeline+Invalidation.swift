/// What invalidations take from the pipeline's caches, and from what walks under way were to fill into them.
extension Pipeline {
  /// Forgets translations, and walks under way, that `matches` accepts by context tag and entry; if a range is given, those that translate
  /// any of it.
  public mutating func invalidateTranslations(
    of range: ClosedRange<UInt64>? = nil, where matches: (_ context: UInt64, _ entry: IOTLBEntry) -> Bool
  ) {
    let removed: Int
    if let range {
      removed = iotlb.removeAll(translating: range, where: matches)
    } else {
      removed = iotlb.removeAll(where: matches)
    }
    let cancelled = missStatus.cancelAll { walk in
      (range?.touches(page: walk.address.rawValue, sizeLog2: walk.entry.sizeLog2) ?? true) && matches(walk.context, walk.entry)
    }
    counters.invalidations += UInt64(removed + cancelled)
  }

  /// Forgets second-stage upper-level entries, and what walks under way have found of them, of the domains that `matches` accepts; if a range of
  /// second-stage inputs is given, those that cover any of it.
  public mutating func invalidateSecondStageTables(of range: ClosedRange<UInt64>? = nil, where matches: (_ domain: UInt32) -> Bool) {
    walkCaches.pointee.second.removeAll(covering: range) { matches($0.domain) }
    missStatus.forget(.second, covering: range) { domain, _ in matches(domain) }
  }

  /// Forgets second-stage translations of first-stage tables, which are made of second-stage leaves, likewise.
  public mutating func invalidateTableTranslations(of range: ClosedRange<UInt64>? = nil, where matches: (_ domain: UInt32) -> Bool) {
    walkCaches.pointee.tables.removeAll(translating: range, where: matches)
    missStatus.forget(.tables, covering: range) { domain, _ in matches(domain) }
  }

  /// Forgets first-stage upper-level entries, alone and under a second stage, and what walks under way have found of them, of the domains and
  /// address spaces that `matches` accepts; if a range of input addresses is given, those that cover any of it.
  public mutating func invalidateFirstStageTables(
    of range: ClosedRange<UInt64>? = nil, where matches: (_ domain: UInt32, _ addressSpace: UInt32) -> Bool
  ) {
    walkCaches.pointee.first.removeAll(covering: range) { matches($0.domain, $0.addressSpace) }
    walkCaches.pointee.nested.removeAll(covering: range) { matches($0.domain, $0.addressSpace) }
    missStatus.forget(.first, covering: range, where: matches)
    missStatus.forget(.nested, covering: range, where: matches)
  }
}
