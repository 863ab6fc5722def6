import ArgumentParser
import DMATrace
import Hardware

/// `iommusim trace generate`: traces of made-up workloads.
struct TraceGenerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate", abstract: "Generate a trace of a synthetic workload; the same options give the same file.")

  enum Pattern: String, ExpressibleByArgument, CaseIterable {
    case uniform, sequential, zipf
  }

  enum PageSize: String, ExpressibleByArgument, CaseIterable {
    case size4K = "4k"
    case size2M = "2m"
    case size1G = "1g"

    var log2: UInt8 {
      switch self {
      case .size4K: PageSizeLog2.size4K
      case .size2M: PageSizeLog2.size2M
      case .size1G: PageSizeLog2.size1G
      }
    }
  }

  @Argument(help: "In which order pages are accessed: uniform, sequential or zipf.")
  var workload: Pattern

  @Option(help: ArgumentHelp("How many accesses there are.", valueName: "number"))
  var records: UInt64

  @Option(help: ArgumentHelp("How many pages each requester accesses.", valueName: "number"))
  var pages: UInt64 = 32

  @Option(help: ArgumentHelp("The size of a page.", valueName: "4k|2m|1g"))
  var pageSize = PageSize.size4K

  @Option(help: ArgumentHelp("The exponent of zipf, with up to two decimals, 0 to 4.", valueName: "number"))
  var exponent = "0.99"

  @Option(help: ArgumentHelp("How many requesters there are.", valueName: "number"))
  var requesters: UInt64 = 1

  @Option(help: ArgumentHelp("The mean time between two accesses, with up to three decimals.", valueName: "ns"))
  var intervalNs = "10"

  @Flag(help: "Let the time between two accesses be random, from 0 to twice the mean.")
  var randomInterval = false

  @Option(help: ArgumentHelp("How many of 100 accesses are reads.", valueName: "number"))
  var readPercent: UInt64 = 50

  @Option(help: ArgumentHelp("The length of an access in bytes, a power of two.", valueName: "bytes"))
  var accessSize: UInt64 = 64

  @Option(help: ArgumentHelp("The seed of all that is random.", valueName: "number"))
  var seed: UInt64 = 1

  @Option(help: ArgumentHelp("Where the trace goes.", valueName: "file"))
  var output: String

  mutating func run() throws {
    var workload = Workload(try pattern(), records: records)
    workload.pages = pages
    workload.pageSizeLog2 = pageSize.log2
    workload.requesters = requesters
    workload.interval = try interval()
    workload.isIntervalRandom = randomInterval
    workload.readPercent = readPercent
    workload.accessSize = accessSize
    workload.seed = seed
    var generator = try TraceGenerator(workload)
    var writer = try TraceWriter(path: output, header: generator.header)
    _ = try writer.finish(with: &generator)
  }

  private func pattern() throws -> Workload.Pattern {
    switch workload {
    case .uniform: return .uniform
    case .sequential: return .sequential
    case .zipf:
      guard let hundredths = FixedPoint(exponent, decimals: 2), let exact = Int(exactly: hundredths.digits) else {
        throw ValidationError("--exponent \(exponent): expected a number from 0 to 4 with up to two decimals")
      }
      return .zipf(exponentHundredths: exact)
    }
  }

  private func interval() throws -> SimTime {
    guard let time = FixedPoint(intervalNs, decimals: 3) else {
      throw ValidationError("--interval-ns \(intervalNs): expected nanoseconds with up to three decimals")
    }
    return SimTime(picoseconds: time.digits)
  }
}
