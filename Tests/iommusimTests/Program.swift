import Foundation
import Testing

/// A run of the built program, and what it left behind.
struct Program {
  let status: Int32
  let output: String
  let errors: String

  /// The program, which the build puts beside the tests.
  static let path = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().appending(path: "iommusim").path

  /// Runs the program with the given arguments.
  init(_ arguments: [String]) throws {
    try self.init(shell: "exec \"$0\" \"$@\"", [Self.path] + arguments)
  }

  init(_ arguments: String...) throws { try self.init(arguments) }

  /// Runs a line of shell, whose `$0` and `$1`, `$2`... are the given words.
  init(shell line: String, _ words: [String]) throws {
    let folder = try Folder()
    let (output, errors) = (folder.path("output"), folder.path("errors"))
    for path in [output, errors] { try Data().write(to: URL(filePath: path)) }
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", line] + words
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: URL(filePath: output))
    process.standardError = try FileHandle(forWritingTo: URL(filePath: errors))
    try process.run()
    process.waitUntilExit()
    status = process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    self.output = try String(contentsOfFile: output, encoding: .utf8)
    self.errors = try String(contentsOfFile: errors, encoding: .utf8)
  }

  /// Checks that the program refused its input in the way it has promised: status 2, one line on standard error, nothing on standard output.
  func expectRefusal(_ parts: String..., sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(status == 2, sourceLocation: sourceLocation)
    #expect(output.isEmpty, sourceLocation: sourceLocation)
    #expect(errors.hasPrefix("iommusim: "), "\(errors)", sourceLocation: sourceLocation)
    #expect(errors.hasSuffix("\n") && errors.split(separator: "\n").count == 1, "\(errors)", sourceLocation: sourceLocation)
    for part in parts { #expect(errors.contains(part), "\(errors)", sourceLocation: sourceLocation) }
  }
}

/// A folder that is removed with its last owner.
final class Folder {
  private let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appending(path: "iommusim-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func path(_ name: String) -> String { url.appending(path: name).path }

  /// Writes a file and returns its path.
  func file(_ name: String, _ bytes: some Collection<UInt8>) throws -> String {
    try Data(bytes).write(to: URL(filePath: path(name)))
    return path(name)
  }

  func file(_ name: String, _ text: String) throws -> String { try file(name, Array(text.utf8)) }

  /// The names of the files in it.
  var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: url.path).sorted()) ?? [] }

  /// Generates a trace in it and returns its path.
  func trace(_ name: String = "trace.dmat.zst", records: Int = 20_000, _ options: String...) throws -> String {
    let run = try Program(["trace", "generate", "uniform", "--records", "\(records)", "--output", path(name)] + options)
    try #require(run.status == 0, "\(run.errors)")
    return path(name)
  }
}
