import Glibc

/// What is said on standard error: one line each, with the program's name.
enum Diagnostics {
  /// Says why nothing more is done.
  static func error(_ message: String) { write("iommusim: " + oneLine(message) + "\n") }

  /// Says what is doubtful but lets the work go on.
  static func warning(_ message: String) { write("iommusim: warning: " + oneLine(message) + "\n") }

  /// Writes to standard error as it is.
  static func write(_ text: String) {
    var text = text
    // There is nobody to tell that standard error cannot be written.
    text.withUTF8 { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }

  private static func oneLine(_ message: String) -> String {
    message.split(whereSeparator: \.isNewline).map { $0.drop { $0 == " " } }.joined(separator: " ")
  }
}
