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
  /// The rights that the entries of the stage down to the table leave.
  public var rights: AccessRights
  /// Where the guest has the table, in entries of nested walks.
  public var guestTable: GuestPhysicalAddress
  /// The second-stage translation of the table's page, in entries of nested walks.
  public var translation: TableTranslation

  /// An entry of a single stage.
  @inlinable public init(table: PhysicalAddress, domain: UInt32, addressSpace: UInt32, rights: AccessRights) {
    self.init(
      table: table, domain: domain, addressSpace: addressSpace, rights: rights, guestTable: GuestPhysicalAddress(rawValue: 0),
      translation: TableTranslation(page: table, sizeLog2: 12, rights: rights, needsDirtyUpdate: false))
  }

  /// An entry of a nested walk.
  @inlinable public init(
    table: PhysicalAddress, domain: UInt32, addressSpace: UInt32, rights: AccessRights, guestTable: GuestPhysicalAddress,
    translation: TableTranslation
  ) {
    self.table = table
    self.domain = domain
    self.addressSpace = addressSpace
    self.rights = rights
    self.guestTable = guestTable
    self.translation = translation
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
  public init(_ parameters: TranslationParameters.LevelCaches) {
    level2 = SetAssociativeCache(parameters.level2)
    level3 = SetAssociativeCache(parameters.level3)
    level4 = SetAssociativeCache(parameters.level4)
    level5 = SetAssociativeCache(parameters.level5)
    counters = InlineArray(repeating: CacheCounters())
    isPresent = level2.isPresent || level3.isPresent || level4.isPresent || level5.isPresent
  }

  /// The deepest table that is known on the way to `input` from `start`, or `start` itself.
  @inlinable @inline(__always) public mutating func deepest<Format: PageTableFormat, Input: Address>(
    _ format: Format, from start: WalkStart<PhysicalAddress>, for input: Input, context: UInt64
  ) -> WalkStart<PhysicalAddress> {
    if !isPresent { return start }
    return search(format, from: start, for: input, context: context)
  }

  @inlinable @inline(never) mutating func search<Format: PageTableFormat, Input: Address>(
    _ format: Format, from start: WalkStart<PhysicalAddress>, for input: Input, context: UInt64
  ) -> WalkStart<PhysicalAddress> {
    guard let found = entry(format, from: start.level, for: input, context: context) else { return start }
    return WalkStart(table: found.entry.table, level: found.level &- 1, rights: found.entry.rights)
  }

  /// The entry of the lowest level that is known on the way to `input` from a table of `top`, with its level.
  ///
  /// Every level from the deepest up is a lookup until one hits.
  @inlinable mutating func entry<Format: PageTableFormat, Input: Address>(
    _ format: Format, from top: UInt8, for input: Input, context: UInt64
  ) -> (entry: PagingStructureEntry, level: UInt8)? {
    if !isPresent { return nil }
    var level: UInt8 = 2
    while level <= top {
      let tag = input.pageNumber(format.entrySizeLog2(level: level))
      let found: PagingStructureEntry? =
        switch level {
        case 2: Self.find(&level2, tag, context, &counters[0])
        case 3: Self.find(&level3, tag, context, &counters[1])
        case 4: Self.find(&level4, tag, context, &counters[2])
        default: Self.find(&level5, tag, context, &counters[3])
        }
      if let found { return (found, level) }
      level &+= 1
    }
    return nil
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
