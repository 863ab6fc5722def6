import Testing

@testable import Hardware

@Suite struct WrapBitRingTests {
  static let ring = WrapBitRing(base: PhysicalAddress(0x4000), entrySizeLog2: 5, lengthLog2: 3)

  @Test("The wrap bit flips when the index passes the end, and bits above it stay")
  func next() {
    #expect(Self.ring.next(0) == 1)
    #expect(Self.ring.next(7) == 8)
    #expect(Self.ring.next(0x8000_000F) == 0x8000_0000)
    #expect(Self.ring.address(0x8000_000B) == PhysicalAddress(0x4060))
  }

  @Test("Every place can be filled, from any start", arguments: 0..<UInt32(16))
  func fill(start: UInt32) {
    var producer = start
    for held in 0..<Self.ring.capacity {
      #expect(Self.ring.count(producer: producer, consumer: start) == held)
      #expect(Self.ring.isEmpty(producer: producer, consumer: start) == (held == 0))
      #expect(!Self.ring.isFull(producer: producer, consumer: start))
      producer = Self.ring.next(producer)
    }
    #expect(Self.ring.isFull(producer: producer, consumer: start))
    #expect(!Self.ring.isEmpty(producer: producer, consumer: start))
  }

  @Test("Overflow toggles once and again only after it is acknowledged")
  func overflow() {
    let once = WrapBitRing.overflow(producer: 8, consumer: 0)
    #expect(once == 0x8000_0008)
    #expect(WrapBitRing.hasOverflowed(producer: once, consumer: 0))
    #expect(WrapBitRing.overflow(producer: once, consumer: 0) == once)
    let acknowledged = WrapBitRing.acknowledge(producer: once, consumer: 3)
    #expect(acknowledged == 0x8000_0003)
    #expect(!WrapBitRing.hasOverflowed(producer: once, consumer: acknowledged))
    #expect(WrapBitRing.overflow(producer: once, consumer: acknowledged) == 8)
  }

  @Test("A ring of one place is full with one entry")
  func single() {
    let ring = WrapBitRing(base: PhysicalAddress(0), entrySizeLog2: 4, lengthLog2: 0)
    #expect(ring.isFull(producer: ring.next(0), consumer: 0))
    #expect(ring.next(ring.next(0)) == 0)
  }
}
