import Hardware

/// The frames that page tables live in: allocated clear, with a count of the live entries of each.
///
/// The counts are the software's own bookkeeping, beside the tables and not in them, so that a table that has become empty is known without
/// reading its 512 entries.
public final class TableMemory {
  /// The memory that the frames belong to.
  @usableFromInline let memory: MemoryView
  @usableFromInline let counts: UnsafeMutablePointer<UInt16>
  @usableFromInline let firstFrame: UInt64
  @usableFromInline let frameCount: UInt64
  private var frames: FrameAllocator

  /// Table frames from `range`, which must be backed by `memory` and outlived by it.
  public init(_ range: MemoryRegion, in memory: MemoryView) {
    self.memory = memory
    frames = FrameAllocator(range)
    firstFrame = range.start.pageNumber(PageSizeLog2.size4K)
    frameCount = range.length >> 12 + 1
    // Untouched zero pages cost nothing, so the counts may cover the whole range from the start.
    counts = .allocate(capacity: Int(frameCount))
    counts.initialize(repeating: 0, count: Int(frameCount))
  }

  deinit { counts.deallocate() }

  /// The bytes of tables handed out and not taken back.
  public var allocatedBytes: UInt64 { frames.allocatedBytes }

  /// A clear block of 2^`sizeLog2` bytes for a table or another structure, aligned to its size; `nil` if the range is used up.
  public func allocate(sizeLog2: UInt8 = PageSizeLog2.size4K) -> PhysicalAddress? {
    guard let block = frames.allocate(sizeLog2: sizeLog2) else { return nil }
    for frame in 0..<(UInt64(1) << UInt64(sizeLog2 - 12)) {
      let place = block.advanced(by: frame << 12)
      guard memory.clearFrame(place) else { return nil }
      counts[index(place)] = 0
    }
    return block
  }

  /// Takes back a block that `allocate` handed out with the same size.
  public func deallocate(_ block: PhysicalAddress, sizeLog2: UInt8 = PageSizeLog2.size4K) {
    frames.deallocate(block, sizeLog2: sizeLog2)
  }

  @usableFromInline func index(_ table: PhysicalAddress) -> Int {
    let frame = table.pageNumber(PageSizeLog2.size4K) &- firstFrame
    return Int(truncatingIfNeeded: min(frame, frameCount &- 1))
  }
}
