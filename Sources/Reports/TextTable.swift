/// A table of text for a terminal: columns aligned, some to the left (the first, if nothing else is said), the others to the right.
struct TextTable {
  private var rows: [[String]] = []
  private let leftAligned: Set<Int>

  init(leftAligned: Set<Int> = [0]) { self.leftAligned = leftAligned }

  mutating func add(_ cells: [String]) { rows.append(cells) }

  /// The lines, each with two spaces between columns.
  var lines: [String] {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
    return rows.map { row in
      var line = row.enumerated().map { column, cell in
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        return leftAligned.contains(column) ? cell + padding : padding + cell
      }.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line
    }
  }
}
