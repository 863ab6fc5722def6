/// Why something cannot be decoded: what was given, and what was expected.
public enum DecodeError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Nothing was given.
  case nothing
  /// No register, structure or message has this name.
  case unknownKind(String, nearest: String?)
  /// No register has this offset.
  case unknownOffset(String, nearest: String)
  /// This is no hexadecimal number of at most so many bits.
  case notAWord(String, bits: Int)
  /// The number of words does not fit the kind.
  case wordCount(String, given: Int, expected: ClosedRange<Int>)
  /// Words without a kind could be several kinds, or none.
  case ambiguous(words: Int, kinds: [String])
  /// No line of a log holds anything that can be decoded.
  case noLine(String)

  /// The error in one line.
  public var description: String {
    switch self {
    case .nothing: return "decode: nothing given; expected words, a kind and words, or a line of a log"
    case .unknownKind(let name, let nearest):
      let hint = nearest.map { "; did you mean '\($0)'?" } ?? ""
      return "\(name): no kind, register, hexadecimal word or known line of a log\(hint)"
    case .unknownOffset(let text, let nearest): return "register \(text): no register has this offset; the nearest is \(nearest)"
    case .notAWord(let text, let bits): return "'\(text)': expected a hexadecimal number of at most \(bits) bits"
    case .wordCount(let name, let given, let expected):
      let count = expected.count == 1 ? "\(expected.lowerBound)" : "\(expected.lowerBound) to \(expected.upperBound)"
      return "\(name): \(given) \(given == 1 ? "word" : "words") given, expected \(count)"
    case .ambiguous(let words, let kinds):
      return
        "\(words == 1 ? "1 word" : "\(words) words") can be several things; put the kind first, one of: \(kinds.joined(separator: ", "))"
    case .noLine(let place): return "\(place): no line holds anything that can be decoded"
    }
  }
}
