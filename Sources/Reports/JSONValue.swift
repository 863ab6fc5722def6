import Hardware

/// A JSON document whose objects keep the order of their keys, so that equal content gives equal text.
public indirect enum JSONValue: Hashable, Sendable {
  /// Keys and values in their order.
  case object([Member])
  /// Values in their order.
  case array([JSONValue])
  /// Text.
  case string(String)
  /// An integer.
  case integer(UInt64)
  /// A number with a fixed number of decimals, all of which are written.
  case decimal(FixedPoint)
  /// Yes or no.
  case flag(Bool)
  /// Nothing.
  case null

  /// A key of an object and its value.
  public struct Member: Hashable, Sendable {
    /// The key.
    public var key: String
    /// The value.
    public var value: JSONValue

    /// A key and its value.
    public init(_ key: String, _ value: JSONValue) {
      self.key = key
      self.value = value
    }
  }

  /// A value in hexadecimal, with at least so many digits, as text: not every reader of JSON can hold 64 bits in a number.
  public static func word(_ word: UInt64, digits: Int) -> JSONValue { .string(hexadecimal(word, digits: digits)) }

  /// `0x` and at least so many hexadecimal digits.
  static func hexadecimal(_ word: UInt64, digits: Int) -> String {
    let text = String(word, radix: 16)
    return "0x" + String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
  }

  /// The document as text, indented by two spaces, without a line feed at its end. What holds neither object nor list stands in one line.
  public var text: String {
    var text = ""
    write(into: &text, indent: "")
    return text
  }

  private var isLeaf: Bool {
    switch self {
    case .object, .array: false
    default: true
    }
  }

  private func write(into text: inout String, indent: String) {
    switch self {
    case .object(let members):
      let lines = members.map { member in
        var line = Self.quoted(member.key) + ": "
        member.value.write(into: &line, indent: indent + "  ")
        return line
      }
      text += Self.bracketed(lines, "{", "}", inOneLine: members.allSatisfy { $0.value.isLeaf }, indent: indent)
    case .array(let values):
      let lines = values.map { value in
        var line = ""
        value.write(into: &line, indent: indent + "  ")
        return line
      }
      text += Self.bracketed(lines, "[", "]", inOneLine: values.allSatisfy { $0.isLeaf }, indent: indent)
    case .string(let string): text += Self.quoted(string)
    case .integer(let integer): text += String(integer)
    case .decimal(let number): text += number.description
    case .flag(let flag): text += flag ? "true" : "false"
    case .null: text += "null"
    }
  }

  private static func bracketed(_ elements: [String], _ opening: String, _ closing: String, inOneLine: Bool, indent: String) -> String {
    guard !inOneLine else { return opening + elements.joined(separator: ", ") + closing }
    return "\(opening)\n" + elements.map { "\(indent)  \($0)" }.joined(separator: ",\n") + "\n\(indent)\(closing)"
  }

  private static func quoted(_ string: String) -> String {
    var quoted = "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\n": quoted += "\\n"
      case "\t": quoted += "\\t"
      case "\r": quoted += "\\r"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
