import ArgumentParser
import DMATrace
import Reports

/// `iommusim trace info`: what is in a trace.
struct TraceInfoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "info", abstract: "Show what a trace says of itself, and what is in it.")

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text, json
  }

  @Argument(help: "The trace.")
  var file: String

  @Option(help: ArgumentHelp("The form of the answer: text or json.", valueName: "format"))
  var format = Format.text

  @Flag(help: "Show what precedes damage of the trace.")
  var allowTruncated = false

  mutating func run() throws {
    var trace = try TraceReader(path: file, allowTruncated: allowTruncated)
    let summary = try TraceSummary(of: &trace)
    if let damage = trace.damage { Diagnostics.warning("counted only what precedes damage: \(damage)") }
    let report = TraceReport(trace, summary)
    try ResultOutput.write(format == .text ? report.text : report.json.text + "\n", to: nil)
  }
}
