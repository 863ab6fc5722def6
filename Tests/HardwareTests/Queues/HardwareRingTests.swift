import Testing

@testable import Hardware

@Suite struct HardwareRingTests {
  static let ring = HardwareRing(base: PhysicalAddress(0x8000), entrySizeLog2: 4, lengthLog2: 8)

  @Test("Entries follow one another, and the first follows the last")
  func wrap() {
    #expect(Self.ring.next(0) == 16)
    #expect(Self.ring.next(0xFF0) == 0)
    #expect(Self.ring.address(0xFF0) == PhysicalAddress(0x8FF0))
    #expect(Self.ring.sizeBytes == 4096)
  }

  @Test("Equal head and tail mean empty, and one place stays free", arguments: [0, 16, 0x7F0, 0xFF0] as [UInt64])
  func fill(head: UInt64) {
    var tail = head
    for held in 0..<Self.ring.capacity {
      #expect(Self.ring.count(head: head, tail: tail) == held)
      #expect(Self.ring.isEmpty(head: head, tail: tail) == (held == 0))
      #expect(!Self.ring.isFull(head: head, tail: tail))
      tail = Self.ring.next(tail)
    }
    #expect(Self.ring.capacity == 255)
    #expect(Self.ring.isFull(head: head, tail: tail))
  }

  @Test("An offset off the grid or outside the ring is invalid and never leads outside", arguments: [8, 1, 0x1000, 0x1010, UInt64.max])
  func invalid(offset: UInt64) {
    #expect(!Self.ring.isValid(offset))
    #expect((0x8000..<0x9000).contains(Self.ring.address(offset).rawValue))
    #expect(Self.ring.isValid(Self.ring.next(offset)))
  }

  @Test("Logarithms out of range are taken as the largest")
  func clamped() {
    let huge = HardwareRing(base: PhysicalAddress(0), entrySizeLog2: 255, lengthLog2: 255)
    #expect(huge.sizeBytes == 1 << 43)
  }
}
