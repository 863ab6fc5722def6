import Testing

@testable import Hardware

/// A cache written as plainly as can be: lists of entries in order of fill, and what each policy needs beside.
struct NaiveCache {
  struct Entry: Equatable {
    var tag: UInt64
    var context: UInt64
    var value: UInt64
    var way: Int
    var lastUse: Int
    var filled: Int
    var uses: Int
  }

  let sets: Int
  let ways: Int
  let policy: ReplacementPolicy
  var entries: [[Entry]]
  var time = 0
  var trees: [[Bool]]
  var generator: SplitMix64
  var evictions = 0

  init(_ geometry: CacheGeometry) {
    ways = geometry.ways ?? geometry.entries ?? Int.max
    if let total = geometry.entries { sets = total / ways } else { sets = 1 }
    policy = geometry.policy
    entries = Array(repeating: [], count: sets)
    trees = Array(repeating: Array(repeating: false, count: ways == Int.max ? 0 : ways), count: sets)
    if case .random(let seed) = policy { generator = SplitMix64(seed: seed) } else { generator = SplitMix64(seed: 0) }
  }

  // For every way, the path from the root of the tree: at each node, whether the way lies to its right.
  func path(_ way: Int) -> [(node: Int, right: Bool)] {
    var result: [(node: Int, right: Bool)] = []
    var node = way + ways
    while node > 1 {
      result.append((node / 2, node % 2 == 1))
      node /= 2
    }
    return result.reversed()
  }

  mutating func note(_ set: Int, _ way: Int) {
    guard policy == .treePseudoLRU, ways < Int.max else { return }
    for step in path(way) { trees[set][step.node] = !step.right }
  }

  mutating func lookup(_ tag: UInt64, _ context: UInt64) -> UInt64? {
    let set = Int(tag % UInt64(sets))
    guard let place = entries[set].firstIndex(where: { $0.tag == tag && $0.context == context }) else { return nil }
    time += 1
    entries[set][place].lastUse = time
    entries[set][place].uses += 1
    note(set, entries[set][place].way)
    return entries[set][place].value
  }

  mutating func insert(_ tag: UInt64, _ context: UInt64, _ value: UInt64) {
    let set = Int(tag % UInt64(sets))
    time += 1
    if entries[set].count == ways {
      switch policy {
      case .flushWhenFull:
        evictions += entries.map(\.count).reduce(0, +)
        entries = Array(repeating: [], count: sets)
      default:
        evictions += 1
        entries[set].remove(at: victim(set))
      }
    }
    let taken = Set(entries[set].map(\.way))
    guard let way = (0..<ways).first(where: { !taken.contains($0) }) else { return }
    entries[set].append(.init(tag: tag, context: context, value: value, way: way, lastUse: time, filled: time, uses: 0))
    note(set, way)
  }

  mutating func victim(_ set: Int) -> Int {
    let list = entries[set]
    func index(_ key: (Entry) -> (Int, Int)) -> Int { list.indices.min { key(list[$0]) < key(list[$1]) } ?? 0 }
    switch policy {
    case .leastRecentlyUsed: return index { ($0.lastUse, 0) }
    case .firstInFirstOut: return index { ($0.filled, 0) }
    case .leastFrequentlyUsed: return index { ($0.uses, $0.filled) }
    case .treePseudoLRU:
      return list.firstIndex { entry in path(entry.way).allSatisfy { trees[set][$0.node] == $0.right } } ?? 0
    case .random:
      let way = Int(generator.next().multipliedFullWidth(by: UInt64(ways)).high)
      return list.firstIndex { $0.way == way } ?? 0
    case .flushWhenFull: return 0
    }
  }
}

@Suite struct SetAssociativeCacheTests {
  static let policies: [ReplacementPolicy] = [
    .leastRecentlyUsed, .treePseudoLRU, .firstInFirstOut, .leastFrequentlyUsed, .random(seed: 7), .flushWhenFull,
  ]
  static let shapes: [(entries: Int?, ways: Int?)] = [
    (1, 1), (8, 8), (64, 8), (48, 4), (16, 1), (32, nil), (128, nil), (512, 128), (117, nil), (200, 100), (nil, nil),
  ]

  static var geometries: [CacheGeometry] {
    shapes.flatMap { shape in policies.map { CacheGeometry(entries: shape.entries, ways: shape.ways, policy: $0) } }
      .filter { $0.problem == nil }
  }

