import Hardware

/// What `decode` knows of one architecture.
///
/// A further architecture is a further vocabulary: its registers and structures as declared, and the lines of its driver's logs.
public protocol Vocabulary: Sendable {
  /// The architecture's name, as in `vtd`.
  var architecture: String { get }
  /// What the implementation has: decides which fields exist.
  var identity: RegisterIdentity { get }
  /// Its registers.
  var registers: [RegisterDeclaration] { get }
  /// Everything else that consists of words.
  var structures: [StructureKind] { get }
  /// How a field is read, if not as a number.
  func reading(of field: String, in table: String) -> FieldReading?
  /// The offsets of a register, as far as the implementation is known.
  func offsets(of register: RegisterDeclaration) -> [UInt64]
  /// A register taken apart.
  func decode(_ register: RegisterDeclaration, _ words: [UInt64]) -> Decoding
  /// A reader of the logs of the architecture's drivers.
  func logReader() -> any LogReader
}

/// Finds what can be decoded in the lines of a log, which may have to do with one another.
public protocol LogReader {
  /// What is known once this line is there; a line that begins something can have to wait for the next.
  mutating func read(_ line: String) -> [Decoding]
  /// What is still waiting for further lines at the end of the log.
  mutating func finish() -> [Decoding]
}

/// A kind of structure, message or code that is given as words.
public struct StructureKind: Sendable {
  /// What a command calls it, as in `pasid-entry`.
  public let name: String
  /// Other names for it.
  public let aliases: [String]
  /// One line on it.
  public let meaning: String
  /// How many words may be given; fewer than the largest number count as 0 where they are missing.
  public let wordCounts: ClosedRange<Int>
  /// The numbers of words from which the kind can be guessed; none for kinds that look like others.
  public let guessedFrom: [Int]
  /// Takes as many words as there are at most.
  let decode: @Sendable ([UInt64]) -> Decoding

  /// A kind of the given names.
  init(
    _ name: String, aliases: [String] = [], _ meaning: String, words: ClosedRange<Int>, guessedFrom: [Int] = [],
    decode: @escaping @Sendable ([UInt64]) -> Decoding
  ) {
    self.name = name
    self.aliases = aliases
    self.meaning = meaning
    wordCounts = words
    self.guessedFrom = guessedFrom
    self.decode = decode
  }

  /// The words taken apart, with a note on those that are missing.
  func decode(given words: [UInt64]) -> Decoding {
    let missing = max(wordCounts.upperBound - words.count, 0)
    var decoding = decode(words + Array(repeating: 0, count: missing))
    decoding.words = words
    guard !guessedFrom.contains(words.count) else { return decoding }
    if missing == 1 { decoding.notes.append("word \(words.count) is not given and counts as 0") }
    if missing > 1 { decoding.notes.append("words \(words.count) to \(wordCounts.upperBound - 1) are not given and count as 0") }
    return decoding
  }
}
