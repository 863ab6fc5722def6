import Foundation
import Testing

@Suite("Usage") struct UsageTests {
  @Test(
    "Help is a result",
    arguments: [[], ["--help"], ["help", "replay"], ["replay", "--help"], ["trace"], ["trace", "generate", "--help"]])
  func help(arguments: [String]) throws {
    let run = try Program(arguments)
    #expect(run.status == 0)
    #expect(run.output.contains("USAGE: iommusim"))
    #expect(run.errors.isEmpty)
  }

  @Test(
    "Bad usage is refused in one line",
    arguments: [
      (["nonsense"], "nonsense"), (["replay"], "<trace>"), (["replay", "x", "--bogus"], "--bogus"),
      (["replay", "x", "--format", "xml"], "xml"), (["replay", "x", "--from", "5m"], "5m"), (["replay", "x", "--limit", "-1"], "--limit"),
      (["replay", "x", "--warmup", "1.0000000000001s"], "1.0000000000001s"), (["replay", "x", "--invalidations", "none"], "none"),
      (["replay", "x", "y"], "y"), (["trace", "generate", "uniform", "--records", "5"], "--output"),
      (["trace", "generate", "nic", "--records", "5", "--output", "/dev/null"], "nic"),
      (["trace", "generate", "uniform", "--records", "5", "--pages", "0", "--output", "/dev/null"], "0 pages"),
      (["trace", "generate", "zipf", "--records", "5", "--exponent", "4.01", "--output", "/dev/null"], "401"),
      (["trace", "generate", "zipf", "--records", "5", "--exponent", "x", "--output", "/dev/null"], "--exponent x"),
      (["trace", "generate", "uniform", "--records", "5", "--interval-ns", "1.0001", "--output", "/dev/null"], "--interval-ns 1.0001"),
      (["trace", "convert", "--from", "vcd", "x", "--output", "y"], "vcd"), (["presets", "nonsense"], "nonsense"),
    ])
  func badUsage(arguments: [String], part: String) throws {
    try Program(arguments).expectRefusal(part)
  }

  @Test("Presets are listed with what they are")
  func presets() throws {
    let run = try Program("presets")
    #expect(run.status == 0)
    for name in ["default", "sapphire-rapids", "skylake-sp", "unbounded", "yardstick"] {
      #expect(run.output.split(separator: "\n").contains { $0.hasPrefix(name + " ") })
    }
  }

  @Test("What is shown of a preset can be changed and used")
  func presetAsConfiguration() throws {
    let folder = try Folder()
    let shown = try Program("presets", "yardstick")
    #expect(shown.status == 0)
    #expect(shown.output.contains("  # assumed: "))
    let config = try folder.file("my.yaml", shown.output.replacing("entries: 64", with: "entries: 16", maxReplacements: 1))
    let run = try Program("replay", try folder.trace(records: 1000), "--config", config, "--format", "csv")
    #expect(run.status == 0)
    #expect(run.output.contains("configuration.iotlb.entries,16\n"))
    #expect(run.output.contains("configuration.preset,yardstick\n"))
  }

  @Test("Interrupting ends the program with status 130")
  func interrupt() throws {
    let folder = try Folder()
    let pipe = folder.path("pipe")
    // The first byte of its output shows that the program is at work.
    let run = try Program(
      shell: """
        mkfifo "$1"
        "$0" trace generate uniform --records 1000000000 --output - > "$1" &
        exec 3< "$1"; head -c 1 <&3 > /dev/null; kill -INT $!; wait $!
        """, [Program.path, pipe])
    #expect(run.status == 130)
    #expect(run.errors.isEmpty, "\(run.errors)")
  }

  @Test(
    "Results that cannot be written are an error",
    arguments: [["presets"], ["replay"], ["trace", "info"], ["trace", "verify"], ["trace", "cat"]])
  func fullDisk(verb: [String]) throws {
    let folder = try Folder()
    let arguments = verb == ["presets"] ? verb : verb + [try folder.trace(records: 10)]
    let run = try Program(shell: "exec \"$0\" \"$@\" > /dev/full", [Program.path] + arguments)
    #expect(run.status == 2)
    #expect(run.errors == "iommusim: standard output: No space left on device\n")
  }

  @Test("A reader that stops reading ends the program in silence")
  func brokenPipe() throws {
    let folder = try Folder()
    let run = try Program(shell: "\"$0\" trace cat \"$1\" | head -n 1", [Program.path, try folder.trace(records: 200_000)])
    #expect(run.output == "dmatrace 1\n")
    #expect(run.errors.isEmpty, "\(run.errors)")
  }
}
