import Hardware
import VTdArchitecture

/// The driver's side of the invalidation queue (VT-d rev 5.10 section 6.5.2): it writes descriptors and moves the tail.
struct DescriptorQueue {
  /// Where the descriptors lie.
  let ring: HardwareRing
  /// Descriptors have 256 bits.
  let wide: Bool
  /// Where wait descriptors report completion.
  let statusAddress: PhysicalAddress
  /// The data of the last wait descriptor.
  private(set) var sequence: UInt32 = 0
  /// The offset behind the last descriptor written.
  private(set) var tail: UInt64 = 0
  /// The head as it was last seen: everything before it has been fetched.
  var head: UInt64 = 0

  init(base: PhysicalAddress, sizeLog2: UInt8, wide: Bool, statusAddress: PhysicalAddress) {
    let entrySizeLog2: UInt8 = wide ? 5 : 4
    ring = HardwareRing(base: base, entrySizeLog2: entrySizeLog2, lengthLog2: 12 + sizeLog2 - entrySizeLog2)
    self.wide = wide
    self.statusAddress = statusAddress
  }

  /// Whether the queue takes no further descriptor, as far as is known.
  var isFull: Bool { ring.isFull(head: head, tail: tail) }

  /// Writes a descriptor at the tail; there must be room.
  mutating func append(_ descriptor: InvalidationDescriptor, in memory: MemoryView) {
    write(descriptor.words, at: tail, in: memory)
    tail = ring.next(tail)
  }

  /// Writes a wait descriptor, whose completion stores `sequence` at `statusAddress`.
  mutating func appendWait(in memory: MemoryView, drainsPageRequests: Bool = false) {
    sequence &+= 1
    append(.wait(InvalidationWait(status: (statusAddress, sequence), pageRequestDrain: drainsPageRequests)), in: memory)
  }

  /// Writes words over the descriptor at an offset.
  func write(_ words: SIMD2<UInt64>, at offset: UInt64, in memory: MemoryView) {
    let place = ring.address(offset)
    memory.write64(place, words[0])
    memory.write64(place.advanced(by: 8), words[1])
    guard wide else { return }
    memory.write64(place.advanced(by: 16), 0)
    memory.write64(place.advanced(by: 24), 0)
  }
}