  @Test("Every policy in every shape agrees with a plain model under random use", arguments: geometries)
  func model(geometry: CacheGeometry) {
    var cache = SetAssociativeCache<UInt64>(geometry)
    var naive = NaiveCache(geometry)
    var random = SplitMix64(seed: 42)
    let span = UInt64(geometry.entries ?? 100) * 2
    // Which of several empty ways is filled first is left open; it matters to the policies that go by the number of a way.
    var goesByWay = geometry.policy == .treePseudoLRU
    if case .random = geometry.policy { goesByWay = true }
    for step in 0..<3000 {
      let tag = random.next(below: span)
      let context = random.next(below: 2)
      if step % 701 == 700, !goesByWay || naive.ways <= 64 {
        let removed = cache.removeAll { tag, context, _ in tag % 3 == 0 && context == 1 }
        var expected = 0
        for set in naive.entries.indices {
          let before = naive.entries[set].count
          naive.entries[set].removeAll { $0.tag % 3 == 0 && $0.context == 1 }
          expected += before - naive.entries[set].count
        }
        #expect(removed == expected)
      }
      let found = cache.lookup(tag: tag, context: context).map { cache[$0] }
      #expect(found == naive.lookup(tag, context))
      if found == nil {
        cache.insert(tag: tag, context: context, value: UInt64(step))
        naive.insert(tag, context, UInt64(step))
      }
    }
    #expect(cache.count == naive.entries.map(\.count).reduce(0, +))
    #expect(cache.evictions == UInt64(naive.evictions))
  }

  @Test("Removing a range of tags removes just those", arguments: [(64, 8), (128, 128), (12, 2)])
  func removeRange(entries: Int, ways: Int) {
    var cache = SetAssociativeCache<UInt64>(CacheGeometry(entries: entries, ways: ways))
    for tag in 0..<UInt64(entries) { cache.insert(tag: tag, context: tag % 2, value: tag) }
    let removed = cache.removeAll(tags: 2...5) { _, context, _ in context == 0 }
    #expect(removed == 2)
    #expect(cache.peek(tag: 2, context: 0) == nil)
    #expect(cache.peek(tag: 3, context: 1) != nil)
    #expect(cache.peek(tag: 4, context: 0) == nil)
    #expect(cache.peek(tag: 6, context: 0) != nil)
  }

  @Test(
    "A second insertion of the same entry replaces its value and takes no room",
    arguments: [CacheGeometry(entries: 8, ways: 8), .unlimited])
  func replace(geometry: CacheGeometry) {
    var cache = SetAssociativeCache<UInt64>(geometry)
    cache.insert(tag: 1, context: 2, value: 3)
    cache.insert(tag: 1, context: 2, value: 4)
    #expect(cache.count == 1)
    #expect(cache.lookup(tag: 1, context: 2).map { cache[$0] } == 4)
  }

  @Test("A cache of no entries never hits")
  func none() {
    var cache = SetAssociativeCache<UInt64>(.none)
    cache.insert(tag: 1, context: 0, value: 1)
    #expect(cache.lookup(tag: 1, context: 0) == nil)
    #expect(cache.removeAll { _, _, _ in true } == 0)
  }

  @Test("Peeking does not count as a use", arguments: [8, 100])
  func peek(entries: Int) {
    var cache = SetAssociativeCache<UInt64>(CacheGeometry(entries: entries))
    for tag in 0..<UInt64(entries) { cache.insert(tag: tag, context: 0, value: 0) }
    #expect(cache.peek(tag: 0, context: 0) != nil)
    cache.insert(tag: 1000, context: 0, value: 0)
    #expect(cache.peek(tag: 0, context: 0) == nil)
  }

  @Test(
    "A shape that cannot be is explained",
    arguments: [
      (CacheGeometry(entries: -1), "entries"), (CacheGeometry(entries: 1 << 25), "entries"), (CacheGeometry(entries: 8, ways: 3), "divide"),
      (CacheGeometry(entries: 8, ways: 0), "ways"), (CacheGeometry(entries: 8, ways: 16), "ways"),
      (CacheGeometry(entries: nil, ways: 4), "no ways"), (CacheGeometry(entries: 12, ways: 6, policy: .treePseudoLRU), "power of two"),
    ])
  func problems(geometry: CacheGeometry, word: String) {
    #expect(geometry.problem?.contains(word) == true)
  }
}
