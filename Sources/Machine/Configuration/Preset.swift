import Hardware

/// A configuration that is shipped: a YAML file named as the part that it describes.
///
/// The first comment of the file says what the part is; the comment behind each value says where it comes from, and begins with its grade.
public struct Preset: Hashable, Sendable, CustomStringConvertible {
  /// How well a value is founded.
  public enum Grade: String, Hashable, Sendable, CaseIterable {
    /// Raw data of the part show it.
    case measured
    /// Somebody's publication or a public log of the part names it.
    case published
    /// Nothing public says so.
    case assumed
  }

  /// The grade of a value, and where it comes from.
  public struct Source: Hashable, Sendable {
    /// How well the value is founded.
    public let grade: Grade
    /// Where it comes from, in words.
    public let origin: String
  }

  /// The name, under which it is asked for.
  public let name: String
  /// The file, in full.
  public let text: String

  /// The preset that is used where none is asked for.
  public static let defaultName = "default"

  /// All presets, by name.
  public static let all: [Preset] = [
    Preset(name: defaultName, PackageResources.default_yaml),
    Preset(name: "sapphire-rapids", PackageResources.sapphire_rapids_yaml),
    Preset(name: "skylake-sp", PackageResources.skylake_sp_yaml),
    Preset(name: "unbounded", PackageResources.unbounded_yaml),
    Preset(name: "yardstick", PackageResources.yardstick_yaml),
  ]

  /// The preset of the given name, if there is one.
  public static func named(_ name: String) -> Preset? { all.first { $0.name == name } }

  private init(name: String, _ bytes: [UInt8]) {
    self.name = name
    text = String(decoding: bytes, as: UTF8.self)
  }

  /// The name.
  public var description: String { name }

  /// What the part is, in one line.
  public var summary: String {
    let line = text.split(separator: "\n", maxSplits: 1).first ?? ""
    return String(line.drop { $0 == "#" || $0 == " " })
  }

  /// The settings, whose places name the preset and the line.
  public func settings() throws(ConfigurationError) -> [ConfigurationSetting] {
    try ConfigurationDocument(text, name: "preset \(name)").settings
  }

  /// Where each value comes from, by key.
  public func sources() throws(ConfigurationError) -> [String: Source] {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    var sources: [String: Source] = [:]
    for setting in try settings() {
      guard let number = setting.place.split(separator: ":").last.flatMap({ Int($0) }), lines.indices.contains(number - 1) else { continue }
      sources[setting.key] = Self.source(in: lines[number - 1])
    }
    return sources
  }

  /// Reads `key: value  # grade: origin`.
  private static func source(in line: Substring) -> Source? {
    let comment = line.split(separator: "#", maxSplits: 1).dropFirst().first?.split(separator: ":", maxSplits: 1)
    guard let comment, comment.count == 2, let grade = Grade(rawValue: comment[0].filter { $0 != " " }) else { return nil }
    return Source(grade: grade, origin: String(comment[1].drop { $0 == " " }))
  }
}

extension ParameterDomain where Field == String {
  /// The name of a preset.
  static var presetName: Self {
    Self(alternatives(Preset.all.map(\.name)), parse: { Preset.named($0)?.name }, value: { .name($0) })
  }
}
