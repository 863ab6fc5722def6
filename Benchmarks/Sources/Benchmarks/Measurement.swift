/// What the rounds of a benchmark found.
struct Measurement: Encodable {
  /// The benchmark.
  var name: String
  var summary: String
  /// The operations of one round.
  var operations: UInt64
  /// Nanoseconds per operation in Swift.
  var swiftNs: Spread
  /// Nanoseconds per operation in C.
  var cNs: Spread
  /// The Swift time over the C time of the same round.
  var ratio: Spread
  var ratioLimit: Double?
  var facts: [Fact]

  /// Whether every figure keeps its limit.
  var keepsLimits: Bool { ratio.median <= ratioLimit ?? .infinity && facts.allSatisfy { $0.value <= $0.limit ?? .infinity } }

  /// Measures a benchmark in rounds: each runs C and Swift, one right after the other, and takes turns at who is first.
  ///
  /// A round before the first is not counted.
  init(_ benchmark: inout some Benchmark, rounds: Int) throws {
    var swift: [Double] = []
    var yardstick: [Double] = []
    for round in 0...rounds {
      guard !Interrupt.hasCome else { throw BenchmarkError.interrupted }
      let pair: (swift: Run, yardstick: Run)
      if round.isMultiple(of: 2) {
        let first = try Run { try benchmark.runYardstick() }
        pair = (try Run { try benchmark.run() }, first)
      } else {
        let first = try Run { try benchmark.run() }
        pair = (first, try Run { try benchmark.runYardstick() })
      }
      if let computed = pair.swift.checksum, let expected = pair.yardstick.checksum, computed != expected {
        throw BenchmarkError.checksumsDiffer(benchmark: benchmark.name, swift: computed, yardstick: expected)
      }
      guard round > 0 else { continue }
      swift.append(pair.swift.nanoseconds / Double(benchmark.operations))
      yardstick.append(pair.yardstick.nanoseconds / Double(benchmark.operations))
    }
    name = benchmark.name
    summary = benchmark.summary
    operations = benchmark.operations
    swiftNs = Spread(swift)
    cNs = Spread(yardstick)
    ratio = Spread(zip(swift, yardstick).map { $0 / $1 })
    ratioLimit = benchmark.ratioLimit
    facts = try benchmark.facts()
  }

  private struct Run {
    var checksum: UInt64?
    var nanoseconds: Double

    init(_ work: () throws -> UInt64?) throws {
      let clock = ContinuousClock()
      let start = clock.now
      checksum = try work()
      nanoseconds = (clock.now - start) / .nanoseconds(1)
    }
  }
}

/// The middle of some numbers, of which there is at least one, and how far they lie apart.
struct Spread: Encodable {
  var median: Double
  /// A quarter of the numbers is below.
  var lowerQuartile: Double
  /// A quarter of the numbers is above.
  var upperQuartile: Double
  var least: Double

  init(_ numbers: [Double]) {
    let sorted = numbers.sorted()
    func quantile(_ numerator: Int, of denominator: Int) -> Double { sorted[(sorted.count - 1) * numerator / denominator] }
    median = quantile(1, of: 2)
    lowerQuartile = quantile(1, of: 4)
    upperQuartile = quantile(3, of: 4)
    least = sorted[0]
  }
}
