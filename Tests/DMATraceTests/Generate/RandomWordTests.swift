import Hardware
import Testing

@testable import DMATrace

@Suite struct RandomWordTests {
  @Test("A word spent in parts gives every combination about equally often")
  func parts() {
    var random = SplitMix64(seed: 1)
    var counts = [Int](repeating: 0, count: 60)
    for _ in 0..<60_000 {
      var word = RandomWord(random.next())
      let first = word.next(below: 3)
      let second = word.next(below: 20)
      counts[Int(first * 20 + second)] += 1
    }
    #expect(counts.allSatisfy { (850...1150).contains($0) })
  }
}
