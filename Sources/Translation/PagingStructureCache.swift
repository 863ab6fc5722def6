import Hardware
import PageTables

/// A table that an upper-level entry points to, and the rights that the entries down to it leave.
@frozen public struct PagingStructureEntry: BitwiseCopyable, Sendable {
  /// The table.
  public var table: PhysicalAddress
  /// The domain that the entry is tagged with.
  public var domain: UInt32
  /// The address space that the entry is tagged with.
  public var addressSpace: UInt32
  /// The rights that the entries down to the table leave.
  public var rights: AccessRights

  /// An entry.
  @inlinable public init(table: PhysicalAddress, domain: UInt32, addressSpace: UInt32, rights: AccessRights) {
    self.table = table
    self.domain = domain
    self.addressSpace = addressSpace
    self.rights = rights
  }
}

/// The caches of upper-level entries of one stage's tables, one for each level from 2 to 5; leaves are never in them.
@frozen public struct PagingStructureCaches: ~Copyable {
  @usableFromInline var level2: SetAssociativeCache<PagingStructureEntry>
  @usableFromInline var level3: SetAssociativeCache<PagingStructureEntry>
  @usableFromInline var level4: SetAssociativeCache<PagingStructureEntry>
  @usableFromInline var level5: SetAssociativeCache<PagingStructureEntry>
  /// What happened at each level's cache, from level 2 up.
  public var counters: InlineArray<4, CacheCounters>
  /// Whether any of the caches has entries at all.
  public let isPresent: Bool

  /// Empty caches.
  public init(_ parameters: TranslationParameters.PagingStructureCacheParameters) {
    level2 = SetAssociativeCache(parameters.level2)
    level3 = SetAssociativeCache(parameters.level3)
    level4 = SetAssociativeCache(parameters.level4)
    level5 = SetAssociativeCache(parameters.level5)
    counters = InlineArray(repeating: CacheCounters())
    isPresent = level2.isPresent || level3.isPresent || level4.isPresent || level5.isPresent
  }

  /// The deepest table that is known on the way to `input` from `start`, or `start` itself.
  ///
  /// Every level from the deepest up is a lookup until one hits.
  @inlinable @inline(__always) public mutating func deepest<Format: PageTableFormat, Input: Address>(
    _ format: Format, from start: WalkStart<PhysicalAddress>, for input: Input, context: UInt64
  ) -> WalkStart<PhysicalAddress> {
    if !isPresent { return start }
    return search(format, from: start, for: input, context: context)
  }

  @inlinable @inline(never) mutating func search<Format: PageTableFormat, Input: Address>(
    _ format: Format, from start: WalkStart<PhysicalAddress>, for input: Input, context: UInt64
  ) -> WalkStart<PhysicalAddress> {
    var level: UInt8 = 2
    while level <= start.level {
      let tag = input.pageNumber(format.entrySizeLog2(level: level))
      let found: PagingStructureEntry? =
        switch level {
        case 2: Self.find(&level2, tag, context, &counters[0])
        case 3: Self.find(&level3, tag, context, &counters[1])
        case 4: Self.find(&level4, tag, context, &counters[2])
        default: Self.find(&level5, tag, context, &counters[3])
        }
      if let found { return WalkStart(table: found.table, level: level &- 1, rights: found.rights) }
      level &+= 1
    }
    return start
  }

  @inlinable static func find(
    _ cache: inout SetAssociativeCache<PagingStructureEntry>, _ tag: UInt64, _ context: UInt64, _ counters: inout CacheCounters
  ) -> PagingStructureEntry? {
    guard cache.isPresent else { return nil }
    counters.lookups &+= 1
    guard let slot = cache.lookup(tag: tag, context: context) else {
      counters.misses &+= 1
      return nil
    }
    counters.hits &+= 1
    return cache[slot]
  }

  /// Enters the entry of `level` that covers `input`.
  public mutating func insert(level: UInt8, tag: UInt64, context: UInt64, _ entry: PagingStructureEntry) {
    switch level {
    case 2: Self.fill(&level2, tag, context, entry, &counters[0])
    case 3: Self.fill(&level3, tag, context, entry, &counters[1])
    case 4: Self.fill(&level4, tag, context, entry, &counters[2])
    default: Self.fill(&level5, tag, context, entry, &counters[3])
    }
  }

  static func fill(
    _ cache: inout SetAssociativeCache<PagingStructureEntry>, _ tag: UInt64, _ context: UInt64, _ entry: PagingStructureEntry,
    _ counters: inout CacheCounters
  ) {
    guard cache.isPresent else { return }
    cache.insert(tag: tag, context: context, value: entry)
    counters.fills += 1
    counters.evictions = cache.evictions
  }

  /// Removes the entries that `matches` accepts, of those that cover any address of `range` if there is one.
  ///
  /// `coverLog2` is the base-2 logarithm of the bytes that an entry of level 2 covers; each level above covers 2^9 times more.
  public mutating func removeAll(
    covering range: ClosedRange<UInt64>? = nil, coverLog2: UInt8 = 21, where matches: (PagingStructureEntry) -> Bool
  ) {
    Self.remove(&level2, range, coverLog2, matches, &counters[0])
    Self.remove(&level3, range, coverLog2 + 9, matches, &counters[1])
    Self.remove(&level4, range, coverLog2 + 18, matches, &counters[2])
    Self.remove(&level5, range, coverLog2 + 27, matches, &counters[3])
  }

  static func remove(
    _ cache: inout SetAssociativeCache<PagingStructureEntry>, _ range: ClosedRange<UInt64>?, _ coverLog2: UInt8,
    _ matches: (PagingStructureEntry) -> Bool, _ counters: inout CacheCounters
  ) {
    guard cache.count > 0 else { return }
    if let range {
      let tags = range.lowerBound >> UInt64(coverLog2)...range.upperBound >> UInt64(coverLog2)
      counters.invalidations += UInt64(cache.removeAll(tags: tags) { _, _, entry in matches(entry) })
    } else {
      counters.invalidations += UInt64(cache.removeAll { _, _, entry in matches(entry) })
    }
  }
}
