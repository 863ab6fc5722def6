import CYardstick
import DMATrace

/// A whole trace file read into records by `TraceReader`.
struct DecodeBenchmark: Benchmark {
  let name = "decode"
  let summary = "a record of a trace file, from the file to memory"
  let operations: UInt64
  let path: String

  func run() throws -> UInt64? {
    var trace = try TraceReader(path: path)
    var sum: UInt64 = 0
    while true {
      let batch = try trace.nextBatch()
      if batch.isEmpty { return sum }
      for record in batch { sum &+= record.address.rawValue &+ record.time.rawValue }
    }
  }

  func runYardstick() throws -> UInt64? {
    let trace = yardstick_decode(path)
    guard trace.sound, trace.records == operations else { throw BenchmarkError.unsoundTrace(path: path) }
    return trace.checksum
  }

  /// How much of both times is reading the file and zstd.
  func facts() throws -> [Fact] {
    let clock = ContinuousClock()
    var times: [Double] = []
    for _ in 0..<5 {
      let start = clock.now
      guard yardstick_decompress(path).sound else { throw BenchmarkError.unsoundTrace(path: path) }
      times.append((clock.now - start) / .nanoseconds(1) / Double(operations))
    }
    return [Fact(name: "decompression_ns", value: Spread(times).median)]
  }
}
