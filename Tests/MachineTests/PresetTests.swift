import Foundation
import Machine
import Testing

@Suite("Presets") struct PresetTests {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Sources/Machine/Presets").standardized

  @Test("Every file of the folder is a preset, under its name")
  func complete() throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
    #expect(files.sorted() == Preset.all.map { $0.name + ".yaml" }.sorted())
  }

  @Test("A preset is read, and says what it is", arguments: Preset.all)
  func readable(preset: Preset) throws {
    let configuration = try ConfigurationReader.read(settings: [ConfigurationSetting(key: "preset", text: preset.name, place: "test")])
    #expect(configuration.preset == preset.name)
    #expect(configuration.problems.isEmpty)
    #expect(preset.summary.count > 20)
    #expect(preset.text.hasPrefix("# " + preset.summary))
  }

  @Test("Every value that describes the IOMMU is set, with its grade and source", arguments: Preset.all)
  func sources(preset: Preset) throws {
    let software = ["preset", "endpoints", "driver", "mapping", "replay", "layout", "seed"]
    let keys = MachineConfiguration.parameters.map(\.key).filter { key in
      !software.contains(String(key.prefix { $0 != "." })) && !key.hasPrefix("vtd.choices.")
    }
    #expect(try preset.sources().keys.sorted() == keys.sorted())
    #expect(try preset.sources().values.allSatisfy { !$0.origin.isEmpty })
  }
}
