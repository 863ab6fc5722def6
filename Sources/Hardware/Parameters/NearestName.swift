/// Finds what somebody who mistyped a name meant.
public enum NearestName {
  /// The name of the fewest edits (a character inserted, removed, replaced, or swapped with the next) away from `name`; the first of several.
  public static func to(_ name: String, among names: [String]) -> String? {
    names.min { distance($0, name) < distance($1, name) }
  }

  /// How many edits lead from one string to the other.
  static func distance(_ left: String, _ right: String) -> Int {
    let left = Array(left.utf8.prefix(200)), right = Array(right.utf8.prefix(200))
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for row in left.indices {
      var current = [row + 1]
      for column in right.indices {
        let replaced = last[column] + (left[row] == right[column] ? 0 : 1)
        var edits = min(replaced, last[column + 1] + 1, current[column] + 1)
        if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
          edits = min(edits, beforeLast[column - 1] + 1)
        }
        current.append(edits)
      }
      (beforeLast, last) = (last, current)
    }
    return last[right.count]
  }
}
