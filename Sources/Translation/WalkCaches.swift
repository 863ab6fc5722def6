import Hardware
import PageTables

/// Every cache that shortens walks: the paging-structure caches of each kind, and the second-stage translations of first-stage tables
/// (VT-d 5.10, 6.2.5).
@frozen public struct WalkCaches: ~Copyable {
  /// First-stage entries whose tables are physical, by domain, address space and input address.
  public var first: PagingStructureCaches
  /// Second-stage entries, by domain and guest physical address.
  public var second: PagingStructureCaches
  /// First-stage entries under a second stage, with the physical addresses of their tables, by domain, address space and input address.
  public var nested: PagingStructureCaches
  /// The second-stage translations of first-stage tables, by domain and guest physical address.
  public var tables: TableTranslationCache
  /// The time of a lookup.
  public let latency: SimTime
  /// Whether any of the caches that nested walks ask has entries at all.
  public let knowsNestedWalks: Bool

  /// Empty caches.
  public init(_ parameters: TranslationParameters.PagingStructureCacheParameters) {
    first = PagingStructureCaches(parameters.first)
    second = PagingStructureCaches(parameters.second)
    nested = PagingStructureCaches(parameters.nested)
    tables = TableTranslationCache(parameters.nestedTables)
    latency = parameters.latency
    knowsNestedWalks = second.isPresent ? true : nested.isPresent ? true : tables.isPresent
  }

  /// The context tag of first-stage entries.
  @inlinable static func tag(domain: UInt32, addressSpace: UInt32) -> UInt64 { UInt64(domain) | UInt64(addressSpace) &<< 32 }

  /// Enters what a walk has learned.
  mutating func fill(_ descent: WalkDescent, domain: UInt32, addressSpace: UInt32) {
    let entry = PagingStructureEntry(
      table: descent.table, domain: domain, addressSpace: addressSpace, rights: descent.rights, guestTable: descent.guestTable,
      translation: descent.translation)
    let prefix = IOVirtualAddress(descent.input).pageNumber(3 + 9 * descent.level)
    let spaceTag = Self.tag(domain: domain, addressSpace: addressSpace)
    switch descent.cache {
    case .first: first.insert(level: descent.level, tag: prefix, context: spaceTag, entry)
    case .second: second.insert(level: descent.level, tag: prefix, context: UInt64(domain), entry)
    case .nested: nested.insert(level: descent.level, tag: prefix, context: spaceTag, entry)
    case .tables:
      tables.insert(GuestPhysicalAddress(descent.input), context: UInt64(domain), domain: domain, descent.translation)
    }
  }
}
