import ArgumentParser
import Glibc

/// Runs the verb that the arguments name, and turns whatever becomes of it into an exit status and at most one line on standard error.
@main enum Main {
  /// The exit statuses that scripts rely on, beside 0.
  enum Status {
    /// The work was done, and found failures.
    static let failures: Int32 = 1
    /// Bad usage or bad input.
    static let badInput: Int32 = 2
    /// Interrupted by a signal.
    static let interrupted: Int32 = 130
  }

  static func main() {
    // Whoever reads the output may stop doing so.
    signal(SIGPIPE, SIG_DFL)
    signal(SIGINT) { _ in _exit(Status.interrupted) }
    let status = status(of: Array(CommandLine.arguments.dropFirst()))
    guard fflush(nil) == 0 else {
      Diagnostics.error("standard output: \(String(cString: strerror(errno)))")
      exit(Status.badInput)
    }
    exit(status)
  }

  private static func status(of arguments: [String]) -> Int32 {
    do {
      var command = try IOMMUSimCommand.parseAsRoot(arguments)
      try command.run()
      return 0
    } catch let status as ExitCode {
      return status.rawValue
    } catch {
      // Help and versions are asked for by throwing, too.
      let code = IOMMUSimCommand.exitCode(for: error)
      if code.isSuccess {
        print(IOMMUSimCommand.fullMessage(for: error))
        return 0
      }
      let isUsage = code == .validationFailure
      Diagnostics.error(isUsage ? IOMMUSimCommand.message(for: error) : "\(error)")
      return Status.badInput
    }
  }
}
