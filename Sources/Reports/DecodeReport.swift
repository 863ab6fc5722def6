import Hardware
import Inspection

/// Registers, structures and log lines taken apart, for people and for programs.
public enum DecodeReport {
  /// The schema that the JSON form names: its keys are only ever added to.
  public static let schema = "iommusim.decode/1"

  // MARK: Text

  /// The decodings as text, an empty line between them.
  public static func text(_ decodings: [Decoding]) -> String {
    decodings.map { lines($0).joined(separator: "\n") + "\n" }.joined(separator: "\n")
  }

  /// One decoding: what it is, all of it in a line, its fields, warnings and notes.
  private static func lines(_ decoding: Decoding) -> [String] {
    let words = decoding.words.map { JSONValue.hexadecimal($0, digits: decoding.wordWidth / 4) }
    var lines = decoding.source.map { $0.split(separator: "\n").map { "> \($0)" } } ?? []
    lines.append(decoding.fields.isEmpty || words.isEmpty ? decoding.name : "\(decoding.name): \(words.joined(separator: " "))")
    if let summary = decoding.summary { lines.append("  \(summary)") }
    lines += decoding.warnings.map { "  warning: \($0)" }
    let shown = decoding.fields.filter { !$0.isIgnored || $0.value != 0 }
    if !shown.isEmpty {
      var table = TextTable(leftAligned: [1, 2, 3, 4])
      table.add(["bits", "field", "value", "reads", "meaning"])
      for field in shown {
        table.add([bits(field.bits), field.name, value(field), field.reading ?? "", field.meaning])
      }
      lines += table.lines.map { "  \($0)" }
    }
    return lines + decoding.notes.map { "  note: \($0)" }
  }

  private static func bits(_ bits: ClosedRange<Int>) -> String {
    bits.count == 1 ? "\(bits.lowerBound)" : "\(bits.upperBound):\(bits.lowerBound)"
  }

  private static func value(_ field: Decoding.Field) -> String {
    field.bits.count == 1 ? "\(field.value)" : JSONValue.hexadecimal(field.value, digits: 1)
  }

  /// What can be decoded: the kinds, and the registers with their offsets and meanings.
  public static func list(
    _ kinds: [(architecture: String, name: String, meaning: String)], registers: [RegisterDeclaration]
  ) -> String {
    var table = TextTable(leftAligned: [0, 1])
    for kind in kinds { table.add([kind.name, kind.meaning]) }
    var list = TextTable(leftAligned: [0, 2])
    for register in registers {
      let offset = if case .constant(let offset) = register.offset { JSONValue.hexadecimal(offset, digits: 3) } else { "" }
      list.add([register.name, offset, register.meaning])
    }
    return (table.lines + [""] + list.lines).joined(separator: "\n") + "\n"
  }

  // MARK: JSON

  /// The decodings as a JSON document.
  public static func json(_ decodings: [Decoding]) -> String {
    let document = JSONValue.object([.init("schema", .string(schema)), .init("decoded", .array(decodings.map(value)))])
    return document.text + "\n"
  }

  private static func value(_ decoding: Decoding) -> JSONValue {
    .object([
      .init("architecture", .string(decoding.architecture)), .init("kind", .string(decoding.kind)), .init("name", .string(decoding.name)),
      .init("words", .array(decoding.words.map { .word($0, digits: decoding.wordWidth / 4) })),
      .init("line", decoding.source.map { .string($0) } ?? .null),
      .init("summary", decoding.summary.map { .string($0) } ?? .null),
      .init("present", .flag(decoding.isPresent)),
      .init("fields", .array(decoding.fields.map(value))),
      .init("warnings", .array(decoding.warnings.map { .string($0) })),
      .init("notes", .array(decoding.notes.map { .string($0) })),
    ])
  }

  private static func value(_ field: Decoding.Field) -> JSONValue {
    .object([
      .init("name", .string(field.name)), .init("low_bit", .integer(UInt64(field.bits.lowerBound))),
      .init("high_bit", .integer(UInt64(field.bits.upperBound))), .init("value", .word(field.value, digits: 1)),
      .init("reading", field.reading.map { .string($0) } ?? .null), .init("meaning", .string(field.meaning)),
    ])
  }
}
