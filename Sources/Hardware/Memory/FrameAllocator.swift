/// Hands out naturally aligned blocks of physical memory from one range, lowest first, freed ones again before new ones.
///
/// Deterministic: the same sequence of calls gives the same addresses. Nothing is read or written; clearing a frame is up to its user.
///
/// - Complexity: O(1) amortised.
public struct FrameAllocator: Sendable {
  private let end: UInt64
  private var next: UInt64
  // One stack of free blocks per size, indexed by the size's logarithm less 12.
  private var free: [[UInt64]] = Array(repeating: [], count: 19)
  // Bit n is set if the stack of index n has blocks.
  private var freeSizes: UInt32 = 0

  /// The bytes handed out and not freed.
  public private(set) var allocatedBytes: UInt64 = 0

  /// An allocator of the given range, whose ends are taken inwards to whole 4 KiB frames.
  public init(_ range: MemoryRegion) {
    let last = range.start.rawValue.addingReportingOverflow(range.length)
    end = (last.overflow ? UInt64.max : last.partialValue) & ~4095
    let first = range.start.rawValue.addingReportingOverflow(4095)
    next = first.overflow ? end : min(first.partialValue & ~4095, end)
  }

  /// A block of 2^`sizeLog2` bytes (12 to 30), aligned to its size; `nil` if none is left or the size is out of range.
  public mutating func allocate(sizeLog2: UInt8 = PageSizeLog2.size4K) -> PhysicalAddress? {
    guard (12...30).contains(sizeLog2) else { return nil }
    let size: UInt64 = 1 << UInt64(sizeLog2)
    if let block = takeFreed(sizeLog2) {
      allocatedBytes += size
      return PhysicalAddress(block)
    }
    let base = (next &+ (size - 1)) & ~(size - 1)
    guard base >= next, base < end, end - base >= size else { return nil }
    keepGap(from: next, to: base)
    next = base + size
    allocatedBytes += size
    return PhysicalAddress(base)
  }

  /// Takes back a block that `allocate` handed out with the same size.
  public mutating func deallocate(_ address: PhysicalAddress, sizeLog2: UInt8 = PageSizeLog2.size4K) {
    guard (12...30).contains(sizeLog2) else { return }
    push(address.rawValue, sizeLog2)
    allocatedBytes -= 1 << UInt64(sizeLog2)
  }

  // The frames skipped to align a large block stay available for smaller ones.
  private mutating func keepGap(from start: UInt64, to end: UInt64) {
    var place = start
    while place < end {
      let log2 = min(30, place.trailingZeroBitCount, 63 - (end - place).leadingZeroBitCount)
      push(place, UInt8(log2))
      place += 1 << UInt64(log2)
    }
  }

  // The smallest freed block that is large enough, cut in halves down to the size asked for.
  private mutating func takeFreed(_ sizeLog2: UInt8) -> UInt64? {
    let large = freeSizes >> UInt32(sizeLog2 - 12)
    if large == 0 { return nil }
    let found = Int(sizeLog2) - 12 + large.trailingZeroBitCount
    guard let block = free[found].popLast() else { return nil }
    if free[found].isEmpty { freeSizes &= ~(1 << UInt32(found)) }
    for half in (Int(sizeLog2)..<found + 12).reversed() { push(block + (1 << UInt64(half)), UInt8(half)) }
    return block
  }

  private mutating func push(_ block: UInt64, _ sizeLog2: UInt8) {
    free[Int(sizeLog2) - 12].append(block)
    freeSizes |= 1 << UInt32(sizeLog2 - 12)
  }
}
