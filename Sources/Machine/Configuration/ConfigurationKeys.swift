import Hardware

/// The keys that a configuration may have.
enum ConfigurationKeys {
  private static let parameters = Dictionary(
    MachineConfiguration.parameters.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })

  /// The sections, as in `iotlb` and `iotlb.medium`.
  private static let sections = Set(
    MachineConfiguration.parameters.flatMap { parameter in
      let words = parameter.key.split(separator: ".")
      return (1..<words.count).map { words.prefix($0).joined(separator: ".") }
    })

  /// Whether the key is one of a section of further keys.
  static func isSection(_ key: String) -> Bool { sections.contains(key) }

  /// The parameter of the given key.
  ///
  /// - Throws: An error at `place` that names what may have been meant.
  static func parameter(_ key: String, at place: String) throws(ConfigurationError) -> Parameter<MachineConfiguration> {
    if let parameter = parameters[key] { return parameter }
    if isSection(key) {
      let members = MachineConfiguration.parameters.map(\.key).filter { $0.hasPrefix(key + ".") }
      throw ConfigurationError(place: place, "'\(key)' is a section; its keys are \(members.joined(separator: ", "))")
    }
    try refuse(key, at: place)
  }

  /// Throws the error of a key that is neither a parameter's nor a section's.
  static func refuse(_ key: String, at place: String) throws(ConfigurationError) -> Never {
    let known = MachineConfiguration.parameters.map(\.key) + sections.sorted()
    let nearest = NearestName.to(key, among: known).map { "; did you mean '\($0)'?" } ?? ""
    throw ConfigurationError(place: place, "unknown key '\(key.prefix(100))'\(nearest)")
  }
}
