/// An event of an emulator's log, declared as data: its name, and where its arguments are.
struct LogEvent<Kind: Sendable>: Sendable {
  /// One argument: a number.
  struct Argument: Sendable {
    /// The text that precedes it in the log form.
    var marker: StaticString
    /// What precedes it in the simpletrace form: a space, its name and `=`.
    var key: StaticString
    /// Whether the log form has it in decimal.
    var isDecimal = false
  }

  /// What it means.
  var kind: Kind
  /// Its name in the log.
  var name: StaticString
  /// The arguments that are read, in their order.
  var arguments: [Argument] = []
}

/// The events that an importer knows, and a reader of their arguments.
struct LogEventTable<Kind: Sendable>: Sendable {
  /// The most arguments an event has.
  static var maximumArguments: Int { 6 }

  let events: [LogEvent<Kind>]

  /// The index of the event of the given name.
  func index(of name: UnsafeRawBufferPointer) -> Int? { events.firstIndex { name.equals($0.name) } }

  /// Reads the arguments of an event; false if one is missing, is no number or is cut off.
  func read(_ event: Int, of line: LogLine, into values: inout InlineArray<6, UInt64>) -> Bool {
    var scanner = line.arguments
    let arguments = events[event].arguments
    for index in arguments.indices {
      guard scanner.skip(past: line.form == .simpletrace ? arguments[index].key : arguments[index].marker) else { return false }
      guard let value = arguments[index].isDecimal ? scanner.number() : scanner.hexadecimal(), !Self.goesOn(scanner.next) else {
        return false
      }
      values[index] = value
    }
    return true
  }

  /// Whether a number goes on with a byte that cannot follow it.
  private static func goesOn(_ byte: UInt8?) -> Bool {
    switch byte {
    case .some(0x30...0x39), .some(0x41...0x5A), .some(0x61...0x7A), UInt8(ascii: "_"), UInt8(ascii: "@"): true
    default: false
    }
  }
}
