import Hardware
import PageTables
import Testing
import Translation

/// A cache behind a reference, so that expectations can ask it.
private final class Cache {
  private var cache: IOTLB

  init(_ parameters: TranslationParameters.IOTLBParameters) { cache = IOTLB(parameters) }

  var count: Int { cache.count }
  var evictions: UInt64 { cache.evictions }

  func find(_ address: UInt64, context: UInt64 = 1) -> IOTLBEntry? {
    cache.lookup(IOVirtualAddress(address), context: context)?.pointee
  }
  func insert(_ address: UInt64, context: UInt64 = 1, _ entry: IOTLBEntry) {
    withUnsafePointer(to: entry) { cache.insert(IOVirtualAddress(address), context: context, $0) }
  }
  func removeAll(translating range: ClosedRange<UInt64>, where matches: (UInt64, IOTLBEntry) -> Bool = { _, _ in true }) -> Int {
    cache.removeAll(translating: range, where: matches)
  }
  func removeAll(where matches: (UInt64, IOTLBEntry) -> Bool) -> Int { cache.removeAll(where: matches) }
}

@Suite struct IOTLBTests {
  /// Shapes that can hold pages of every size whole.
  enum Shape: String, CaseIterable, Sendable {
    case shared, split, unlimited

    var parameters: TranslationParameters.IOTLBParameters {
      var parameters = TranslationParameters.IOTLBParameters()
      switch self {
      case .shared: break
      case .split: parameters.isShared = false
      case .unlimited: parameters.geometry = .unlimited
      }
      return parameters
    }
  }

  static func entry(_ page: UInt64, sizeLog2: UInt8 = 12, domain: UInt32 = 1) -> IOTLBEntry {
    IOTLBEntry(
      page: PhysicalAddress(page), domain: domain, addressSpace: 0, rights: .all, sizeLog2: sizeLog2, flags: [], stages: .second)
  }

  static let sizes: [UInt8] = [12, 14, 16, 21, 25, 30, 39]

  @Test("A page is found by any address in it and no other", arguments: Shape.allCases, sizes)
  func anyAddress(shape: Shape, sizeLog2: UInt8) throws {
    let cache = Cache(shape.parameters)
    let size: UInt64 = 1 << UInt64(sizeLog2)
    let base = 5 * size
    let entry = Self.entry(9 * size, sizeLog2: sizeLog2)
    cache.insert(base + size / 2, context: 3, entry)
    #expect(cache.count == 1)
    for offset in [0, 1, 0xFFF, size / 3, size - 1] {
      let found = try #require(cache.find(base + offset, context: 3))
      #expect(found.output(IOVirtualAddress(base + offset)) == PhysicalAddress(9 * size + offset))
      #expect(found.sizeLog2 == sizeLog2)
    }
    #expect(cache.find(base - 1, context: 3) == nil)
    #expect(cache.find(base + size, context: 3) == nil)
    #expect(cache.find(base, context: 2) == nil)
  }

  @Test("Pages of different sizes at addresses of the same number are told apart", arguments: Shape.allCases)
  func sameNumber(shape: Shape) throws {
    let cache = Cache(shape.parameters)
    for size in Self.sizes {
      let entry = Self.entry(UInt64(size) << 40, sizeLog2: size)
      cache.insert(7 << UInt64(size), entry)
    }
    #expect(cache.count == Self.sizes.count)
    for size in Self.sizes {
      let found = try #require(cache.find(7 << UInt64(size)))
      #expect(found.page == PhysicalAddress(UInt64(size) << 40))
    }
  }

  @Test("Context tags of 58 bits are told apart to the last bit", arguments: [0, 16, 36, 57] as [UInt64])
  func contexts(bit: UInt64) {
    let cache = Cache(Shape.shared.parameters)
    let entry = Self.entry(0x1000)
    cache.insert(0, context: 0, entry)
    #expect(cache.find(0, context: 1 << bit) == nil)
    #expect(cache.find(0, context: 0) != nil)
  }

  @Test("A page entered twice is one entry, the later one")
  func replaced() throws {
    let cache = Cache(Shape.shared.parameters)
    for page in [0x1000, 0x2000] as [UInt64] {
      let entry = Self.entry(page)
      cache.insert(0x5000, entry)
    }
    #expect(cache.count == 1)
    #expect(try #require(cache.find(0x5000)).page == PhysicalAddress(0x2000))
  }

  // MARK: Split caches

  @Test(
    "Split caches hold each class of sizes apart", arguments: [(12, 0), (16, 0), (21, 1), (25, 1), (30, 2), (39, 2)] as [(UInt8, UInt64)])
  func classes(sizeLog2: UInt8, place: UInt64) {
    var parameters = TranslationParameters.IOTLBParameters()
    parameters.isShared = false
    parameters.geometry = CacheGeometry(entries: 1)
    parameters.medium = CacheGeometry(entries: 1)
    parameters.large = CacheGeometry(entries: 1)
    let cache = Cache(parameters)
    for (index, size) in ([12, 21, 30] as [UInt8]).enumerated() {
      let entry = Self.entry(0, sizeLog2: size)
      cache.insert(UInt64(index) << 40, entry)
    }
    #expect(cache.count == 3)
    let entry = Self.entry(0, sizeLog2: sizeLog2)
    cache.insert(7 << 40, entry)
    #expect(cache.evictions == 1)
    for other in 0..<3 as Range<UInt64> {
      #expect((cache.find(other << 40) == nil) == (other == place))
    }
  }

