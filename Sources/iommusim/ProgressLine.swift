import Glibc
import Replay

/// A line on the terminal that says how far a replay has come, how fast it is and how long it will take.
struct ProgressLine {
  private static let interval = Duration.milliseconds(250)

  private let isShown: Bool
  private let clock = ContinuousClock()
  private let start: ContinuousClock.Instant
  private var due: ContinuousClock.Instant
  private var hasWritten = false

  /// A line on standard error, shown only if that is a terminal and `isWanted`.
  init(isWanted: Bool) {
    isShown = isWanted && isatty(STDERR_FILENO) == 1
    start = clock.now
    due = start + Self.interval
  }

  /// Shows a new state of affairs, unless the last one is too recent.
  mutating func update(_ progress: TraceReplay.Progress) {
    guard isShown, clock.now >= due else { return }
    due = clock.now + Self.interval
    hasWritten = true
    Diagnostics.write("\r\u{1B}[K" + Self.text(progress, elapsed: clock.now - start))
  }

  /// Removes the line.
  mutating func finish() {
    if hasWritten { Diagnostics.write("\r\u{1B}[K") }
    hasWritten = false
  }

  /// The line: share, records, rate, time left.
  static func text(_ progress: TraceReplay.Progress, elapsed: Duration) -> String {
    let (seconds, attoseconds) = elapsed.components
    let milliseconds = max(1, UInt64(clamping: seconds) * 1000 + UInt64(clamping: attoseconds / 1_000_000_000_000_000))
    let rate = progress.records * 1000 / milliseconds
    var parts = ["\(progress.records / 1000) k records", "\(rate / 1000) k/s"]
    if let total = progress.total, total >= progress.records, total > 0 {
      parts.insert("\(progress.records * 100 / total) %", at: 0)
      if rate > 0 { parts.append("\((total - progress.records) / rate) s left") }
    }
    return "replay: " + parts.joined(separator: ", ")
  }
}
