import ArgumentParser

/// `iommusim trace`: what concerns trace files.
struct TraceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trace", abstract: "Show, check, convert and generate trace files.",
    subcommands: [
      TraceInfoCommand.self, TraceCatCommand.self, TraceVerifyCommand.self, TraceConvertCommand.self, TraceGenerateCommand.self,
    ])
}
