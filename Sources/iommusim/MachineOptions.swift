import ArgumentParser
import Machine

/// The options that choose a machine.
struct MachineOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Begin with a preset; 'iommusim presets' lists them.", valueName: "name"))
  var preset: String?

  @Option(help: ArgumentHelp("Read settings from a YAML file, on top of the preset.", valueName: "file"))
  var config: String?

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp("Make one setting, on top of preset and file; may be given several times.", valueName: "key.path=value"))
  var settings: [String] = []

  @Option(help: ArgumentHelp("The IOMMU's architecture: vtd.", valueName: "architecture"))
  var iommu: String?

  @Option(help: ArgumentHelp("The seed of all that is random.", valueName: "number"))
  var seed: String?

  /// The machine that the options ask for.
  func machine() throws(ConfigurationError) -> MachineConfiguration {
    let flags = [("preset", preset), ("iommu", iommu), ("seed", seed)].compactMap { key, text in
      text.map { ConfigurationSetting(key: key, text: $0, place: "--\(key) \($0)") }
    }
    var single: [ConfigurationSetting] = []
    for setting in settings { single.append(try ConfigurationSetting(argument: setting)) }
    return try ConfigurationReader.read(file: config, settings: flags + single)
  }
}
