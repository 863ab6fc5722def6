import ArgumentParser

/// The root of all verbs.
struct IOMMUSimCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "iommusim",
    abstract: "Models of IOMMUs: replays DMA traces through them and reports what every translation cost.",
    discussion: """
      Results go to standard output, progress and warnings to standard error. Exit status: 0 done; 1 the work was done and found failures; \
      2 bad usage or bad input; 130 interrupted.
      """,
    subcommands: [ReplayCommand.self, TraceCommand.self, ConformCommand.self, DecodeCommand.self, PresetsCommand.self])
}
