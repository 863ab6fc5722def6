import ArgumentParser
import DMATrace
import Hardware

/// `iommusim trace convert`: traces of other forms into containers.
struct TraceConvertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert", abstract: "Convert a trace of any known form into a .dmat.zst file.",
    discussion: "Compressed input is decompressed, whatever its name. What was found in a log is said on standard error.")

  @Option(
    help: ArgumentHelp(
      "The form of the input: \(TraceInputFormat.allCases.map(\.rawValue).joined(separator: ", ")); told by its content if not given.",
      valueName: "form"))
  var from: TraceInputFormat?

  @Argument(help: "The trace to convert; - is standard input.")
  var input: String

  @Option(help: ArgumentHelp("Where the converted trace goes.", valueName: "file"))
  var output: String

  @Option(help: ArgumentHelp("Where the trace comes from, in words, instead of what the input says.", valueName: "text"))
  var source: String?

  @Option(help: ArgumentHelp("The terms under which the trace may be passed on.", valueName: "text"))
  var licence: String?

  @Option(help: ArgumentHelp("Compression level, 1 to 19.", valueName: "number"))
  var level: Int?

  @Flag(help: "Convert what precedes damage of the input.")
  var allowTruncated = false

  @Flag(help: "Don't say what was found.")
  var quiet = false

  mutating func run() throws {
    var conversion = TraceConversion()
    conversion.format = from
    conversion.allowTruncated = allowTruncated
    conversion.source = source
    conversion.licence = licence
    if let level { conversion.level = level }
    let outcome = try conversion.convert(input, to: output)
    guard !quiet else { return }
    if let damage = outcome.damage { Diagnostics.warning("converted only what precedes damage: \(damage)") }
    Diagnostics.write("\(output): \(outcome.records.counted("records")) from \(outcome.format.rawValue)\n")
    if let summary = outcome.summary { Diagnostics.write(summary.description + "\n") }
  }
}

extension TraceInputFormat: ExpressibleByArgument {}
