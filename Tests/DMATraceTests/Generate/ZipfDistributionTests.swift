import Foundation
import Hardware
import Testing

@testable import DMATrace

@Suite struct ZipfDistributionTests {
  @Test("Weights follow the power law to 2^-26 and the rounding to integers", arguments: [0, 50, 99, 100, 120, 200, 400])
  func weights(exponentHundredths: Int) {
    let count = 5000
    let weights = ZipfDistribution.weights(count: count, exponentHundredths: exponentHundredths)
    // 5000 pages leave 50 bits.
    #expect(weights[0] == 1 << 50)
    for rank in 1...count {
      let exact = pow(2, 50) * pow(Double(rank), -Double(exponentHundredths) / 100)
      let weight = Double(weights[rank - 1])
      #expect(abs(weight - exact) <= exact * pow(2, -26) + 1, "rank \(rank)")
    }
  }

  @Test("The weights of a working set of any size add up without overflow", arguments: [1, 2, 3, 1000, 65_536, 65_537])
  func total(pages: Int) {
    for exponent in [0, 100] {
      var sum: UInt64 = 0
      for weight in ZipfDistribution.weights(count: pages, exponentHundredths: exponent) {
        let (next, overflow) = sum.addingReportingOverflow(weight)
        #expect(!overflow && weight > 0)
        sum = next
      }
      #expect(sum <= 1 << 63)
    }
  }

  @Test("Pages are drawn as often as their weights say, each page having one rank")
  func draws() {
    var random = SplitMix64(seed: 3)
    let (pages, draws) = (50, 100_000)
    let zipf = ZipfDistribution(pages: pages, exponentHundredths: 100, random: &random)
    var counts = [Int](repeating: 0, count: pages)
    for _ in 0..<draws { counts[Int(zipf.page(&random))] += 1 }
    let weights = ZipfDistribution.weights(count: pages, exponentHundredths: 100).map { Double($0) }
    let total = weights.reduce(0, +)
    for (count, weight) in zip(counts.sorted(by: >), weights) {
      let expected = Double(draws) * weight / total
      #expect(abs(Double(count) - expected) < 6 * expected.squareRoot())
    }
  }

  @Test("The most popular pages are not neighbours")
  func permutation() {
    var random = SplitMix64(seed: 3)
    let zipf = ZipfDistribution(pages: 10_000, exponentHundredths: 150, random: &random)
    var counts: [UInt64: Int] = [:]
    for _ in 0..<20_000 { counts[zipf.page(&random), default: 0] += 1 }
    let popular = counts.sorted { $0.value > $1.value }.prefix(8).map(\.key).sorted()
    #expect(zip(popular.dropFirst(), popular).allSatisfy { $0 - $1 > 1 })
  }

  @Test("A working set of one page is drawn from")
  func onePage() {
    var random = SplitMix64(seed: 3)
    let zipf = ZipfDistribution(pages: 1, exponentHundredths: 100, random: &random)
    for _ in 0..<10 { #expect(zipf.page(&random) == 0) }
  }
}
