import Hardware

/// A set of pages of one size, dense where it has any.
///
/// A bit for each page, in chunks of 2^15 pages that are found through a hash table; long ranges are kept as such.
///
/// - Complexity: asking is O(1), and a few instructions if the page before was near; adding a page is O(1), a range O(pages / 64) up to 2^20 pages,
///   O(ranges) for longer ones.
struct PageSet: ~Copyable {
  private static let chunkLog2: UInt64 = 15
  private static let chunkWords = 1 << 9

  private let storage = OwnedStorage()
  private let shift: UInt64
  private var chunks: [UInt64: UnsafeMutablePointer<UInt64>] = [:]
  private var ranges: [ClosedRange<UInt64>] = []
  // The chunks asked for lately, each at the place of its low number bits.
  private struct Recent {
    var number = UInt64.max
    var chunk: UnsafeMutablePointer<UInt64>
  }
  private static let recentCount = 64
  private let recent: UnsafeMutablePointer<Recent>
  private let empty: UnsafeMutablePointer<UInt64>

  /// An empty set of pages of 2^`pageSizeLog2` bytes.
  init(pageSizeLog2: UInt8) {
    shift = UInt64(pageSizeLog2)
    empty = storage.array(Self.chunkWords, of: 0)
    recent = storage.array(Self.recentCount, of: Recent(chunk: empty))
  }

  /// Whether the page of `address` was added on its own or in a short range: if not, `contains` tells for sure.
  @inline(__always) func hasBit(_ address: IOVirtualAddress) -> Bool {
    let page = address.rawValue &>> shift
    let number = page &>> Self.chunkLog2
    let place = recent + (Int(truncatingIfNeeded: number) & (Self.recentCount &- 1))
    if place.pointee.number != number { select(number, place) }
    let word = Int(truncatingIfNeeded: page &>> 6) & (Self.chunkWords &- 1)
    return place.pointee.chunk[word] &>> (page & 63) & 1 != 0
  }

  @inline(never) private func select(_ number: UInt64, _ place: UnsafeMutablePointer<Recent>) {
    place.pointee = Recent(number: number, chunk: chunks[number] ?? empty)
  }

  /// Whether the page of `address` is in the set.
  func contains(_ address: IOVirtualAddress) -> Bool {
    if hasBit(address) { return true }
    let page = address.rawValue >> shift
    return ranges.contains { $0.contains(page) }
  }

  /// Adds the page of `address`.
  mutating func insert(_ address: IOVirtualAddress) { insert(pages: address.rawValue >> shift...address.rawValue >> shift) }

  /// Adds the pages of the `length` bytes from `address` on; nothing if the length is 0.
  mutating func insert(_ address: IOVirtualAddress, length: UInt64) {
    guard length > 0 else { return }
    let last = address.rawValue.addingReportingOverflow(length - 1)
    let pages = address.rawValue >> shift...(last.overflow ? UInt64.max : last.partialValue) >> shift
    if pages.upperBound - pages.lowerBound > 1 << 20 { ranges.append(pages) } else { insert(pages: pages) }
  }

  private mutating func insert(pages: ClosedRange<UInt64>) {
    for number in pages.lowerBound >> Self.chunkLog2...pages.upperBound >> Self.chunkLog2 {
      let chunk = chunk(number)
      let first = number << Self.chunkLog2
      let lowest = max(pages.lowerBound, first) - first
      let highest = min(pages.upperBound, first | (1 << Self.chunkLog2 - 1)) - first
      for word in lowest >> 6...highest >> 6 {
        let from = max(lowest, word << 6) & 63
        let to = min(highest, word << 6 | 63) & 63
        chunk[Int(word)] |= UInt64.mask(bits: Int(from)...Int(to))
      }
    }
  }

  private mutating func chunk(_ number: UInt64) -> UnsafeMutablePointer<UInt64> {
    let place = recent + (Int(truncatingIfNeeded: number) & (Self.recentCount - 1))
    if place.pointee.number == number, place.pointee.chunk != empty { return place.pointee.chunk }
    if let chunk = chunks[number] { return chunk }
    let chunk = storage.array(Self.chunkWords, of: UInt64(0))
    chunks[number] = chunk
    place.pointee = Recent(number: number, chunk: chunk)
    return chunk
  }
}
