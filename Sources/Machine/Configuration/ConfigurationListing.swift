import Hardware

extension MachineConfiguration {
  /// The whole configuration as YAML that can be read back, each value with what it means and what it may be.
  ///
  /// - Parameter sources: Where values come from, by key; they are written behind the values.
  public func listing(sources: [String: Preset.Source] = [:]) -> String {
    var lines: [String] = []
    var open: [Substring] = []
    for parameter in Self.parameters {
      let words = parameter.key.split(separator: ".")
      let sections = words.dropLast()
      let shared = zip(open, sections).prefix { $0 == $1 }.count
      for (depth, section) in sections.enumerated().dropFirst(shared) { lines.append(Self.indent(depth) + section + ":") }
      open = Array(sections)
      let indent = Self.indent(sections.count)
      lines.append("\(indent)# \(parameter.meaning): \(parameter.expectation)")
      let value = "\(indent)\(words.last ?? ""): \(parameter.value(self))"
      lines.append(sources[parameter.key].map { Self.padded(value, to: 36) + "  # \($0.grade.rawValue): \($0.origin)" } ?? value)
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func indent(_ depth: Int) -> String { String(repeating: "  ", count: depth) }

  private static func padded(_ text: String, to width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.utf8.count))
  }
}
