import Hardware
import PageTables
import Testing

@testable import Translation

/// Registers behind a reference, so that expectations can ask them.
private final class Registers {
  private var status = MissStatus()

  var count: Int { status.count }
  var nextDone: SimTime { status.nextDone }

  @discardableResult
  func begin(
    _ address: UInt64, context: UInt64 = 1, until done: UInt64, number: UInt64 = 0, domain: UInt32 = 1
  ) -> UnsafeMutablePointer<MissStatus.Walk> {
    let walk = status.begin(
      IOVirtualAddress(address), context: context, in: status.bucket(IOVirtualAddress(address), context: context),
      until: SimTime(picoseconds: done))
    walk.pointee.entry = IOTLBEntry(
      page: PhysicalAddress(number), domain: domain, addressSpace: 0, rights: .all, sizeLog2: 12, flags: [], stages: .second)
    walk.pointee.descentCount = 0
    return walk
  }

  /// The number of the walk found.
  func find(_ address: UInt64, context: UInt64 = 1) -> UInt64? {
    let bucket = status.bucket(IOVirtualAddress(address), context: context)
    return status.find(IOVirtualAddress(address), context: context, in: bucket)?.pointee.entry.page.rawValue
  }
  func descents(of walk: UnsafePointer<MissStatus.Walk>) -> UnsafeMutablePointer<WalkDescent> { status.descents(of: walk) }
  func finishNext() -> UnsafePointer<MissStatus.Walk>? { status.finishNext() }
  /// The number of the walk that ended.
  func finish() -> UInt64? { finishNext()?.pointee.entry.page.rawValue }
  func cancelAll(where matches: (MissStatus.Walk) -> Bool) -> Int { status.cancelAll { matches($0) } }
  func forget(_ cache: WalkDescent.Cache, covering range: ClosedRange<UInt64>?, where matches: (UInt32, UInt32) -> Bool) {
    status.forget(cache, covering: range, where: matches)
  }
}

@Suite struct MissStatusTests {
  @Test("Without walks under way nothing is found and nothing is due")
  func empty() {
    let status = Registers()
    #expect(status.count == 0)
    #expect(status.nextDone == .never)
    #expect(status.find(0, context: 0) == nil)
  }

  @Test("A walk is found by any address of its 4 KiB page under its context")
  func find() throws {
    let status = Registers()
    status.begin(0x5123, until: 10, number: 7)
    #expect(status.find(0x5FFF) == 7)
    #expect(status.find(0x6000) == nil)
    #expect(status.find(0x4FFF) == nil)
    #expect(status.find(0x5123, context: 2) == nil)
  }

