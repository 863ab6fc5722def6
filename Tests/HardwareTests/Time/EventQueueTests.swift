import Testing

@testable import Hardware

@Suite struct EventQueueTests {
  @Test("An empty queue has nothing due, ever")
  func empty() {
    var queue = EventQueue<Int>()
    #expect(queue.nextTime == .never)
    #expect(queue.takeNext(through: .never)?.payload == nil)
  }

  @Test("An event is taken at its time and not before")
  func due() {
    var queue = EventQueue<String>()
    queue.add("late", at: SimTime(nanoseconds: 2))
    #expect(queue.nextTime == SimTime(nanoseconds: 2))
    #expect(queue.takeNext(through: SimTime(picoseconds: 1999))?.payload == nil)
    #expect(queue.takeNext(through: SimTime(nanoseconds: 2))?.payload == "late")
    #expect(queue.count == 0)
  }

  @Test("Events come by time, those of one time in the order of their addition", arguments: 0..<UInt64(8))
  func order(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var queue = EventQueue<[Int]>()
    var waiting: [(time: UInt64, number: Int)] = []
    for number in 0..<2000 {
      let time = random.next(below: 50)
      queue.add([number], at: SimTime(picoseconds: time))
      waiting.append((time, number))
      if random.next(below: 3) == 0 {
        let limit = random.next(below: 50)
        let due = waiting.min { ($0.time, $0.number) < ($1.time, $1.number) }.flatMap { $0.time <= limit ? $0 : nil }
        #expect(queue.takeNext(through: SimTime(picoseconds: limit))?.payload == due.map { [$0.number] })
        waiting.removeAll { $0.number == due?.number }
      }
    }
    #expect(queue.count == waiting.count)
    waiting.sort { ($0.time, $0.number) < ($1.time, $1.number) }
    for event in waiting { #expect(queue.takeNext(through: .never)?.payload == [event.number]) }
  }

  @Test("A queue that still holds events releases them when it goes")
  func release() {
    final class Token {}
    weak var seen: Token?
    do {
      var queue = EventQueue<Token>()
      let token = Token()
      seen = token
      queue.add(token, at: .zero)
      #expect(seen != nil)
    }
    #expect(seen == nil)
  }
}
