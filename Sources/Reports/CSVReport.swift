import Replay

/// The result of a replay as a table of two columns: one row for each figure of the JSON report, under the path of its keys.
///
///     metric,value
///     requests.total,45104
///     caches.iotlb.hit_rate,0.681780
///     by_requester.00:04.0.mean_ns,12.345
///
/// A list of requesters or PASIDs is keyed by whom each element describes, any other list by position, counted from 0.
public enum CSVReport {
  /// The report, with a header.
  public static func text(_ result: ReplayResult) -> String {
    var rows = ["metric,value"]
    add(JSONReport.value(result), path: "", to: &rows)
    return rows.joined(separator: "\n") + "\n"
  }

  private static func add(_ value: JSONValue, path: String, to rows: inout [String]) {
    func below(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
    switch value {
    case .object(let members):
      for member in members { add(member.value, path: below(member.key), to: &rows) }
    case .array(let elements):
      for (position, element) in elements.enumerated() {
        add(element, path: below(subject(of: element) ?? String(position)), to: &rows)
      }
    case .string(let string): rows.append("\(quoted(path)),\(quoted(string))")
    case .integer, .decimal, .flag, .null: rows.append("\(quoted(path)),\(value == .null ? "" : value.text)")
    }
  }

  private static func subject(of element: JSONValue) -> String? {
    guard case .object(let members) = element, let first = members.first, ["requester", "pasid"].contains(first.key) else { return nil }
    if case .string(let name) = first.value { return name }
    return first.value.text
  }

  private static func quoted(_ text: String) -> String {
    guard text.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return text }
    return "\"" + text.replacing("\"", with: "\"\"") + "\""
  }
}
