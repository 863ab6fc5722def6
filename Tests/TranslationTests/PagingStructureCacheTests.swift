import Hardware
import PageTables
import Testing
import Translation

/// Caches behind a reference, so that expectations can ask them.
private final class Caches {
  private var caches: PagingStructureCaches

  /// Caches of every level, or of those given.
  init(_ levels: Set<UInt8> = [2, 3, 4, 5], level2: CacheGeometry = CacheGeometry(entries: 32, ways: 4)) {
    var parameters = TranslationParameters.LevelCaches()
    parameters.level2 = levels.contains(2) ? level2 : .none
    if !levels.contains(3) { parameters.level3 = .none }
    if !levels.contains(4) { parameters.level4 = .none }
    if !levels.contains(5) { parameters.level5 = .none }
    caches = PagingStructureCaches(parameters)
  }

  var isPresent: Bool { caches.isPresent }
  func counters(_ level: UInt8) -> CacheCounters { caches.counters[Int(level) - 2] }

  func insert(
    _ level: UInt8, for input: IOVirtualAddress = PagingStructureCacheTests.input, table: UInt64, context: UInt64 = 1, domain: UInt32 = 1,
    rights: AccessRights = .all
  ) {
    let entry = PagingStructureEntry(table: PhysicalAddress(table), domain: domain, addressSpace: 0, rights: rights)
    caches.insert(level: level, tag: input.pageNumber(3 + 9 * level), context: context, entry)
  }

  func start(
    _ input: IOVirtualAddress = PagingStructureCacheTests.input, context: UInt64 = 1,
    from root: WalkStart<PhysicalAddress> = PagingStructureCacheTests.root
  ) -> WalkStart<PhysicalAddress> {
    caches.deepest(PagingStructureCacheTests.format, from: root, for: input, context: context)
  }

  func removeAll(covering range: ClosedRange<UInt64>? = nil, where matches: (PagingStructureEntry) -> Bool) {
    caches.removeAll(covering: range, where: matches)
  }
}

@Suite struct PagingStructureCacheTests {
  static let format = VTdSecondStage(levels: 5)
  static let root = WalkStart(table: PhysicalAddress(0xF000), level: 5)
  static let input = IOVirtualAddress(0x00AB_CDEF_1234_5000)

  @Test("Empty caches leave a walk at the root")
  func empty() {
    let caches = Caches()
    #expect(caches.start() == Self.root)
  }

  @Test("A hit at a level starts the walk one level below, with the rights so far", arguments: UInt8(2)...5)
  func hit(level: UInt8) {
    let caches = Caches()
    caches.insert(level, table: 0xA000, rights: .privilegedRead)
    #expect(caches.start() == WalkStart(table: PhysicalAddress(0xA000), level: level - 1, rights: .privilegedRead))
  }

  @Test("The deepest hit wins")
  func deepest() {
    let caches = Caches()
    for level in [2, 4, 3, 5] as [UInt8] { caches.insert(level, table: UInt64(level) << 12) }
    for level in 2...5 as ClosedRange<UInt8> {
      #expect(caches.start() == WalkStart(table: PhysicalAddress(UInt64(level) << 12), level: level - 1))
      let table = PhysicalAddress(UInt64(level) << 12)
      caches.removeAll { $0.table == table }
    }
    #expect(caches.start() == Self.root)
  }

  @Test("An entry serves the addresses of its own block and context only", arguments: UInt8(2)...5)
  func coverage(level: UInt8) {
    let caches = Caches()
    caches.insert(level, table: 0xA000)
    let size = 3 + 9 * level
    let base = Self.input.alignedDown(size)
    let length: UInt64 = 1 << UInt64(size)
    #expect(caches.start(base).level == level - 1)
    #expect(caches.start(base.advanced(by: length - 1)).level == level - 1)
    #expect(caches.start(base.advanced(by: length)) == Self.root)
    #expect(caches.start(IOVirtualAddress(base.rawValue - 1)) == Self.root)
    #expect(caches.start(context: 2) == Self.root)
  }

