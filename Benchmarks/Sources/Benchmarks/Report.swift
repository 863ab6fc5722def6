import Foundation

/// What all benchmarks found.
struct Report: Encodable {
  let schema = "iommusim-benchmarks/1"
  var rounds: Int
  var benchmarks: [Measurement]

  private enum CodingKeys: String, CodingKey {
    case schema, rounds, benchmarks
  }

  /// One JSON object.
  func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }

  /// The first line of a table of text.
  static let heading = line("", "Swift ns", "C ns", "ratio", "middle half", "limit", "")

  /// The lines of one benchmark in the table.
  static func text(_ measurement: Measurement) -> String {
    let ratio = measurement.ratio
    var lines = [
      line(
        measurement.name, number(measurement.swiftNs.median), number(measurement.cNs.median), number(ratio.median),
        "\(number(ratio.lowerQuartile)) - \(number(ratio.upperQuartile))", measurement.ratioLimit.map(number) ?? "", measurement.summary)
    ]
    for fact in measurement.facts {
      lines.append(line("  " + fact.name, number(fact.value), "", "", "", fact.limit.map(number) ?? "", ""))
    }
    return lines.joined(separator: "\n")
  }

  private static func line(
    _ name: String, _ swift: String, _ c: String, _ ratio: String, _ spread: String, _ limit: String, _ summary: String
  ) -> String {
    let columns = [
      name.padding(toLength: 24, withPad: " ", startingAt: 0), right(swift, 9), right(c, 8), right(ratio, 7), right(spread, 15),
      right(limit, 8), "  " + summary,
    ]
    var line = columns.joined()
    while line.last == " " { line.removeLast() }
    return line
  }

  private static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(1, width - text.count)) + text
  }

  private static func number(_ value: Double) -> String { String(format: "%.2f", value) }
}
