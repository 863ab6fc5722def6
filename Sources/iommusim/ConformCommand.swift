import ArgumentParser
import Conformance

/// `iommusim conform`: conformance cases against the models.
struct ConformCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "conform", abstract: "Run conformance cases and compare the models' answers with the expected ones.",
    discussion: """
      Prints a line for each failure, a table by file and category, and last the number of cases that passed, failed and were skipped. Exit \
      status 1 if any failed.
      """)

  @Argument(help: "Files of cases, .jsonl or .jsonl.zst.")
  var files: [String]

  @Flag(help: "Say more of each failure: the table entries on the way, and what judged the case.")
  var verbose = false

  @Flag(help: "Run only cases about tables and their entries.")
  var tablesOnly = false

  @Option(help: ArgumentHelp("Run only cases of this category, or of categories that begin with it.", valueName: "name"))
  var category: String?

  mutating func run() throws {
    var options = Runner.Options()
    options.verbose = verbose
    options.tablesOnly = tablesOnly
    options.category = category
    let tally = try Runner(IOMMUModels(), options: options) { print($0) }.run(files)
    if tally.total.failed > 0 { throw ExitCode(Main.Status.failures) }
  }
}
