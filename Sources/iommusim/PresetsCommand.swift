import ArgumentParser
import Machine

/// `iommusim presets`: the machines that are shipped.
struct PresetsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "presets", abstract: "List the presets, or show all settings of one, with their meanings and sources.",
    discussion: """
      What is shown of a preset is a configuration file: it can be changed and given to --config. The grade behind a value says how well it is \
      founded: measured, published or assumed.
      """)

  @Argument(help: "The preset to show.")
  var name: String?

  mutating func run() throws {
    if let name { try show(name) } else { try list() }
  }

  private func list() throws {
    let width = Preset.all.map(\.name.count).max() ?? 0
    let lines = Preset.all.map { $0.name + String(repeating: " ", count: width - $0.name.count + 2) + $0.summary + "\n" }
    try ResultOutput.write(lines.joined(), to: nil)
  }

  private func show(_ name: String) throws {
    let setting = ConfigurationSetting(key: "preset", text: name, place: "")
    let configuration = try ConfigurationReader.read(settings: [setting])
    let preset = Preset.named(name)
    let sources = try preset?.sources() ?? [:]
    try ResultOutput.write("# \(preset?.summary ?? name)\n" + configuration.listing(sources: sources), to: nil)
  }
}
