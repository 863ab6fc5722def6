/// What an importer found in a log.
public struct ImportSummary: Equatable, Sendable, CustomStringConvertible {
  /// How many lines the log has.
  public var lines = 0
  /// How many lines there were of each event that was understood, by name.
  public var events: [String: Int] = [:]
  /// How many lines there were of each event that was passed over, by name.
  public var otherEvents: [String: Int] = [:]
  /// How many lines are no events.
  public var otherLines = 0
  /// How many records of each operation were made.
  public var records: [TraceOperation: Int] = [:]

  /// The summary in a few lines of text.
  public var description: String {
    func list(_ counts: [String: Int]) -> String {
      counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "  \($0.value) \($0.key)\n" }.joined()
    }
    let operations = TraceOperation.allCases.compactMap { operation in records[operation].map { "\($0) \(operation.name)" } }
    return """
      \(lines) lines; records: \(operations.joined(separator: ", "))
      events understood:
      \(list(events))events passed over:
      \(list(otherEvents))other lines: \(otherLines)
      """
  }
}

/// Counts names without making a string for each occurrence.
struct NameCounter {
  private var counts: [UInt64: (name: String, count: Int)] = [:]

  mutating func count(_ name: UnsafeRawBufferPointer) {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in name { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    counts[hash, default: (String(decoding: name, as: UTF8.self), 0)].count += 1
  }

  var byName: [String: Int] { Dictionary(counts.values.map { ($0.name, $0.count) }, uniquingKeysWith: +) }
}
