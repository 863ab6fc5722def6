import Hardware

/// The implementation side of an IOMMU's translation path: sizes, policies, latencies and slots; never architecture.
public struct TranslationParameters: Hashable, Sendable {
  /// The IOTLB.
  public struct IOTLBParameters: Hashable, Sendable {
    /// Whether all page sizes share one cache; otherwise pages up to 64 KiB, up to 32 MiB, and larger ones have caches of their own.
    public var isShared = true
    /// The shared cache, or the one for the smallest pages.
    public var geometry = CacheGeometry(entries: 64, ways: 8)
    /// The cache for medium pages if caches are split; without entries, such pages are held in pieces of 4 KiB.
    public var medium = CacheGeometry(entries: 32, ways: 8)
    /// The cache for the largest pages if caches are split; without entries, such pages are held in smaller pieces.
    public var large = CacheGeometry(entries: 16, ways: 16)
    /// The time of a lookup.
    public var latency = SimTime(nanoseconds: 2)

    /// 64 entries, 8 ways, LRU, shared by all page sizes; 2 ns.
    public init() {}
  }

  /// The cache of one kind of configuration structure.
  public struct ConfigurationCacheParameters: Hashable, Sendable {
    /// Its shape.
    public var geometry: CacheGeometry
    /// The time of a lookup.
    public var latency: SimTime

    /// A cache of the given shape and lookup time.
    public init(geometry: CacheGeometry, latency: SimTime) {
      self.geometry = geometry
      self.latency = latency
    }
  }

  /// The caches of upper-level table entries of one kind, one for each level.
  public struct LevelCaches: Hashable, Sendable {
    /// The cache of entries of level 2 (each covers 2 MiB with 4 KiB tables).
    public var level2 = CacheGeometry(entries: 32, ways: 4)
    /// The cache of entries of level 3 (1 GiB).
    public var level3 = CacheGeometry(entries: 16, ways: 4)
    /// The cache of entries of level 4 (512 GiB).
    public var level4 = CacheGeometry(entries: 8, ways: 4)
    /// The cache of entries of level 5 (256 TiB).
    public var level5 = CacheGeometry(entries: 4, ways: 4)

    /// 32, 16, 8 and 4 entries from level 2 up.
    public init() {}

    /// The same shape for every level.
    public init(all geometry: CacheGeometry) {
      level2 = geometry
      level3 = geometry
      level4 = geometry
      level5 = geometry
    }
  }

  /// The caches that shorten walks.
  public struct PagingStructureCacheParameters: Hashable, Sendable {
    /// The caches of second-stage entries.
    public var second = LevelCaches()
    /// The caches of first-stage entries whose tables are physical.
    public var first = LevelCaches()
    /// The caches of first-stage entries under a second stage.
    public var nested = LevelCaches()
    /// The cache of second-stage translations of first-stage tables.
    public var nestedTables = CacheGeometry(entries: 32, ways: 4)
    /// The time of a lookup in all levels of one kind at once.
    public var latency = SimTime(nanoseconds: 2)

    /// 32, 16, 8 and 4 entries of each kind from level 2 up, 32 translations of tables; 2 ns.
    public init() {}

    /// No caches at all.
    public static var none: Self {
      var none = Self()
      none.second = LevelCaches(all: .none)
      none.first = LevelCaches(all: .none)
      none.nested = LevelCaches(all: .none)
      none.nestedTables = .none
      none.latency = .zero
      return none
    }
  }

  /// The unit's way to memory.
  public struct MemoryPortParameters: Hashable, Sendable {
    /// The time from a read's start to its data.
    public var latency = SimTime(nanoseconds: 80)
    /// The time between the starts of two reads; zero is unlimited bandwidth.
    public var interval = SimTime.zero

    /// 80 ns, unlimited bandwidth.
    public init() {}
  }

  /// The time between the starts of two requests at the unit's ingress; zero is unlimited.
  public var ingressInterval = SimTime.zero
  /// The IOTLB.
  public var iotlb = IOTLBParameters()
  /// The cache of context entries (VT-d) or stream table entries (SMMUv3).
  public var contextCache = ConfigurationCacheParameters(
    geometry: CacheGeometry(entries: 64, ways: 4), latency: SimTime(nanoseconds: 2))
  /// The cache of PASID entries (VT-d) or context descriptors (SMMUv3).
  public var pasidCache = ConfigurationCacheParameters(geometry: CacheGeometry(entries: 64, ways: 4), latency: SimTime(nanoseconds: 2))
  /// The caches that shorten walks.
  public var pagingStructureCaches = PagingStructureCacheParameters()
  /// How many walks can be under way at once; 0 is unlimited.
  public var walkers: UInt32 = 8
  /// The unit's way to memory.
  public var memory = MemoryPortParameters()

  /// Assumed sizes and latencies of no particular part.
  public init() {}

  /// What is wrong with these parameters, each with the name of the parameter.
  public var problems: [(parameter: String, problem: String)] {
    Self.caches.compactMap { name, geometry in self[keyPath: geometry].problem.map { (name, $0) } }
  }
}
