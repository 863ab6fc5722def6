extension CacheGeometry {
  /// Entries, ways and replacement policy.
  public static let parameters: [Parameter<CacheGeometry>] = [
    Parameter("entries", "entries of the cache; 0 is no cache", \Self.entries, .limit(0...maximumEntries, none: "unlimited")),
    Parameter("ways", "entries that one set holds", \Self.ways, .limit(1...maximumEntries, none: "full")),
    Parameter("replacement", "who makes room in a full set", \Self.policy, .replacementPolicy),
  ]
}

extension ParameterDomain where Field == ReplacementPolicy {
  /// The name of a policy; the generator of a random one is seeded later.
  public static var replacementPolicy: Self {
    let names: [(name: String, policy: ReplacementPolicy)] = [
      ("lru", .leastRecentlyUsed), ("plru", .treePseudoLRU), ("fifo", .firstInFirstOut), ("lfu", .leastFrequentlyUsed),
      ("random", .random(seed: 0)), ("flush_when_full", .flushWhenFull),
    ]
    return Self(
      "lru, plru, fifo, lfu, random or flush_when_full",
      parse: { text in names.first { $0.name == text }?.policy },
      value: { policy in
        if case .random = policy { return .name("random") }
        return .name(names.first { $0.policy == policy }?.name ?? "random")
      })
  }
}
