/// A piece of work in Swift, and the yardstick: the same work in C.
protocol Benchmark {
  /// What it is called in reports and on the command line.
  var name: String { get }
  /// What it measures, in a line.
  var summary: String { get }
  /// How many operations one run makes.
  var operations: UInt64 { get }
  /// The most that the Swift time may be of the C time; nil if nothing is promised.
  var ratioLimit: Double? { get }

  /// Does the Swift work once.
  ///
  /// - Returns: A checksum of what was computed, nil if that cannot be compared.
  mutating func run() throws -> UInt64?

  /// Does the C work once.
  mutating func runYardstick() throws -> UInt64?

  /// What else was found out, looked at once after all runs.
  mutating func facts() throws -> [Fact]
}

extension Benchmark {
  var ratioLimit: Double? { nil }
  func facts() throws -> [Fact] { [] }
}

/// A figure beside the times of a benchmark.
struct Fact: Encodable {
  /// What it is, unit included.
  var name: String
  var value: Double
  /// The most it may be; nil if nothing is promised.
  var limit: Double?
}

/// Why benchmarks stop.
enum BenchmarkError: Error, CustomStringConvertible {
  case noMemory
  case noBenchmark(named: String, known: [String])
  case checksumsDiffer(benchmark: String, swift: UInt64, yardstick: UInt64)
  case unsoundTrace(path: String)
  case cannotRun(path: String, reason: String)
  case failed(command: String, status: Int32)
  case unexpectedReport(path: String, reason: String)
  case interrupted

  var description: String {
    switch self {
    case .noMemory: "no memory for the tables"
    case .noBenchmark(let name, let known): "no benchmark \(name), expected one of \(known.joined(separator: ", "))"
    case .checksumsDiffer(let benchmark, let swift, let yardstick):
      "\(benchmark): Swift computed \(swift), C computed \(yardstick); expected the same"
    case .unsoundTrace(let path): "\(path): the C reader finds the trace damaged"
    case .cannotRun(let path, let reason): "\(path): cannot be run: \(reason)"
    case .failed(let command, let status): "'\(command)' ended with status \(status), expected 0"
    case .unexpectedReport(let path, let reason): "\(path): \(reason)"
    case .interrupted: "interrupted"
    }
  }
}
