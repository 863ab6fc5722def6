import Testing

@testable import Hardware

@Suite struct SplitMix64Tests {
  @Test("Seed 1234567 gives the numbers of the published reference")
  func reference() {
    var random = SplitMix64(seed: 1_234_567)
    let expected: [UInt64] = [
      6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423, 4_593_380_528_125_082_431,
      16_408_922_859_458_223_821,
    ]
    #expect(expected.map { _ in random.next() } == expected)
  }

  @Test("Bounded numbers stay below the bound and reach every value", arguments: [1, 2, 3, 10, 64])
  func bounded(bound: UInt64) {
    var random = SplitMix64(seed: bound)
    var seen: Set<UInt64> = []
    for _ in 0..<1000 { seen.insert(random.next(below: bound)) }
    #expect(seen == Set(0..<bound))
  }
}