  @Test("A walk that starts below a level has no use for its cache", arguments: UInt8(3)...5)
  func lowerRoot(level: UInt8) {
    let caches = Caches()
    caches.insert(5, table: 0x5000)
    caches.insert(4, table: 0x4000)
    let root = WalkStart(table: PhysicalAddress(0xF000), level: level)
    #expect(caches.start(from: root) == (level >= 4 ? WalkStart(table: PhysicalAddress(0x4000), level: 3) : root))
    #expect(caches.counters(5).lookups == 0)
  }

  @Test("Levels are asked from the deepest up until one hits, and counted")
  func counters() {
    let caches = Caches()
    _ = caches.start()
    caches.insert(4, table: 0x4000)
    _ = caches.start()
    #expect((2...5).map { caches.counters($0).lookups } == [2, 2, 2, 1])
    #expect((2...5).map { caches.counters($0).hits } == [0, 0, 1, 0])
    #expect((2...5).map { caches.counters($0).misses } == [2, 2, 1, 1])
    #expect((2...5).map { caches.counters($0).fills } == [0, 0, 1, 0])
  }

  @Test("A level without a cache neither keeps nor counts anything", arguments: UInt8(2)...5)
  func absentLevel(level: UInt8) {
    let caches = Caches(Set(2...5).subtracting([level]))
    caches.insert(level, table: 0xA000)
    #expect(caches.start() == Self.root)
    #expect(caches.counters(level) == CacheCounters())
    #expect(caches.isPresent)
    #expect(!Caches([]).isPresent)
  }

  @Test("A full cache gives up an entry of its own level only, and counts it")
  func eviction() {
    let caches = Caches(level2: CacheGeometry(entries: 2))
    caches.insert(3, table: 0x3000)
    for block in 0..<3 as Range<UInt64> { caches.insert(2, for: IOVirtualAddress(block << 21), table: 0x2000) }
    #expect(caches.counters(2).evictions == 1)
    #expect(caches.start(IOVirtualAddress(0)) == Self.root)
    #expect(caches.start(IOVirtualAddress(2 << 21)).level == 1)
    #expect(caches.start().level == 2)
  }

  @Test("Removal by range takes the entries of every level that cover any of it", arguments: UInt8(2)...5)
  func removedByRange(level: UInt8) {
    let size = UInt64(3 + 9 * level)
    let base = Self.input.alignedDown(UInt8(size)).rawValue
    let last = base + (1 << size) - 1
    for (range, isRemoved) in [
      (base...base, true), (last...last, true), (Self.input.rawValue...Self.input.rawValue + 0xFFF, true), (0...UInt64.max, true),
      (0...base - 1, false), (last + 1...UInt64.max, false), (base - 1...base, true),
    ] as [(ClosedRange<UInt64>, Bool)] {
      let caches = Caches()
      caches.insert(level, table: 0xA000)
      caches.removeAll(covering: range) { _ in true }
      #expect((caches.start() == Self.root) == isRemoved, "\(range)")
      #expect(caches.counters(level).invalidations == (isRemoved ? 1 : 0))
    }
  }

  @Test("Removal by domain leaves other domains alone, with and without a range")
  func removedByDomain() {
    for range in [nil, 0...UInt64.max] as [ClosedRange<UInt64>?] {
      let caches = Caches()
      for level in 2...5 as ClosedRange<UInt8> {
        caches.insert(level, table: 0x1000, context: 1, domain: 1)
        caches.insert(level, table: 0x2000, context: 2, domain: 2)
      }
      caches.removeAll(covering: range) { $0.domain == 1 }
      #expect(caches.start(context: 1) == Self.root)
      #expect(caches.start(context: 2) == WalkStart(table: PhysicalAddress(0x2000), level: 1))
    }
  }
}
