import Testing

@testable import DMATrace

@Suite struct SplitMix64Tests {
  @Test("The numbers are those of the published algorithm")
  func published() {
    var random = SplitMix64(seed: 1_234_567)
    let numbers = (0..<5).map { _ in random.next() }
    #expect(
      numbers == [
        6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423, 4_593_380_528_125_082_431,
        16_408_922_859_458_223_821,
      ])
  }

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
