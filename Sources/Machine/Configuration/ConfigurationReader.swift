import Compression
import Hardware

/// Makes a configuration of a preset, a file and single settings, each of which overrides what came before it.
public struct ConfigurationReader {
  /// The longest file, in bytes.
  static let maximumFileSize = 1 << 20

  private var configuration = MachineConfiguration()
  /// Where each key was set last.
  private var places: [String: String] = [:]
  /// The keys in the order in which they were set, the last last.
  private var order: [String] = []

  /// The configuration that a file and single settings ask for, beginning with the preset that they name.
  ///
  /// - Parameters:
  ///   - file: The path of a YAML file, if there is one.
  ///   - settings: Further settings, which override the file's.
  public static func read(file: String? = nil, settings: [ConfigurationSetting] = []) throws(ConfigurationError) -> MachineConfiguration {
    let document = if let file { try ConfigurationDocument(text(of: file), name: file).settings } else { [ConfigurationSetting]() }
    return try read(document + settings)
  }

  /// The configuration that a YAML text asks for; `name` is what errors call it.
  public static func read(yaml: String, name: String) throws(ConfigurationError) -> MachineConfiguration {
    try read(ConfigurationDocument(yaml, name: name).settings)
  }

  private static func read(_ settings: [ConfigurationSetting]) throws(ConfigurationError) -> MachineConfiguration {
    var reader = ConfigurationReader()
    let preset = settings.last { $0.key == "preset" } ?? ConfigurationSetting(key: "preset", text: Preset.defaultName, place: "")
    try reader.apply(preset)
    for setting in try Preset.named(reader.configuration.preset)?.settings() ?? [] { try reader.apply(setting) }
    for setting in settings where setting.key != "preset" { try reader.apply(setting) }
    try reader.check()
    return reader.configuration
  }

  private mutating func apply(_ setting: ConfigurationSetting) throws(ConfigurationError) {
    let parameter = try ConfigurationKeys.parameter(setting.key, at: setting.place)
    do {
      try parameter.set(setting.text, &configuration)
    } catch {
      throw ConfigurationError(place: setting.place, "\(setting.key): \(error)")
    }
    places[setting.key] = setting.place
    order.append(setting.key)
  }

  /// Refuses values that do not go together, at the place where the last of them was set.
  private func check() throws(ConfigurationError) {
    guard let (key, problem) = configuration.problems.first else { return }
    let last = order.last { $0 == key || $0.hasPrefix(key + ".") && !$0.dropFirst(key.count + 1).contains(".") }
    throw ConfigurationError(place: last.flatMap { places[$0] } ?? "", "\(key): \(problem)")
  }

  private static func text(of path: String) throws(ConfigurationError) -> String {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: maximumFileSize + 1, alignment: 1)
    defer { bytes.deallocate() }
    var count = 0
    do throws(StreamError) {
      let file = try InputFile(path: path)
      var isAtEnd = false
      while !isAtEnd, count < bytes.count {
        let read = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[count...]))
        count += read
        isAtEnd = read == 0
      }
    } catch {
      throw ConfigurationError("\(error)")
    }
    guard count <= maximumFileSize else { throw ConfigurationError(place: path, "longer than \(maximumFileSize) bytes") }
    return String(decoding: bytes[..<count], as: UTF8.self)
  }
}
