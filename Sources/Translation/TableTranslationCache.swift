import Hardware
import PageTables

/// The cache of second-stage translations of the 4 KiB pages that hold first-stage tables.
@frozen public struct TableTranslationCache: ~Copyable {
  /// One translation with the domain that it is tagged with.
  @frozen public struct Entry: BitwiseCopyable, Sendable {
    /// The translation.
    public var translation: TableTranslation
    /// The domain.
    public var domain: UInt32
  }

  /// What happened at the cache.
  public var counters = CacheCounters()
  @usableFromInline var entries: SetAssociativeCache<Entry>
  // Whether a page of the second stage may be larger than the piece of it that is held.
  private var holdsPieces = false

  /// An empty cache.
  public init(_ geometry: CacheGeometry) { entries = SetAssociativeCache(geometry) }

  /// Whether it has entries at all.
  @inlinable public var isPresent: Bool { entries.isPresent }

  /// The translation for a guest physical address, noted as used; `nil` if there is none.
  @inlinable public mutating func lookup(_ address: GuestPhysicalAddress, context: UInt64) -> TableTranslation? {
    counters.lookups &+= 1
    guard let slot = entries.lookup(tag: address.pageNumber(12), context: context) else {
      counters.misses &+= 1
      return nil
    }
    counters.hits &+= 1
    return entries[slot].translation
  }

  /// Enters the translation of the page of a guest physical address.
  public mutating func insert(_ address: GuestPhysicalAddress, context: UInt64, domain: UInt32, _ translation: TableTranslation) {
    guard isPresent else { return }
    if translation.sizeLog2 > 12 { holdsPieces = true }
    entries.insert(tag: address.pageNumber(12), context: context, value: Entry(translation: translation, domain: domain))
    counters.fills += 1
    counters.evictions = entries.evictions
  }

  /// Removes the entries of the domains that `matches` accepts; if a range is given, those whose second-stage page lies at any address of it.
  public mutating func removeAll(translating range: ClosedRange<UInt64>? = nil, where matches: (_ domain: UInt32) -> Bool) {
    guard entries.count > 0 else { return }
    let removed: Int
    if let range, !holdsPieces {
      removed = entries.removeAll(tags: range.lowerBound >> 12...range.upperBound >> 12) { _, _, entry in matches(entry.domain) }
    } else {
      removed = entries.removeAll { tag, _, entry in
        matches(entry.domain) && (range?.touches(page: tag << 12, sizeLog2: entry.translation.sizeLog2) ?? true)
      }
    }
    counters.invalidations += UInt64(removed)
    if entries.count == 0 { holdsPieces = false }
  }
}

extension ClosedRange<UInt64> {
  /// Whether the range shares an address with the naturally aligned page of 2^`sizeLog2` bytes around `address`.
  @usableFromInline func touches(page address: UInt64, sizeLog2: UInt8) -> Bool {
    let offsets = UInt64.mask(width: Int(sizeLog2))
    return lowerBound <= address | offsets && address & ~offsets <= upperBound
  }
}
