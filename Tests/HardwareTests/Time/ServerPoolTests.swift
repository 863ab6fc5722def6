import Testing

@testable import Hardware

@Suite struct ServerPoolTests {
  @Test("With every server busy a request waits for the one that is free first")
  func waiting() {
    var walkers = ServerPool(servers: 2)
    #expect(walkers.occupy(from: SimTime(nanoseconds: 1), for: SimTime(nanoseconds: 10)) == SimTime(nanoseconds: 1))
    #expect(walkers.occupy(from: SimTime(nanoseconds: 2), for: SimTime(nanoseconds: 3)) == SimTime(nanoseconds: 2))
    #expect(walkers.occupy(from: SimTime(nanoseconds: 3), for: SimTime(nanoseconds: 1)) == SimTime(nanoseconds: 5))
    #expect(walkers.nextFree == SimTime(nanoseconds: 6))
  }

  @Test("A server held until further notice serves nobody before its release")
  func held() throws {
    var credits = ServerPool(servers: 1)
    let first = credits.reserve(at: SimTime(nanoseconds: 4))
    let grant = try #require(first)
    #expect(grant.start == SimTime(nanoseconds: 4))
    #expect(credits.reserve(at: SimTime(nanoseconds: 5)) == nil)
    #expect(credits.occupy(from: SimTime(nanoseconds: 5), for: .zero) == .never)
    #expect(credits.nextFree == .never)
    credits.release(grant.server, at: SimTime(nanoseconds: 9))
    #expect(credits.reserve(at: SimTime(nanoseconds: 5))?.start == SimTime(nanoseconds: 9))
  }

  @Test("A release too many has no effect")
  func surplus() {
    var pool = ServerPool(servers: 1)
    pool.release(0, at: SimTime(nanoseconds: 9))
    #expect(pool.nextFree == .zero)
  }

  @Test("An unlimited pool never makes anybody wait")
  func unlimited() {
    var pool = ServerPool(servers: 0)
    for _ in 0..<100 {
      #expect(pool.reserve(at: SimTime(nanoseconds: 7))?.start == SimTime(nanoseconds: 7))
      #expect(pool.occupy(from: SimTime(nanoseconds: 7), for: SimTime(nanoseconds: 100)) == SimTime(nanoseconds: 7))
    }
    #expect(pool.isUnlimited && pool.nextFree == .zero)
  }

  @Test("Random requests get the server that is free first, of several the lowest", arguments: [1, 2, 7, 8, 9, 64, 200] as [UInt32])
  func property(servers: UInt32) {
    var random = SplitMix64(seed: UInt64(servers))
    var pool = ServerPool(servers: servers)
    var free: [UInt32: UInt64] = .init(uniqueKeysWithValues: (0..<servers).map { ($0, 0) })
    var held: [UInt32] = []
    var now: UInt64 = 0
    for _ in 0..<1500 {
      now += random.next(below: 20)
      let best = free.min { ($0.value, $0.key) < ($1.value, $1.key) }
      switch random.next(below: 3) {
      case 0:
        let grant = pool.reserve(at: SimTime(picoseconds: now))
        #expect(grant?.server == best?.key)
        #expect(grant?.start.picoseconds == best.map { max(now, $0.value) })
        if let best {
          free[best.key] = nil
          held.append(best.key)
        }
      case 1:
        let duration = random.next(below: 30 * UInt64(servers))
        let start = pool.occupy(from: SimTime(picoseconds: now), for: SimTime(picoseconds: duration))
        #expect(start.picoseconds == best.map { max(now, $0.value) } ?? .max)
        if let best { free[best.key] = start.picoseconds + duration }
      default:
        guard !held.isEmpty else { continue }
        let server = held.remove(at: Int(random.next(below: UInt64(held.count))))
        let end = now + random.next(below: 50)
        pool.release(server, at: SimTime(picoseconds: end))
        free[server] = end
      }
    }
  }
}
