import Hardware

/// A register, structure, message or log line, taken apart.
public struct Decoding: Sendable, Hashable {
  /// A field with what it says.
  public struct Field: Sendable, Hashable {
    /// The name the specification uses.
    public let name: String
    /// Its bits, counted from bit 0 of the first word.
    public let bits: ClosedRange<Int>
    /// The number in it.
    public let value: UInt64
    /// What the number stands for, where that is not the number itself.
    public let reading: String?
    /// What the field means.
    public let meaning: String
    /// Whether hardware ignores the field.
    public let isIgnored: Bool
  }

  /// The architecture, as in `vtd`.
  public let architecture: String
  /// The kind, as a command names it: `pasid-entry`.
  public let kind: String
  /// The name the specification uses.
  public let name: String
  /// The words, first word first.
  public internal(set) var words: [UInt64]
  /// The bits of each word.
  public let wordWidth: Int
  /// The fields, lowest bit first.
  public var fields: [Field]
  /// All of it in one line.
  public var summary: String?
  /// What else there is to know.
  public var notes: [String] = []
  /// What should not be: reserved bits that are set, and what a unit would refuse.
  public var warnings: [String] = []
  /// The line of a log that it was found in.
  public var source: String?
  /// Whether it is in use at all; of what is not present nothing but the present bit counts.
  public var isPresent = true

  /// The value of the field of the given name.
  public subscript(name: String) -> UInt64? { fields.first { $0.name == name }?.value }

  /// Something without a layout, of which there is more to say than its bits.
  init(architecture: String, kind: String, name: String, words: [UInt64] = [], summary: String? = nil) {
    self.architecture = architecture
    self.kind = kind
    self.name = name
    self.words = words
    self.summary = summary
    wordWidth = 64
    fields = []
  }

  /// The words taken apart by a layout; reserved bits that are set become a warning.
  ///
  /// - Parameters:
  ///   - words: The words, first word first.
  ///   - layout: The fields.
  ///   - vocabulary: The architecture, which knows what exists and how fields are read.
  ///   - kind: The kind, as a command names it.
  ///   - isPresent: Whether reserved bits count at all.
  init(_ words: [UInt64], _ layout: any FieldTable, in vocabulary: some Vocabulary, kind: String, isPresent: Bool = true) {
    let decoded = layout.decode(words, identity: vocabulary.identity)
    architecture = vocabulary.architecture
    self.kind = kind
    name = layout.name
    self.words = words
    wordWidth = min(layout.width, 64)
    self.isPresent = isPresent
    fields = decoded.fields.sorted { $0.bits.lowerBound < $1.bits.lowerBound }.map { field in
      let reading = field.symbol ?? vocabulary.reading(of: field.name, in: layout.name)?.text(field.value, bits: field.bits)
      return Field(
        name: field.name, bits: field.bits, value: field.value, reading: reading, meaning: field.meaning,
        isIgnored: field.name == "IGN")
    }
    if isPresent { warn(ofReserved: decoded.reservedBits) }
  }

  /// Adds a warning that names the reserved bits which are set, if there are any.
  mutating func warn(ofReserved bits: [Int]) {
    guard let first = bits.first else { return }
    var runs = [first...first]
    for bit in bits.dropFirst() {
      if let last = runs.last, last.upperBound == bit - 1 {
        runs[runs.count - 1] = last.lowerBound...bit
      } else {
        runs.append(bit...bit)
      }
    }
    let names = runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.upperBound):\($0.lowerBound)" }.joined(separator: ", ")
    warnings.append(bits.count == 1 ? "reserved bit \(names) is set" : "reserved bits \(names) are set")
  }
}
