import Hardware

/// The latencies of the requests of each group: those of one requester, or of one PASID.
///
/// Thousands of groups are cheap: each takes 192 bytes, and finding it a comparison if the request before was of the same group, else a
/// look into a hash table.
struct GroupTally: ~Copyable {
  /// Words of a group: the sum, the maximum, the buckets.
  static var stride: Int { 24 }
  static var buckets: Int { 22 }

  let storage: OwnedStorage
  /// A group in use: its key in the high half, its number and 1 in the low half; else 0.
  var table: UnsafeMutablePointer<UInt64>
  var tableMask: UInt64
  var figures: UnsafeMutablePointer<UInt64>
  var capacity: Int
  var keys: UnsafeMutablePointer<UInt32>
  var count = 0
  /// The group of the last request.
  var lastKey: UInt32 = 0
  var lastFigures: UnsafeMutablePointer<UInt64>?

  init() {
    storage = OwnedStorage()
    capacity = 16
    tableMask = 63
    table = storage.array(64, of: 0)
    figures = storage.array(16 * Self.stride, of: 0)
    keys = storage.array(16, of: 0)
  }

  /// Counts requests of the group `key`.
  mutating func record(_ key: UInt32, _ latency: SimTime, count: UInt64 = 1) {
    let group: UnsafeMutablePointer<UInt64>
    if let lastFigures, lastKey == key {
      group = lastFigures
    } else {
      group = find(key)
      lastKey = key
      lastFigures = group
    }
    group[0] &+= latency.picoseconds &* count
    if latency.picoseconds > group[1] { group[1] = latency.picoseconds }
    group[2 &+ Self.bucket(latency.picoseconds)] &+= count
  }

  /// The bucket of a latency: 0 below 2^10 ps, then one for each power of two, the last without limit.
  static func bucket(_ picoseconds: UInt64) -> Int {
    let bits = 64 &- (picoseconds &>> 10).leadingZeroBitCount
    return min(bits, buckets &- 1)
  }

  mutating func find(_ key: UInt32) -> UnsafeMutablePointer<UInt64> {
    let entry = table[Int(truncatingIfNeeded: Self.home(key) & tableMask)]
    if entry &>> 32 == UInt64(key), entry != 0 { return figures + Int(truncatingIfNeeded: (entry & 0xFFFF_FFFF) &- 1) &* Self.stride }
    return search(key)
  }

  static func home(_ key: UInt32) -> UInt64 { (UInt64(key) &* 0x9E37_79B9_7F4A_7C15) &>> 40 }

  mutating func search(_ key: UInt32) -> UnsafeMutablePointer<UInt64> {
    var place = Self.home(key) & tableMask
    while true {
      let entry = table[Int(place)]
      if entry == 0 { break }
      if entry >> 32 == UInt64(key) { return figures + (Int(entry & 0xFFFF_FFFF) - 1) * Self.stride }
      place = (place + 1) & tableMask
    }
    if count == capacity {
      grow()
      return search(key)
    }
    keys[count] = key
    count += 1
    table[Int(place)] = UInt64(key) << 32 | UInt64(count)
    return figures + (count - 1) * Self.stride
  }

  private mutating func grow() {
    let old = capacity
    capacity *= 2
    storage.extend(&figures, from: old * Self.stride, to: capacity * Self.stride, with: 0)
    storage.extend(&keys, from: old, to: capacity, with: 0)
    storage.extend(&table, from: 0, to: capacity * 4, with: 0)
    tableMask = UInt64(capacity * 4 - 1)
    for number in 0..<count {
      var place = Self.home(keys[number]) & tableMask
      while table[Int(place)] != 0 { place = (place + 1) & tableMask }
      table[Int(place)] = UInt64(keys[number]) << 32 | UInt64(number + 1)
    }
  }

  mutating func reset() {
    table.update(repeating: 0, count: Int(tableMask) + 1)
    figures.update(repeating: 0, count: capacity * Self.stride)
    count = 0
    lastFigures = nil
  }

  /// The groups in the order of their keys.
  var groups: [(key: UInt32, figures: GroupFigures)] {
    (0..<count).map { number in
      let words = UnsafeBufferPointer(start: figures + number * Self.stride, count: Self.stride)
      return (
        keys[number], GroupFigures(sum: words[0], maximum: SimTime(picoseconds: words[1]), histogram: Array(words.dropFirst(2)))
      )
    }.sorted { $0.0 < $1.0 }
  }
}
