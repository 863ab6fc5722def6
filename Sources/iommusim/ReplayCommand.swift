import ArgumentParser
import Machine
import Replay
import Reports

/// `iommusim replay`: a trace through a machine.
struct ReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay", abstract: "Replay a trace through a machine and report latencies, hit rates, walks and faults.",
    discussion: "Positions and lengths in a trace are numbers of records, as in 1000, or times with a unit, as in 2.5us.")

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text, json, csv

    func text(_ result: ReplayResult) -> String {
      switch self {
      case .text: TextReport.text(result)
      case .json: JSONReport.text(result)
      case .csv: CSVReport.text(result)
      }
    }
  }

  @Argument(help: "The trace, a .dmat.zst file; 'iommusim trace convert' makes one of other formats.")
  var trace: String

  @OptionGroup(title: "Machine") var machineOptions: MachineOptions

  @Option(help: ArgumentHelp("The form of the report: text, json or csv.", valueName: "format"))
  var format = Format.text

  @Option(help: ArgumentHelp("Write the report to a file.", valueName: "file"))
  var output: String?

  @Option(help: ArgumentHelp("Whose invalidations are made: the driver's, or those that the trace records.", valueName: "driver|recorded"))
  var invalidations = ReplayOptions.Invalidations.driver

  @Option(help: ArgumentHelp("Count only what comes after so much of the replay.", valueName: "records|time"))
  var warmup: TracePosition?

  @Option(help: ArgumentHelp("Begin with the accesses at this position.", valueName: "record|time"))
  var from: TracePosition?

  @Option(help: ArgumentHelp("End before this position.", valueName: "record|time"))
  var to: TracePosition?

  @Option(help: ArgumentHelp("End after so many accesses.", valueName: "number"))
  var limit: UInt64?

  @Flag(help: "Look for every use of a stale cache entry, and for the invalidation that it lacked; exit with status 1 if there is any.")
  var checkStale = false

  @Option(help: ArgumentHelp("Describe so many findings of --check-stale; all are counted.", valueName: "number"))
  var staleLimit = 20

  @Flag(help: "Replay what precedes damage of the trace.")
  var allowTruncated = false

  @Flag(help: "Show neither progress nor warnings.")
  var quiet = false

  mutating func run() throws {
    var replay = TraceReplay(try machineOptions.machine())
    replay.options.invalidations = invalidations
    replay.options.warmup = warmup
    replay.options.from = from
    replay.options.to = to
    replay.options.limit = limit
    replay.options.staleFindings = checkStale ? staleLimit : nil
    replay.allowTruncated = allowTruncated
    var progress = ProgressLine(isWanted: !quiet)
    defer { progress.finish() }
    let result = try replay.run(trace) { progress.update($0) }
    progress.finish()
    if !quiet { warn(result) }
    try ResultOutput.write(format.text(result), to: output)
    if let uses = result.staleUses, !uses.isEmpty { throw ExitCode(Main.Status.failures) }
  }

  mutating func validate() throws {
    if staleLimit < 0 { throw ValidationError("--stale-limit \(staleLimit): expected 0 or more") }
  }

  private func warn(_ result: ReplayResult) {
    if let damage = result.trace.damage { Diagnostics.warning("replayed only what precedes damage: \(damage)") }
    if result.figures.requests.total == 0 { Diagnostics.warning("\(trace): no access was counted") }
  }
}

extension ReplayOptions.Invalidations: ExpressibleByArgument {}
