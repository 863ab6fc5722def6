/// Takes numbers out of a line of text, moving forwards.
struct LineScanner {
  /// What has not been read yet.
  private(set) var rest: Substring

  init(_ line: some StringProtocol) { rest = Substring(line) }

  /// Moves behind the next `text`; stays where it is and says no if there is none.
  mutating func skip(past text: String) -> Bool {
    guard let range = rest.firstRange(of: text) else { return false }
    rest = rest[range.upperBound...]
    return true
  }

  /// Moves over `text` if it stands here.
  mutating func skip(_ text: String) -> Bool {
    guard rest.hasPrefix(text) else { return false }
    rest = rest.dropFirst(text.count)
    return true
  }

  /// Moves over spaces.
  mutating func skipSpaces() { rest = rest.drop { $0 == " " || $0 == "\t" } }

  /// The hexadecimal number that stands here, with `0x` or without.
  mutating func hexadecimal() -> UInt64? {
    skipSpaces()
    let digits = (rest.hasPrefix("0x") ? rest.dropFirst(2) : rest).prefix { $0.isASCII && $0.isHexDigit }
    guard let value = UInt64(digits, radix: 16) else { return nil }
    rest = rest[digits.endIndex...]
    return value
  }

  /// The decimal number that stands here.
  mutating func decimal() -> UInt64? {
    skipSpaces()
    let digits = rest.prefix { $0.isASCII && $0.isNumber }
    guard let value = UInt64(digits) else { return nil }
    rest = rest[digits.endIndex...]
    return value
  }

  /// The hexadecimal number behind the next `text`.
  mutating func hexadecimal(after text: String) -> UInt64? { skip(past: text) ? hexadecimal() : nil }
}