  /// What a page becomes in caches that lack a class: the sizes of the classes that there are, and the size of the piece.
  static let pieceSizes: [(sizeLog2: UInt8, medium: Bool, large: Bool, piece: UInt8)] = [
    (12, false, false, 12), (16, false, false, 16), (21, false, true, 12), (21, true, false, 21), (30, true, false, 21),
    (30, false, false, 12), (30, false, true, 30), (39, true, false, 21), (25, true, false, 25),
  ]

  @Test("A page of a class without entries is held in pieces around the address that was asked for", arguments: pieceSizes.indices)
  func pieces(index: Int) throws {
    let (sizeLog2, medium, large, piece) = Self.pieceSizes[index]
    var parameters = TranslationParameters.IOTLBParameters()
    parameters.isShared = false
    if !medium { parameters.medium = .none }
    if !large { parameters.large = .none }
    let cache = Cache(parameters)
    let size: UInt64 = 1 << UInt64(sizeLog2)
    let asked = IOVirtualAddress(3 * size + size / 2 + 0x123)
    let entry = Self.entry(8 * size, sizeLog2: sizeLog2)
    cache.insert(asked.rawValue, entry)
    let found = try #require(cache.find(asked.rawValue))
    #expect(found.sizeLog2 == piece)
    #expect(found.output(asked) == PhysicalAddress(8 * size + size / 2 + 0x123))
    let first = asked.alignedDown(piece)
    let last = first.advanced(by: (1 << UInt64(piece)) - 1)
    #expect(cache.find(first.rawValue) != nil)
    #expect(cache.find(last.rawValue) != nil)
    if piece < sizeLog2 {
      #expect(cache.find(last.rawValue + 1) == nil)
      #expect(cache.find(first.rawValue - 1) == nil)
    }
  }

  // MARK: Removal

  @Test("A large page goes with any address in it, and only then", arguments: Shape.allCases, sizes)
  func removedByAnyAddress(shape: Shape, sizeLog2: UInt8) {
    let size: UInt64 = 1 << UInt64(sizeLog2)
    let base = 6 * size
    for (range, removed) in [
      (base...base, 1), (base + size - 1...base + size - 1, 1), (base + size / 2...base + size / 2 + 0xFFF, 1), (0...UInt64.max, 1),
      (0...base - 1, 0), (base + size...UInt64.max, 0), (base - 1...base, 1),
    ] as [(ClosedRange<UInt64>, Int)] {
      let cache = Cache(shape.parameters)
      let entry = Self.entry(0, sizeLog2: sizeLog2)
      cache.insert(base, entry)
      #expect(cache.removeAll(translating: range) == removed, "\(range)")
      #expect(cache.count == 1 - removed)
      #expect((cache.find(base) == nil) == (removed == 1))
    }
  }

  @Test("Removal asks by the context tag as it was given and by the entry", arguments: Shape.allCases)
  func removedByMatch(shape: Shape) {
    let cache = Cache(shape.parameters)
    let context: UInt64 = 1 << 57 | 5
    for (number, size) in Self.sizes.enumerated() {
      let entry = Self.entry(0, sizeLog2: size, domain: UInt32(number))
      cache.insert(0, context: context, entry)
    }
    var seen: Set<UInt64> = []
    #expect(
      cache.removeAll { tag, entry in
        seen.insert(tag)
        return entry.domain == 3
      } == 1)
    #expect(seen == [context])
    #expect(
      cache.removeAll(translating: 0...0) { tag, entry in
        seen.insert(tag)
        return entry.domain == 5
      } == 1)
    #expect(seen == [context])
    #expect(cache.count == Self.sizes.count - 2)
    #expect(cache.removeAll { _, _ in true } == Self.sizes.count - 2)
    #expect(cache.find(0, context: context) == nil)
  }

  @Test("After everything was removed, pages of every size can be entered and found again", arguments: Shape.allCases, sizes)
  func refilled(shape: Shape, sizeLog2: UInt8) {
    let cache = Cache(shape.parameters)
    let entry = Self.entry(0, sizeLog2: sizeLog2)
    cache.insert(0, entry)
    _ = cache.removeAll { _, _ in true }
    cache.insert(0, entry)
    #expect(cache.find(0) != nil)
  }

  // MARK: Replacement

  @Test("A full cache that is flushed when full keeps only the newcomer")
  func flushWhenFull() {
    var parameters = TranslationParameters.IOTLBParameters()
    parameters.geometry = CacheGeometry(entries: 4, policy: .flushWhenFull)
    let cache = Cache(parameters)
    let entry = Self.entry(0)
    for page in 0..<4 as Range<UInt64> { cache.insert(page << 12, entry) }
    #expect(cache.count == 4)
    cache.insert(2 << 12, entry)
    #expect(cache.count == 4)
    cache.insert(9 << 12, entry)
    #expect(cache.count == 1)
    #expect(cache.evictions == 4)
    #expect(cache.find(9 << 12) != nil)
  }

  @Test("Sizes share the entries of a shared cache, the least recently used going first")
  func sharedReplacement() {
    var parameters = TranslationParameters.IOTLBParameters()
    parameters.geometry = CacheGeometry(entries: 2)
    let cache = Cache(parameters)
    let small = Self.entry(0)
    let large = Self.entry(0, sizeLog2: 21)
    cache.insert(0, small)
    cache.insert(1 << 30, large)
    #expect(cache.find(0) != nil)
    cache.insert(0x5000, small)
    #expect(cache.find(1 << 30) == nil)
    #expect(cache.find(0) != nil)
    #expect(cache.evictions == 1)
  }

  @Test("A cache without entries misses always")
  func absent() {
    var parameters = TranslationParameters.IOTLBParameters()
    parameters.geometry = .none
    let cache = Cache(parameters)
    let entry = Self.entry(0)
    cache.insert(0, entry)
    #expect(cache.find(0) == nil)
    #expect(cache.count == 0)
  }
}
