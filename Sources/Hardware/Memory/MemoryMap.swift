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
  // By frame number, those single frames whose words cannot be exchanged atomically.
  var framesWithoutAtomics: Set<UInt64> = []
