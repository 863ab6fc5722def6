import Hardware

/// Takes registers, structures, messages, codes and lines of logs apart, by the declarations of the architectures.
public struct Decoder: Sendable {
  private let vocabularies: [any Vocabulary]

  /// A decoder that knows the given architectures.
  public init(_ vocabularies: [any Vocabulary]) { self.vocabularies = vocabularies }

  /// Every kind with one line on it, by architecture, registers aside.
  public var kinds: [(architecture: String, name: String, meaning: String)] {
    vocabularies.flatMap { vocabulary in vocabulary.structures.map { (vocabulary.architecture, $0.name, $0.meaning) } }
  }

  /// Decodes what the words of a command line say: a line of a log; `reg`, a name or offset, and a value; a kind and words; or words alone,
  /// if they can only be one thing.
  ///
  /// Words are hexadecimal, with or without `0x`, the first word of a structure first. One of more than 16 digits is the whole structure,
  /// most significant digit first.
  public func decode(_ arguments: [String]) throws(DecodeError) -> [Decoding] {
    let words = arguments.flatMap { $0.split { $0.isWhitespace || $0 == "," || $0 == "=" }.map(String.init) }
    guard let first = words.first else { throw .nothing }
    let rest = Array(words.dropFirst())
    if ["reg", "register"].contains(first.lowercased()) {
      guard let name = rest.first else { throw .wordCount("register", given: 0, expected: 2...2) }
      return [try decode(register: name, Array(rest.dropFirst()))]
    }
    if let kind = kind(named: first) { return [try decode(kind, first, rest)] }
    if let (vocabulary, register) = register(named: first) { return [try decode(vocabulary, register, rest)] }
    let found = log(arguments.joined(separator: " ").split(whereSeparator: \.isNewline).map(String.init))
    if !found.isEmpty { return found }
    guard Word(first) != nil else { throw .unknownKind(first, nearest: NearestName.to(first.lowercased(), among: names)) }
    return [try guess(words)]
  }

  /// Decodes every line of a log that is known.
  public func log(_ lines: [String]) -> [Decoding] {
    var reader = LogDecoder(self)
    return lines.flatMap { reader.read($0) } + reader.finish()
  }

  func logReaders() -> [any LogReader] { vocabularies.map { $0.logReader() } }

  // MARK: Kinds

  private var names: [String] {
    vocabularies.flatMap { vocabulary in
      vocabulary.structures.flatMap { [$0.name] + $0.aliases } + vocabulary.registers.map { $0.name.lowercased() }
    } + ["register"]
  }

  private func kind(named name: String) -> StructureKind? {
    let name = name.lowercased()
    return vocabularies.lazy.flatMap(\.structures).first { $0.name == name || $0.aliases.contains(name) }
  }

  private func decode(_ kind: StructureKind, _ name: String, _ words: [String]) throws(DecodeError) -> Decoding {
    let words = try Word.all(words)
    guard kind.wordCounts.contains(words.count) else { throw .wordCount(name, given: words.count, expected: kind.wordCounts) }
    return kind.decode(given: words)
  }

  private func guess(_ texts: [String]) throws(DecodeError) -> Decoding {
    let words = try Word.all(texts)
    let kinds = vocabularies.flatMap(\.structures)
    let candidates = kinds.filter { $0.guessedFrom.contains(words.count) }
    let decodings = candidates.map { $0.decode(given: words) }
    let sound = decodings.filter { $0.isPresent && $0.warnings.isEmpty }
    if sound.count == 1, let only = sound.first { return only }
    if decodings.count == 1, let only = decodings.first { return only }
    let possible = sound.isEmpty ? kinds.filter { $0.wordCounts.contains(words.count) }.map(\.name) : sound.map(\.kind)
    throw .ambiguous(words: words.count, kinds: possible + (words.count == 1 ? ["a register's name"] : []))
  }

  // MARK: Registers

  /// The register of a name, which may have an index behind it, as in `FRCD[1]`.
  private func register(named name: String) -> (any Vocabulary, RegisterDeclaration)? {
    let base = name.prefix { $0 != "[" }.uppercased()
    for vocabulary in vocabularies {
      if let register = vocabulary.registers.first(where: { $0.name.uppercased() == base }) { return (vocabulary, register) }
    }
    return nil
  }

  private func decode(register name: String, _ words: [String]) throws(DecodeError) -> Decoding {
    if let (vocabulary, register) = register(named: name) { return try decode(vocabulary, register, words) }
    guard let offset = Word(name)?.words, offset.count == 1, let offset = offset.first else {
      throw .unknownKind(name, nearest: NearestName.to(name.uppercased(), among: vocabularies.flatMap { $0.registers.map(\.name) }))
    }
    var nearest: (distance: UInt64, text: String)?
    for vocabulary in vocabularies {
      for register in vocabulary.registers {
        for place in vocabulary.offsets(of: register) {
          if place == offset { return try decode(vocabulary, register, words) }
          let distance = max(place, offset) - min(place, offset)
          if distance < nearest?.distance ?? .max { nearest = (distance, "0x" + String(place, radix: 16) + " (\(register.name))") }
        }
      }
    }
    throw .unknownOffset(name, nearest: nearest?.text ?? "none")
  }

  private func decode(_ vocabulary: any Vocabulary, _ register: RegisterDeclaration, _ texts: [String]) throws(DecodeError) -> Decoding {
    let words = try Word.all(texts)
    let count = max(register.width / 64, 1)
    guard words.count == count else { throw .wordCount(register.name, given: words.count, expected: count...count) }
    if register.width < 64, let word = words.first, word >> UInt64(register.width) != 0 {
      throw .notAWord(texts.joined(separator: " "), bits: register.width)
    }
    return vocabulary.decode(register, words)
  }
}

/// Decodes a log line by line.
public struct LogDecoder {
  private var readers: [any LogReader]

  /// A decoder of a log of any of the architectures that `decoder` knows.
  public init(_ decoder: Decoder) { readers = decoder.logReaders() }

  /// What is known once this line is there.
  public mutating func read(_ line: String) -> [Decoding] {
    var found: [Decoding] = []
    for index in readers.indices { found += readers[index].read(line) }
    return found
  }

  /// What was still waiting for further lines.
  public mutating func finish() -> [Decoding] {
    var found: [Decoding] = []
    for index in readers.indices { found += readers[index].finish() }
    return found
  }
}

/// A number as people write it: hexadecimal digits, with `0x` or without, `_` between them, as many words as it takes.
struct Word {
  /// The 64-bit words, lowest first.
  let words: [UInt64]

  init?(_ text: some StringProtocol) {
    let lowercase = text.lowercased()
    let digits = (lowercase.hasPrefix("0x") ? lowercase.dropFirst(2) : lowercase[...]).filter { $0 != "_" }
    guard !digits.isEmpty, digits.utf8.count <= 128, digits.utf8.allSatisfy(Self.isDigit) else { return nil }
    var words: [UInt64] = []
    var rest = digits[...]
    while !rest.isEmpty {
      guard let word = UInt64(rest.suffix(16), radix: 16) else { return nil }
      words.append(word)
      rest = rest.dropLast(16)
    }
    self.words = words
  }

  /// The words of several numbers, one behind the other.
  static func all(_ texts: [String]) throws(DecodeError) -> [UInt64] {
    var words: [UInt64] = []
    for text in texts {
      guard let word = Word(text) else { throw .notAWord(text, bits: 512) }
      words += word.words
    }
    return words
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
  }
}
