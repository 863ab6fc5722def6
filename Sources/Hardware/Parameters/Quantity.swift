extension BinaryInteger {
  /// The number in decimal with a comma between groups of three digits, as in `1,234,567`.
  public var grouped: String {
    let digits = String(magnitude)
    var text = self < 0 ? "-" : ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.utf8.count - index).isMultiple(of: 3) { text.append(",") }
      text.append(digit)
    }
    return text
  }

  /// The number with what it counts, as in `1 entry` or `1,024 entries`; `plural` ends in s.
  public func counted(_ plural: String) -> String {
    guard self == 1 else { return "\(grouped) \(plural)" }
    return "1 " + (plural.hasSuffix("ies") ? plural.dropLast(3) + "y" : plural.dropLast())
  }
}
