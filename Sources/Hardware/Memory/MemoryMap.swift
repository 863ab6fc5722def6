/// Where physical addresses live: flat regions, and single 4 KiB frames in a radix tree for images scattered below 2^52.
@usableFromInline struct MemoryMap {
  struct Region {
    var start: UInt64
    var length: UInt64
    var base: UnsafeMutableRawPointer
  }

  typealias Node = UnsafeMutablePointer<UnsafeMutableRawPointer?>

  // Four levels of ten bits cover the 40 bits of a frame number below 2^52.
  static let levels = 4
  static let slots = 1024

  var regions: [Region] = []
  var root: Node = MemoryMap.makeNode()
  /// Told of writes through the view of this map, if anybody wants to know.
  var watch: WriteWatch?
  // By frame number, those single frames whose words cannot be exchanged atomically.
  var framesWithoutAtomics: Set<UInt64> = []

  static func makeNode() -> Node {
    let node = Node.allocate(capacity: slots)
    node.initialize(repeating: nil, count: slots)
    return node
  }

  static func slot(_ frame: UInt64, level: Int) -> Int { Int(truncatingIfNeeded: frame >> UInt64(level * 10)) & (slots - 1) }

  @usableFromInline func location(_ address: PhysicalAddress, count: UInt64) -> UnsafeMutableRawPointer? {
    for region in regions where address.rawValue >= region.start {
      let offset = address.rawValue - region.start
      if offset < region.length { return region.length - offset >= count ? region.base + Int(offset) : nil }
    }
    guard address.rawValue >> 52 == 0 else { return nil }
    let frame = address.pageNumber(PageSizeLog2.size4K)
    var node = root
    for level in (1..<Self.levels).reversed() {
      guard let next = node[Self.slot(frame, level: level)] else { return nil }
      node = next.assumingMemoryBound(to: UnsafeMutableRawPointer?.self)
    }
    return node[Self.slot(frame, level: 0)].map { $0 + Int(address.pageOffset(PageSizeLog2.size4K)) }
  }

  /// Stores a word, a multiple of 8; false if nothing backs it.
  @usableFromInline func write64(_ address: PhysicalAddress, _ value: UInt64) -> Bool {
    guard let place = location(address, count: 8) else { return false }
    guard let watch else {
      place.storeBytes(of: value.littleEndian, as: UInt64.self)
      return true
    }
    let before = UInt64(littleEndian: place.load(as: UInt64.self))
    place.storeBytes(of: value.littleEndian, as: UInt64.self)
    watch.didWrite(address, before, value)
    return true
  }

  /// Backs the frame that holds `address` with zeros, unless something backs it already.
  mutating func addFrame(_ address: PhysicalAddress) {
    guard location(address.alignedDown(PageSizeLog2.size4K), count: 8) == nil else { return }
    let frame = address.pageNumber(PageSizeLog2.size4K)
    var node = root
    for level in (1..<Self.levels).reversed() {
      let slot = Self.slot(frame, level: level)
      let next = node[slot] ?? UnsafeMutableRawPointer(Self.makeNode())
      node[slot] = next
      node = next.assumingMemoryBound(to: UnsafeMutableRawPointer?.self)
    }
    let storage = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 4096)
    storage.initializeMemory(as: UInt8.self, repeating: 0, count: 4096)
    node[Self.slot(frame, level: 0)] = storage
  }

  /// Whether words of the frame that holds `address` cannot be exchanged atomically.
  @usableFromInline func refusesAtomics(_ address: PhysicalAddress) -> Bool {
    framesWithoutAtomics.contains(address.pageNumber(PageSizeLog2.size4K))
  }

  /// Takes the frame that holds `address` away, if it is one of the single frames.
  mutating func removeFrame(_ address: PhysicalAddress) {
    let frame = address.pageNumber(PageSizeLog2.size4K)
    guard frame >> 40 == 0 else { return }
    var node = root
    for level in (1..<Self.levels).reversed() {
      guard let next = node[Self.slot(frame, level: level)] else { return }
      node = next.assumingMemoryBound(to: UnsafeMutableRawPointer?.self)
    }
    node[Self.slot(frame, level: 0)]?.deallocate()
    node[Self.slot(frame, level: 0)] = nil
    framesWithoutAtomics.remove(frame)
  }

  /// Frees every node and frame.
  func deallocateFrames() { Self.deallocate(root, level: Self.levels - 1) }

  private static func deallocate(_ node: Node, level: Int) {
    for slot in 0..<slots {
      guard let child = node[slot] else { continue }
      if level == 0 {
        child.deallocate()
      } else {
        deallocate(child.assumingMemoryBound(to: UnsafeMutableRawPointer?.self), level: level - 1)
      }
    }
    node.deallocate()
  }
}
