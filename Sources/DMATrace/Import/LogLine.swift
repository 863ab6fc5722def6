/// A line of a QEMU log that reports an event, in one of three forms:
///
/// - bare: `name arguments`
/// - stamped (`-msg timestamp=on`): `pid@seconds.microseconds:name arguments`
/// - simpletrace (`simpletrace.py`): `name microseconds pid=N argument=0xHEX …`, the time being that since the line before
struct LogLine {
  /// The form of a line.
  enum Form: Sendable { case bare, stamped, simpletrace }

  /// What a line can be.
  enum Content {
    case event(LogLine)
    /// Something else, such as a message.
    case other
    /// The beginning of an event that is cut off.
    case malformed(String)
  }

  var form: Form
  /// The name of the event.
  var name: UnsafeRawBufferPointer
  /// The line from behind the name on.
  var arguments: FieldScanner
  /// Stamped: microseconds since the epoch. Simpletrace: nanoseconds since the line before, as a signed number. Bare: 0.
  var stamp: UInt64

  /// Takes a line apart.
  static func parse(_ bytes: UnsafeRawBufferPointer) -> Content {
    var scanner = FieldScanner(bytes)
    var stamp: UInt64?
    if let first = scanner.next, isDigit(first) {
      switch parseStamp(&scanner) {
      case .none: return .other
      case .some(nil): return .malformed("expected pid@seconds.microseconds:event, found \(bytes.quoted)")
      case .some(let value): stamp = value
      }
    }
    let start = scanner.position
    var isEvent = stamp != nil
    while let byte = scanner.next, isNameByte(byte) {
      if byte == UInt8(ascii: "_") { isEvent = true }
      scanner.position += 1
    }
    let name = UnsafeRawBufferPointer(rebasing: bytes[start..<scanner.position])
    guard isEvent, !name.isEmpty, scanner.isAtEnd || scanner.next == UInt8(ascii: " ") else {
      return stamp == nil ? .other : .malformed("expected an event behind the time, found \(bytes.quoted)")
    }
    if let stamp { return .event(LogLine(form: .stamped, name: name, arguments: scanner, stamp: stamp)) }
    var ahead = scanner
    if let delta = parseDelta(&ahead) { return .event(LogLine(form: .simpletrace, name: name, arguments: ahead, stamp: delta)) }
    return .event(LogLine(form: .bare, name: name, arguments: scanner, stamp: 0))
  }

  /// `pid@seconds.microseconds:`; nil if the line begins with another number, an inner nil if it is cut off.
  private static func parseStamp(_ scanner: inout FieldScanner) -> UInt64?? {
    guard scanner.decimal() != nil, scanner.skip(UInt8(ascii: "@")) else { return .none }
    guard let seconds = scanner.decimal(), seconds <= UInt64.max / 1_000_000 - 1, scanner.skip(UInt8(ascii: ".")) else { return .some(nil) }
    let start = scanner.position
    guard let microseconds = scanner.decimal(), scanner.position == start + 6, scanner.skip(UInt8(ascii: ":")) else { return .some(nil) }
    return seconds * 1_000_000 + microseconds
  }

  /// ` microseconds.nanoseconds pid=`, in nanoseconds; nil if the line is of another form.
  private static func parseDelta(_ scanner: inout FieldScanner) -> UInt64? {
    guard scanner.skip(UInt8(ascii: " ")) else { return nil }
    let isNegative = scanner.skip(UInt8(ascii: "-"))
    guard let microseconds = scanner.decimal(), microseconds <= UInt64.max >> 12, scanner.skip(UInt8(ascii: ".")) else { return nil }
    let start = scanner.position
    guard let nanoseconds = scanner.decimal(), scanner.position == start + 3, scanner.skip(" pid="), scanner.decimal() != nil else {
      return nil
    }
    let delta = microseconds * 1000 + nanoseconds
    return isNegative ? 0 &- delta : delta
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    isDigit(byte) || byte == UInt8(ascii: "_") || (byte | 0x20) &- 0x61 < 26
  }
}

/// Turns the times of a log into times of a trace: from its first event on, and never going back.
struct LogClock {
  /// The time that a bare line, which carries none, is taken to last: one microsecond.
  static let bareStep: UInt64 = 1_000_000

  /// The time of the last line, in picoseconds.
  private(set) var now: UInt64 = 0
  private let form: LogLine.Form
  private var first: UInt64?
  private var elapsedNanoseconds: Int64 = 0

  /// A clock for a log whose first event has the given form.
  init(form: LogLine.Form) { self.form = form }

  /// What the times of the trace mean.
  var meaning: String {
    switch form {
    case .bare: "none in the log: one microsecond per event, which orders events and measures nothing"
    case .stamped: "the emulator's host, from the log's first event: orders events, measures no latencies; microseconds"
    case .simpletrace: "the emulator's host, from the log's first event: orders events, measures no latencies; nanoseconds"
    }
  }

  /// Moves on to the time of a line; false if that is out of range.
  mutating func advance(to line: LogLine) -> Bool {
    let time: UInt64
    switch (form, line.form) {
    case (.stamped, .stamped):
      let start = first ?? line.stamp
      first = start
      let (picoseconds, overflow) = (line.stamp - min(start, line.stamp)).multipliedReportingOverflow(by: 1_000_000)
      time = overflow ? .max : picoseconds
    case (.simpletrace, .simpletrace):
      // What the first line says is the time since a line that is not there.
      let delta = first == nil ? 0 : Int64(bitPattern: line.stamp)
      first = 0
      let (elapsed, wraps) = elapsedNanoseconds.addingReportingOverflow(delta)
      let (picoseconds, overflow) = UInt64(max(elapsed, 0)).multipliedReportingOverflow(by: 1000)
      elapsedNanoseconds = elapsed
      time = overflow || wraps ? .max : picoseconds
    case (.bare, .bare):
      time = first == nil ? 0 : now + Self.bareStep
      first = 0
    default:
      time = now
    }
    guard time <= TraceFormat.maximumTime else { return false }
    now = max(now, time)
    return true
  }
}