  @Test("Walks end in the order of their times, those of one time in the order of their beginning")
  func order() throws {
    let status = Registers()
    let times: [UInt64] = [50, 20, 50, 70, 20, 10, 60, 50]
    for (number, time) in times.enumerated() { status.begin(UInt64(number) << 12, until: time, number: UInt64(number)) }
    var numbers: [UInt64] = []
    var due: [UInt64] = []
    while status.count > 0 {
      due.append(status.nextDone.picoseconds)
      numbers.append(try #require(status.finish()))
    }
    #expect(numbers == [5, 1, 4, 0, 2, 7, 6, 3])
    #expect(due == [10, 20, 20, 50, 50, 50, 60, 70])
    #expect(status.nextDone == .never)
  }

  @Test("A finished walk is found no more")
  func finished() {
    let status = Registers()
    status.begin(0x5000, until: 10)
    #expect(status.finishNext() != nil)
    #expect(status.find(0x5000) == nil)
  }

  @Test("A cancelled walk is found no more and fills nothing, but stays under way until its time")
  func cancelled() {
    let status = Registers()
    status.begin(0x5000, until: 10, domain: 1)
    status.begin(0x6000, until: 20, domain: 2)
    #expect(status.cancelAll { $0.entry.domain == 1 } == 1)
    #expect(status.cancelAll { $0.entry.domain == 1 } == 0)
    #expect(status.find(0x5000) == nil)
    #expect(status.find(0x6000) != nil)
    #expect(status.count == 2)
    #expect(status.nextDone == SimTime(picoseconds: 10))
    #expect(status.finishNext() == nil)
    #expect(status.nextDone == SimTime(picoseconds: 20))
    #expect(status.finishNext() != nil)
  }

  @Test("A walk of a page may begin anew after the one before was cancelled")
  func begunAnew() throws {
    let status = Registers()
    status.begin(0x5000, until: 10, number: 1)
    _ = status.cancelAll { _ in true }
    status.begin(0x5000, until: 30, number: 2)
    #expect(status.find(0x5000) == 2)
    #expect(status.finishNext() == nil)
    #expect(status.find(0x5000) == 2)
    #expect(status.finishNext() != nil)
  }

  @Test("Any number of walks can be under way", arguments: [64, 65, 128, 1000])
  func growth(count: Int) throws {
    let status = Registers()
    // Some have ended before, so that the ring does not begin at its first place.
    for number in 0..<40 as Range<UInt64> { status.begin(number << 12, until: 1) }
    while status.count > 0 { _ = status.finishNext() }
    for number in 0..<UInt64(count) { status.begin(number << 12, until: 2000 - number, number: number) }
    _ = status.cancelAll { $0.entry.page.rawValue % 5 == 0 }
    for number in 0..<UInt64(count) {
      let found = status.find(number << 12)
      #expect((found == nil) == (number % 5 == 0))
      #expect(found ?? number == number)
    }
    for number in (0..<UInt64(count)).reversed() {
      #expect(status.nextDone == SimTime(picoseconds: 2000 - number))
      #expect(status.finish() == (number % 5 == 0 ? nil : number))
    }
    #expect(status.count == 0)
  }

  @Test("Upper-level entries that a walk has found are forgotten by range and domain, and the translation stays")
  func forgetTables() throws {
    let address: UInt64 = 0x12_3456_7000
    for (range, domain, kept) in [
      (nil, 1, []), (nil, 2, [4, 3, 2]), (address...address, 1, []), (0...UInt64.max, 1, []),
      // Another 2 MiB in the same 1 GiB, another 1 GiB in the same 512 GiB, another 512 GiB.
      (address + 0x20_0000...address + 0x20_0000, 1, [2]), (address ^ 1 << 30...address ^ 1 << 30, 1, [3, 2]),
      (address ^ 1 << 39...address ^ 1 << 39, 1, [4, 3, 2]),
    ] as [(ClosedRange<UInt64>?, UInt32, [UInt8])] {
      let status = Registers()
      let walk = status.begin(address, until: 10, domain: 1)
      for (index, level) in ([4, 3, 2] as [UInt8]).enumerated() {
        status.descents(of: walk)[index] = WalkDescent(
          .second, table: PhysicalAddress(UInt64(level) << 12), level: level, rights: .all, input: address)
      }
      walk.pointee.descentCount = 3
      status.forget(.second, covering: range) { other, _ in other == domain }
      status.forget(.first, covering: nil) { _, _ in true }
      let finished = try #require(status.finishNext())
      #expect((0..<Int(finished.pointee.descentCount)).map { status.descents(of: finished)[$0].level } == kept)
    }
  }

  // MARK: Against a list

  private struct Listed {
    var page: UInt64
    var context: UInt64
    var done: UInt64
    var number: UInt64
    var isCancelled = false
  }

  @Test("Random walks, merges, cancellations and ends agree with a list", arguments: 0..<UInt64(40))
  func random(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let status = Registers()
    var list: [Listed] = []
    var now: UInt64 = 0
    let spread: UInt64 = seed % 2 == 0 ? 40 : 400
    for number in 0..<1500 as Range<UInt64> {
      let page = random.next(below: 60)
      let context = random.next(below: 3)
      switch random.next(below: 20) {
      case 0:
        let domain = random.next(below: 4)
        let matching = list.indices.filter { !list[$0].isCancelled && list[$0].number % 4 == domain }
        #expect(status.cancelAll { $0.entry.domain == UInt32(domain) } == matching.count)
        for index in matching { list[index].isCancelled = true }
      case 1...8:
        let live = list.filter { !$0.isCancelled && $0.page == page && $0.context == context }.map(\.number)
        let found = status.find(page << 12 | number & 0xFFF, context: context)
        #expect(found.map { live.contains($0) } ?? live.isEmpty)
      case 9...11: now += random.next(below: spread)
      default:
        let done = now + random.next(below: 30) * random.next(below: 30)
        status.begin(page << 12, context: context, until: done, number: number, domain: UInt32(number % 4))
        let place = list.firstIndex { $0.done > done } ?? list.endIndex
        list.insert(Listed(page: page, context: context, done: done, number: number), at: place)
      }
      while status.nextDone.picoseconds <= now, status.count > 0 {
        let expected = list.removeFirst()
        #expect(status.finish() == (expected.isCancelled ? nil : expected.number))
      }
      #expect(status.count == list.count)
      #expect(status.nextDone == (list.first.map { SimTime(picoseconds: $0.done) } ?? .never))
    }
  }
}
