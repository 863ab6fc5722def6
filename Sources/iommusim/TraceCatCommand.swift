import ArgumentParser
import DMATrace

/// `iommusim trace cat`: the records of a trace.
struct TraceCatCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cat", abstract: "Write the records of a trace as text, CSV or JSON.",
    discussion: "The text form can be converted back with 'iommusim trace convert --from text'.")

  @Argument(help: "The trace.")
  var file: String

  @Option(help: ArgumentHelp("The form of the listing: text, csv or json.", valueName: "format"))
  var format = TraceListing.Format.text

  @Option(help: ArgumentHelp("List no more than so many records.", valueName: "number"))
  var limit: UInt64?

  @Option(help: ArgumentHelp("Write the listing to a file.", valueName: "file"))
  var output: String?

  @Flag(help: "List what precedes damage of the trace.")
  var allowTruncated = false

  mutating func run() throws {
    var listing = TraceListing()
    listing.format = format
    listing.limit = limit ?? .max
    listing.allowTruncated = allowTruncated
    let damage = try listing.list(file, to: output ?? "-")
    if let damage { Diagnostics.warning("listed only what precedes damage: \(damage)") }
  }
}

extension TraceListing.Format: ExpressibleByArgument {}
