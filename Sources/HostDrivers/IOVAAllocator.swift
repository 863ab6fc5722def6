import Hardware

/// Hands out ranges of I/O virtual addresses, highest first, as operating systems do.
///
/// Small ranges are rounded up to a power of two pages; freed ones wait in a stack per size and are handed out again, last freed first, before
/// anything new. Every range is aligned to its size rounded up to a power of two. Deterministic: the same calls give the same addresses.
///
/// - Complexity: O(1) for a size that waits in its stack; else linear in the number of gaps between ranges.
public struct IOVAAllocator: Sendable {
  /// Sizes up to 2^`cachedSizesLog2` granules have a stack each: 32 pages of 4 KiB.
  public static let cachedSizesLog2 = 5
  /// The most ranges that wait in one stack; what is freed beyond goes back to the gaps.
  public static let cacheDepth = 128

  private let granuleLog2: UInt64
  // Free ranges in units of a granule, lowest first, never touching one another.
  private var gaps: [Range<UInt64>]
  private var cached: [[UInt64]] = Array(repeating: [], count: cachedSizesLog2 + 1)
  private var outstanding: UInt64 = 0

  /// An allocator of the addresses from `start` up to, not including, `end`, both taken inwards to whole granules.
  ///
  /// - Parameter granuleLog2: The base-2 logarithm of the smallest range in bytes, 1 to 63.
  public init(from start: IOVirtualAddress, to end: IOVirtualAddress, granuleLog2: UInt8 = PageSizeLog2.size4K) {
    let log2 = min(max(granuleLog2, 1), 63)
    self.granuleLog2 = UInt64(log2)
    let first = start.pageNumber(log2) + (start.isAligned(log2) ? 0 : 1)
    gaps = first < end.pageNumber(log2) ? [first..<end.pageNumber(log2)] : []
  }

  /// The bytes handed out and not freed, as rounded up.
  public var allocatedBytes: UInt64 { outstanding << granuleLog2 }

  /// Takes a range out for good, such as one that interrupts use; parts of it that are not free are left alone.
  public mutating func reserve(_ start: IOVirtualAddress, length: UInt64) {
    guard length > 0 else { return }
    let end = start.rawValue.addingReportingOverflow(length - 1)
    let last = (end.overflow ? .max : end.partialValue) >> granuleLog2
    let range = (start.rawValue >> granuleLog2)..<(last + 1)
    emptyCaches()
    gaps = gaps.flatMap { gap in
      let taken = range.clamped(to: gap)
      return [gap.lowerBound..<taken.lowerBound, taken.upperBound..<gap.upperBound].filter { !$0.isEmpty }
    }
  }

  /// A free range of at least `length` bytes; `nil` if there is none, or if `length` is 0.
  ///
  /// - Parameter limit: The range lies below this address.
  public mutating func allocate(length: UInt64, below limit: IOVirtualAddress? = nil) -> IOVirtualAddress? {
    guard let size = granules(length) else { return nil }
    let end = limit.map { $0.rawValue >> granuleLog2 } ?? .max
    var found: UInt64?
    if let stack = stack(size), let last = cached[stack].last, last < end, end - last >= size { found = cached[stack].popLast() }
    if found == nil { found = takeFromGaps(size, below: end) }
    if found == nil {
      emptyCaches()
      found = takeFromGaps(size, below: end)
    }
    guard let found else { return nil }
    outstanding += size
    return IOVirtualAddress(found << granuleLog2)
  }

  /// Takes back a range that `allocate` handed out for the same length.
  public mutating func free(_ start: IOVirtualAddress, length: UInt64) {
    guard let size = granules(length), size <= outstanding else { return }
    outstanding -= size
    let first = start.rawValue >> granuleLog2
    if let stack = stack(size), cached[stack].count < Self.cacheDepth {
      cached[stack].append(first)
    } else {
      giveBack(first..<(first + size))
    }
  }

  // The granules that a length takes: a power of two for cached sizes.
  private func granules(_ length: UInt64) -> UInt64? {
    guard length > 0 else { return nil }
    let size = (length - 1) >> granuleLog2 + 1
    return size <= 1 << UInt64(Self.cachedSizesLog2) ? 1 << UInt64(64 - (size - 1).leadingZeroBitCount) : size
  }

  private func stack(_ size: UInt64) -> Int? {
    size <= 1 << UInt64(Self.cachedSizesLog2) ? size.trailingZeroBitCount : nil
  }

  // The highest place in the highest gap that is large enough.
  private mutating func takeFromGaps(_ size: UInt64, below limit: UInt64) -> UInt64? {
    let alignment: UInt64 = size > 1 << 63 ? 0 : 1 << UInt64(64 - (size - 1).leadingZeroBitCount)
    guard alignment != 0 else { return nil }
    for index in gaps.indices.reversed() {
      let gap = gaps[index]
      let end = min(gap.upperBound, limit)
      guard end > gap.lowerBound, end - gap.lowerBound >= size else { continue }
      let start = (end - size) & ~(alignment - 1)
      guard start >= gap.lowerBound else { continue }
      let parts = [gap.lowerBound..<start, (start + size)..<gap.upperBound].filter { !$0.isEmpty }
      gaps.replaceSubrange(index...index, with: parts)
      return start
    }
    return nil
  }

  private mutating func giveBack(_ range: Range<UInt64>) {
    var merged = range
    // The first gap that does not end before the range.
    var low = 0
    var high = gaps.count
    while low < high {
      let middle = (low + high) / 2
      if gaps[middle].upperBound < range.lowerBound { low = middle + 1 } else { high = middle }
    }
    var after = low
    while after < gaps.count, gaps[after].lowerBound <= range.upperBound {
      merged = min(merged.lowerBound, gaps[after].lowerBound)..<max(merged.upperBound, gaps[after].upperBound)
      after += 1
    }
    gaps.replaceSubrange(low..<after, with: [merged])
  }

  private mutating func emptyCaches() {
    for stack in cached.indices {
      for first in cached[stack] { giveBack(first..<(first + 1 << UInt64(stack))) }
      cached[stack].removeAll(keepingCapacity: true)
    }
  }
}
