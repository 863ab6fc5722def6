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
  /// What is added to the address of a frame where an entry points to it, modulo 2^64: 0 unless whoever walks the tables finds them elsewhere than
  /// their owner, in guest physical memory.
  @usableFromInline let displacement: UInt64
  /// Told of every block that is handed out (`isInUse`) or taken back, if anybody wants to know.
  public var didChange: ((_ block: PhysicalAddress, _ sizeLog2: UInt8, _ isInUse: Bool) -> Void)?
  @exclusivity(unchecked) private var frames: FrameAllocator
  private var guest: Guest?

  // Frames of another table memory that a guest sees.
  private struct Guest {
    let host: TableMemory
    let show: (PhysicalAddress) -> Bool
    var frames: [PhysicalAddress] = []
    var free: [PhysicalAddress] = []
  }

  /// Table frames from `range`, which must be backed by `memory` and outlived by it.
  public init(_ range: MemoryRegion, in memory: MemoryView) {
    self.memory = memory
    frames = FrameAllocator(range)
    firstFrame = range.start.pageNumber(PageSizeLog2.size4K)
    frameCount = range.length >> 12 + 1
    // Untouched zero pages cost nothing, so the counts may cover the whole range from the start.
    counts = .allocate(capacity: Int(frameCount))
    counts.initialize(repeating: 0, count: Int(frameCount))
    displacement = 0
    guest = nil
  }

  /// Frames of `host` for tables in guest physical memory, where each lies `displacement` bytes higher, modulo 2^64.
  ///
  /// A frame stays in the guest's memory once it is there: what is taken back serves for the guest's next table. Only blocks of 4 KiB can be had.
  ///
  /// - Parameter show: Puts a frame into guest physical memory; false if that cannot be.
  public init(of host: TableMemory, displacement: UInt64, show: @escaping (PhysicalAddress) -> Bool) {
    memory = host.memory
    counts = host.counts
    firstFrame = host.firstFrame
    frameCount = host.frameCount
    self.displacement = displacement
    frames = FrameAllocator(MemoryRegion(start: PhysicalAddress(0), length: 0))
    guest = Guest(host: host, show: show)
  }

  deinit { if guest == nil { counts.deallocate() } }

  /// The bytes of tables handed out and not taken back.
  public var allocatedBytes: UInt64 { guest.map { UInt64($0.frames.count - $0.free.count) << 12 } ?? frames.allocatedBytes }

  /// Every frame of the host's that the guest has got.
  public var guestFrames: [PhysicalAddress] { guest?.frames ?? [] }

  /// Where an entry finds a table.
  @inlinable func reference(_ table: PhysicalAddress) -> PhysicalAddress { table.advanced(by: displacement) }

  /// The table that an entry's reference means.
  @inlinable func table(_ reference: PhysicalAddress) -> PhysicalAddress { PhysicalAddress(reference.rawValue &- displacement) }

  /// A clear block of 2^`sizeLog2` bytes for a table or another structure, aligned to its size; `nil` if the range is used up.
  public func allocate(sizeLog2: UInt8 = PageSizeLog2.size4K) -> PhysicalAddress? {
    guard let block = guest == nil ? frames.allocate(sizeLog2: sizeLog2) : sizeLog2 == 12 ? allocateFromHost() : nil else { return nil }
    for frame in 0..<(UInt64(1) << UInt64(sizeLog2 - 12)) {
      let place = block.advanced(by: frame << 12)
      guard memory.clearFrame(place) else { return nil }
      counts[index(place)] = 0
    }
    didChange?(block, sizeLog2, true)
    return block
  }

  /// Takes back a block that `allocate` handed out with the same size.
  public func deallocate(_ block: PhysicalAddress, sizeLog2: UInt8 = PageSizeLog2.size4K) {
    if guest == nil { frames.deallocate(block, sizeLog2: sizeLog2) } else { guest?.free.append(block) }
    didChange?(block, sizeLog2, false)
  }

  private func allocateFromHost() -> PhysicalAddress? {
    if let frame = guest?.free.popLast() { return frame }
    guard let guest, let frame = guest.host.allocate() else { return nil }
    guard guest.show(frame) else {
      guest.host.deallocate(frame)
      return nil
    }
    self.guest?.frames.append(frame)
    return frame
  }

  @usableFromInline func index(_ table: PhysicalAddress) -> Int {
    let frame = table.pageNumber(PageSizeLog2.size4K) &- firstFrame
    return Int(truncatingIfNeeded: min(frame, frameCount &- 1))
  }
}
