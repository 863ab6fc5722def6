import Hardware

extension TranslationParameters {
  /// The longest latency or interval that can be asked for: 1 s.
  static let longestTime = SimTime(nanoseconds: 1_000_000_000)

  /// All parameters of the translation path.
  public static let parameters: [Parameter<TranslationParameters>] =
    [
      Parameter(
        "ingress.interval_ns", "between the starts of two requests at the unit's ingress; 0 is unlimited", \Self.ingressInterval,
        .nanoseconds(upTo: longestTime))
    ]
    + IOTLBParameters.parameters.lifted(to: \Self.iotlb, under: "iotlb")
    + ConfigurationCacheParameters.parameters.lifted(to: \Self.contextCache, under: "context_cache")
    + ConfigurationCacheParameters.parameters.lifted(to: \Self.pasidCache, under: "pasid_cache")
    + PagingStructureCacheParameters.parameters.lifted(to: \Self.pagingStructureCaches, under: "paging_structure_caches")
    + [
      Parameter("walkers.count", "walks that can be under way at once", \Self.walkers, .integer(0...65536, zero: "unlimited"))
    ]
    + MemoryPortParameters.parameters.lifted(to: \Self.memory, under: "memory")

  /// The caches, by the section of their parameters.
  public static let caches: [(section: String, geometry: WritableKeyPath<TranslationParameters, CacheGeometry> & Sendable)] = [
    ("iotlb", \.iotlb.geometry), ("iotlb.medium", \.iotlb.medium), ("iotlb.large", \.iotlb.large),
    ("context_cache", \.contextCache.geometry), ("pasid_cache", \.pasidCache.geometry),
    ("paging_structure_caches.level2", \.pagingStructureCaches.second.level2),
    ("paging_structure_caches.level3", \.pagingStructureCaches.second.level3),
    ("paging_structure_caches.level4", \.pagingStructureCaches.second.level4),
    ("paging_structure_caches.level5", \.pagingStructureCaches.second.level5),
    ("paging_structure_caches.first.level2", \.pagingStructureCaches.first.level2),
    ("paging_structure_caches.first.level3", \.pagingStructureCaches.first.level3),
    ("paging_structure_caches.first.level4", \.pagingStructureCaches.first.level4),
    ("paging_structure_caches.first.level5", \.pagingStructureCaches.first.level5),
    ("paging_structure_caches.nested.level2", \.pagingStructureCaches.nested.level2),
    ("paging_structure_caches.nested.level3", \.pagingStructureCaches.nested.level3),
    ("paging_structure_caches.nested.level4", \.pagingStructureCaches.nested.level4),
    ("paging_structure_caches.nested.level5", \.pagingStructureCaches.nested.level5),
    ("paging_structure_caches.nested.tables", \.pagingStructureCaches.nestedTables),
  ]

  /// The same parameters with the generator of each cache that replaces at random seeded from `seed`, each differently.
  public func seeded(_ seed: UInt64) -> TranslationParameters {
    var seeded = self
    var generator = SplitMix64(seed: seed)
    for (_, geometry) in Self.caches {
      let seed = generator.next()
      if case .random = seeded[keyPath: geometry].policy { seeded[keyPath: geometry].policy = .random(seed: seed) }
    }
    return seeded
  }
}

extension TranslationParameters.IOTLBParameters {
  static let parameters: [Parameter<Self>] =
    CacheGeometry.parameters.lifted(to: \Self.geometry, under: "")
    + [
      Parameter(
        "shared", "all page sizes share one cache; otherwise pages above 64 KiB and above 32 MiB have caches of their own", \Self.isShared,
        .flag),
      Parameter("latency_ns", "time of a lookup", \Self.latency, .nanoseconds(upTo: TranslationParameters.longestTime)),
    ]
    + CacheGeometry.parameters.lifted(to: \Self.medium, under: "medium") + CacheGeometry.parameters.lifted(to: \Self.large, under: "large")
}

extension TranslationParameters.ConfigurationCacheParameters {
  static let parameters: [Parameter<Self>] =
    CacheGeometry.parameters.lifted(to: \Self.geometry, under: "")
    + [Parameter("latency_ns", "time of a lookup", \Self.latency, .nanoseconds(upTo: TranslationParameters.longestTime))]
}

extension TranslationParameters.PagingStructureCacheParameters {
  static let parameters: [Parameter<Self>] =
    [
      Parameter(
        "latency_ns", "time of a lookup in all levels at once", \Self.latency, .nanoseconds(upTo: TranslationParameters.longestTime))
    ]
    + TranslationParameters.LevelCaches.parameters.lifted(to: \Self.second, under: "")
    + TranslationParameters.LevelCaches.parameters.lifted(to: \Self.first, under: "first")
    + TranslationParameters.LevelCaches.parameters.lifted(to: \Self.nested, under: "nested")
    + CacheGeometry.parameters.lifted(to: \Self.nestedTables, under: "nested.tables")
}

extension TranslationParameters.LevelCaches {
  static let parameters: [Parameter<Self>] =
    CacheGeometry.parameters.lifted(to: \Self.level2, under: "level2")
    + CacheGeometry.parameters.lifted(to: \Self.level3, under: "level3")
    + CacheGeometry.parameters.lifted(to: \Self.level4, under: "level4")
    + CacheGeometry.parameters.lifted(to: \Self.level5, under: "level5")
}

extension TranslationParameters.MemoryPortParameters {
  static let parameters: [Parameter<Self>] = [
    Parameter("latency_ns", "from a read's start to its data", \Self.latency, .nanoseconds(upTo: TranslationParameters.longestTime)),
    Parameter(
      "interval_ns", "between the starts of two reads; 0 is unlimited bandwidth", \Self.interval,
      .nanoseconds(upTo: TranslationParameters.longestTime)),
  ]
}
