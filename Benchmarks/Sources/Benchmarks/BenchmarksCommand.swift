import ArgumentParser
import CYardstick
import Foundation

/// Measures the hot paths of iommusim beside yardsticks in C.
@main struct BenchmarksCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "benchmarks", abstract: "Measure the hot paths of iommusim beside the same work in C.",
    discussion: "Exit status: 0 done; 1 something failed, or with --check a limit was exceeded; 130 interrupted.")

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text, json
  }

  @Argument(help: ArgumentHelp("Which benchmarks to run: \(Suite.names.joined(separator: ", ")); all if none is named.", valueName: "name"))
  var chosen: [String] = []

  @Option(help: ArgumentHelp("How many rounds to take the median of.", valueName: "number"))
  var rounds = 15

  @Option(help: ArgumentHelp("How many records the traces have.", valueName: "number"))
  var records: UInt64 = 10_000_000

  @Option(help: ArgumentHelp("How many translations each round of a part makes.", valueName: "number"))
  var operations: UInt64 = 2_000_000

  @Option(help: ArgumentHelp("The form of the results: text or json.", valueName: "format"))
  var format = Format.text

  @Option(help: ArgumentHelp("The program to measure; by default the one that is built beside the benchmarks.", valueName: "path"))
  var iommusim = Bundle.main.bundleURL.appendingPathComponent("iommusim").path

  @Flag(help: "Fail if a limit is exceeded.")
  var check = false

  func validate() throws {
    guard rounds > 0, records > 0, operations > 0 else { throw ValidationError("expected at least 1 round, record and operation") }
    for name in chosen where !Suite.names.contains(name) { throw BenchmarkError.noBenchmark(named: name, known: Suite.names) }
  }

  func run() throws {
    Interrupt.catchSignals()
    let folder = try FileManager.default.url(
      for: .itemReplacementDirectory, in: .userDomainMask, appropriateFor: FileManager.default.temporaryDirectory, create: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    var suite = try Suite(records: records, operations: operations, folder: folder, iommusim: Program(path: iommusim))
    var report = Report(rounds: rounds, benchmarks: [])
    if format == .text { print(Report.heading) }
    do {
      for name in Suite.names where chosen.isEmpty || chosen.contains(name) {
        var benchmark = try suite.benchmark(name)
        let measurement = try Self.measure(&benchmark, rounds: rounds)
        if format == .text { print(Report.text(measurement)) }
        report.benchmarks.append(measurement)
      }
    } catch {
      // The program that was running has been interrupted too, and ended with a status that says so.
      if Interrupt.hasCome { throw ExitCode(130) }
      throw error
    }
    if format == .json { print(try report.json()) }
    if check, !report.benchmarks.allSatisfy(\.keepsLimits) { throw ExitCode.failure }
  }

  private static func measure(_ benchmark: inout any Benchmark, rounds: Int) throws -> Measurement {
    try Measurement(&benchmark, rounds: rounds)
  }
}
