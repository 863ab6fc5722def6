import ArgumentParser
import DMATrace
import Hardware

/// `iommusim trace verify`: whether traces are sound.
struct TraceVerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Check every checksum and every record of traces.",
    discussion: "Prints a line for each finding, then a line for each trace. Exit status 1 if anything was found.")

  @Argument(help: "The traces.")
  var files: [String]

  mutating func run() throws {
    var hasFindings = false
    for file in files {
      let verification = try TraceVerification(of: file)
      for finding in verification.findings { print(finding) }
      let hidden = verification.findingCount - verification.findings.count
      if hidden > 0 { print("\(file): \(hidden.counted("more findings"))") }
      let sound = "sound: \(verification.soundBlocks.counted("blocks")), \(verification.soundRecords.counted("records"))"
      print(verification.isSound ? "\(file): \(sound)" : "\(file): \(verification.findingCount.counted("findings")); \(sound)")
      if !verification.isSound { hasFindings = true }
    }
    if hasFindings { throw ExitCode(Main.Status.failures) }
  }
}
