/// How many cases came to what, by file and category.
public struct Tally: Hashable, Sendable {
  /// Numbers of cases.
  public struct Count: Hashable, Sendable {
    /// Run, and everything was right.
    public var passed = 0
    /// Run, and something was wrong.
    public var failed = 0
    /// Not run, by the reason.
    public var skipped: [CaseResult.SkipReason: Int] = [:]

    /// Not run.
    public var skippedInAll: Int { skipped.values.reduce(0, +) }
  }

  private struct Row: Hashable {
    var path: String
    var category: String
  }

  /// All cases.
  public private(set) var total = Count()
  private var rows: [Row: Count] = [:]
  private var order: [Row] = []

  /// Nothing yet.
  public init() {}

  /// Counts a case.
  public mutating func add(_ result: CaseResult, path: String) {
    let row = Row(path: path, category: result.header.category)
    if rows[row] == nil { order.append(row) }
    total.add(result)
    rows[row, default: Count()].add(result)
  }

  /// The numbers of the categories that a condition selects, over all files.
  public func counts(where selects: (String) -> Bool) -> Count {
    var sum = Count()
    for (row, count) in rows where selects(row.category) {
      sum.passed += count.passed
      sum.failed += count.failed
      sum.skipped.merge(count.skipped, uniquingKeysWith: +)
    }
    return sum
  }

  /// The last line: `N passed, M failed, K skipped`.
  public var totals: String { "\(total.passed) passed, \(total.failed) failed, \(total.skippedInAll) skipped" }

  /// A table by file and category, in lines; categories in alphabetical order, then why cases were skipped.
  public var table: [String] {
    var paths: [String] = []
    for row in order where !paths.contains(row.path) { paths.append(row.path) }
    let width = order.map(\.category.count).max() ?? 0
    var lines: [String] = []
    for path in paths {
      let heading = "category".padded(to: width)
      lines += ["", path, "  \(heading)  passed  failed  skipped"]
      for row in order.filter({ $0.path == path }).sorted(by: { $0.category < $1.category }) {
        guard let count = rows[row] else { continue }
        let numbers = [(count.passed, 6), (count.failed, 6), (count.skippedInAll, 7)]
          .map { String($0.0).aligned(to: $0.1) }.joined(separator: "  ")
        let why = count.skipped.keys.map(\.description).sorted().joined(separator: ", ")
        lines.append("  \(row.category.padded(to: width))  \(numbers)" + (why.isEmpty ? "" : "  \(why)"))
      }
    }
    return lines.isEmpty ? [] : lines + [""]
  }
}

extension Tally.Count {
  fileprivate mutating func add(_ result: CaseResult) {
    if let reason = result.skipped {
      skipped[reason, default: 0] += 1
    } else if result.failures.isEmpty {
      passed += 1
    } else {
      failed += 1
    }
  }
}

extension String {
  fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
  fileprivate func aligned(to width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
