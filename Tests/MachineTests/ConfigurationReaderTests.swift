import Hardware
import Machine
import Testing

@Suite("Reading configurations") struct ConfigurationReaderTests {
  func complaint(about yaml: String) -> String? {
    do throws(ConfigurationError) {
      _ = try ConfigurationReader.read(yaml: yaml, name: "m.yaml")
      return nil
    } catch {
      return error.description
    }
  }

  func setting(_ arguments: String...) throws -> MachineConfiguration {
    try ConfigurationReader.read(settings: arguments.map { try ConfigurationSetting(argument: $0) })
  }

  @Test("A file overrides its preset, and a setting the file")
  func layers() throws {
    let preset = try ConfigurationReader.read(yaml: "preset: yardstick", name: "m.yaml")
    #expect(preset.translation.iotlb.geometry == CacheGeometry(entries: 64, ways: 8))
    let file = try ConfigurationReader.read(yaml: "iotlb:\n  entries: 32\npreset: yardstick\n", name: "m.yaml")
    #expect(file.preset == "yardstick")
    #expect(file.translation.iotlb.geometry == CacheGeometry(entries: 32, ways: 8))
    #expect(try setting("preset=yardstick", "iotlb.ways=4").translation.iotlb.geometry == CacheGeometry(entries: 64, ways: 4))
  }

  @Test("The last of two settings of one key counts")
  func lastSetting() throws {
    #expect(try setting("seed=3", "seed=4").seed == 4)
  }

  @Test("Sections may be written with points")
  func dotted() throws {
    let configuration = try ConfigurationReader.read(yaml: "iotlb.medium: {entries: 8, ways: 2}", name: "m.yaml")
    #expect(configuration.translation.iotlb.medium == CacheGeometry(entries: 8, ways: 2))
  }

  @Test("A file without settings changes nothing", arguments: ["", "# nothing\n", "---\n", "{}"])
  func empty(yaml: String) throws {
    #expect(try ConfigurationReader.read(yaml: yaml, name: "m.yaml") == ConfigurationReader.read())
  }

  @Test(
    "An unknown key names the nearest known one",
    arguments: [
      ("iotbl.entries: 4", "m.yaml:1: unknown key 'iotbl.entries'; did you mean 'iotlb.entries'?"),
      ("\nmemory:\n  latency: 4", "m.yaml:3: unknown key 'memory.latency'; did you mean 'memory.latency_ns'?"),
      ("iotlb:\n  entires: 4", "m.yaml:2: unknown key 'iotlb.entires'; did you mean 'iotlb.entries'?"),
      ("iotbl: {entries: 4}", "m.yaml:1: unknown key 'iotbl'; did you mean 'iotlb'?"),
    ])
  func unknownKey(yaml: String, message: String) {
    #expect(complaint(about: yaml) == message)
  }

  @Test(
    "A value that cannot be names its line and what was expected",
    arguments: [
      ("seed: 1\nwalkers: {count: many}", "m.yaml:2: walkers.count: expected an integer from 0 to 65536, or unlimited, got 'many'"),
      ("iotlb: 5", "m.yaml:1: 'iotlb' is a section; its keys are iotlb.entries, iotlb.ways, iotlb.replacement, iotlb.shared,"),
      ("seed: [1, 2]", "m.yaml:1: seed: expected an integer from 0 to 18446744073709551615, found a list or a mapping"),
      ("seed: {a: 2}", "m.yaml:1: seed: expected an integer from 0 to 18446744073709551615, found a list or a mapping"),
      ("translation.stages: both", "m.yaml:1: translation.stages: expected legacy, second, first, nested or passthrough, got 'both'"),
      ("iommu: smmuv3", "m.yaml:1: iommu: 'smmuv3' is not modelled yet; expected vtd"),
      ("preset: skylake", "m.yaml:1: preset: expected default, sapphire-rapids, skylake-sp, unbounded or yardstick, got 'skylake'"),
      ("- 1\n- 2", "m.yaml:1: expected settings, each as key: value"),
      ("5", "m.yaml:1: expected settings, each as key: value"),
      ("? [1]\n: 2", "m.yaml:1: expected a key, found a list or a mapping"),
    ])
  func wrongValue(yaml: String, message: String) throws {
    let error = try #require(complaint(about: yaml))
    #expect(error.hasPrefix(message), "\(error)")
  }

  @Test("A key set twice is refused", arguments: ["iotlb:\n  ways: 4\n  ways: 4", "iotlb: {ways: 4}\niotlb.ways: 4"])
  func twice(yaml: String) throws {
    #expect(try #require(complaint(about: yaml)).contains("set twice"))
  }

  @Test(
    "What is not YAML names its line",
    arguments: ["a: [1\nb: 2", "a: 'x", "a:\n\t- b", "a: b: c", "a: 1\n---\nb: 2", "%YAML 9", "\u{1}", "a: &x *y"])
  func notYAML(yaml: String) throws {
    let error = try #require(complaint(about: yaml))
    #expect(error.hasPrefix("m.yaml:"), "\(error)")
    #expect(error.contains("not YAML"), "\(error)")
    #expect(!error.contains("\n"))
  }

  @Test("Aliases that unfold without end, and nesting without end, are refused at once")
  func unfolding() throws {
    let aliases = (1...40).reduce("x0: &x0 {a: 1}\n") { text, n in text + "x\(n): &x\(n) {a: *x\(n - 1), b: *x\(n - 1)}\n" }
    #expect(try #require(complaint(about: aliases)).contains("unknown key"))
    #expect(try #require(complaint(about: String(repeating: "[", count: 100_000))).contains("not YAML"))
    #expect(try #require(complaint(about: "a: " + String(repeating: "- ", count: 100_000))).contains("not YAML"))
  }

  @Test(
    "Values that do not go together are refused where the last of them was set",
    arguments: [
      ("iotlb:\n  entries: 60\n  ways: 8", "m.yaml:3: iotlb: 60 entries do not divide into sets of 8 ways"),
      ("iotlb:\n  ways: 8\n  entries: unlimited", "m.yaml:3: iotlb: a cache without limit has no ways"),
      (
        "context_cache: {entries: 12, ways: 3, replacement: plru}",
        "m.yaml:1: context_cache: tree pseudo-LRU needs a power of two as ways, got 3"
      ),
      ("paging_structure_caches.level3.ways: 64", "m.yaml:1: paging_structure_caches.level3: expected 1 to 32 ways, got 64"),
      ("preset: skylake-sp\ntranslation.stages: second", "m.yaml:2: translation.stages: second needs ECAP.SMTS and ECAP.SSTS"),
      ("preset: skylake-sp\ntranslation.stages: first", "m.yaml:2: translation.stages: first needs ECAP.SMTS and ECAP.FSTS"),
      (
        "vtd.extended_capability: 0x3fef9ea2f0efdf\ntranslation.stages: nested",
        "m.yaml:2: translation.stages: nested needs ECAP.SMTS, ECAP.FSTS, ECAP.SSTS and ECAP.NEST"
      ),
      (
        "preset: sapphire-rapids\ntranslation: {stages: first, first_levels: 5}",
        "m.yaml:2: translation.first_levels: CAP.FS5LP has no first stage of 5 levels"
      ),
      (
        "vtd.capability: 0xf8ed008cee780c66\ntranslation.stages: first\nmapping.page_size: 1g",
        "m.yaml:3: mapping.page_size: CAP.FS1GP has no first-stage pages of 1g"
      ),
      (
        "vtd.capability: 0xf9ed0080ee780c66\ntranslation.stages: nested\nmapping.guest_page: 2m",
        "m.yaml:3: mapping.guest_page: CAP.SSLPS has no second-stage pages of 2m"
      ),
      (
        "vtd.extended_capability: 0x3fef9ea6f0efdb\nendpoints.device_tlb.enabled: true",
        "m.yaml:2: endpoints.device_tlb.enabled: ECAP.DT says that the unit serves none"
      ),
      ("endpoints.page_requests.enabled: true", "m.yaml:1: endpoints.page_requests.enabled: page requests need a device-TLB"),
      (
        "endpoints: {device_tlb: {enabled: true}, page_requests: {enabled: true}}\ntranslation.stages: legacy",
        "m.yaml:1: endpoints.page_requests.enabled: page requests need scalable mode and ECAP.PRS"
      ),
      ("endpoints.device_tlb.ways: 7", "m.yaml:1: endpoints.device_tlb: 64 entries do not divide into sets of 7 ways"),
      ("vtd.extended_capability: 0\ntranslation.stages: passthrough", "m.yaml:2: translation.stages: passthrough needs ECAP.PT"),
      ("vtd.capability: 0x0", "m.yaml:1: vtd.capability: SAGAW names no second-stage width"),
      ("translation.levels: 3", "m.yaml:1: translation.levels: CAP.SAGAW has no second stage of 3 levels"),
      ("vtd.capability: 0xc00\nmapping.page_size: 2m", "m.yaml:2: mapping.page_size: CAP.SSLPS has no second-stage pages of 2m"),
      (
        "vtd.capability: 0x400000c00\nmapping.largest_page: 1g", "m.yaml:2: mapping.largest_page: CAP.SSLPS has no second-stage pages of 1g"
      ),
    ])
  func impossible(yaml: String, message: String) throws {
    let error = try #require(complaint(about: yaml))
    #expect(error.hasPrefix(message), "\(error)")
  }

  @Test("A setting that cannot be is named as it was given")
  func settingErrors() {
    #expect(throws: ConfigurationError(place: "--set iotlb.entries", "expected key=value")) { try setting("iotlb.entries") }
    #expect(throws: ConfigurationError(place: "--set =4", "expected key=value")) { try setting("=4") }
    #expect(throws: ConfigurationError(place: "--set sede=4", "unknown key 'sede'; did you mean 'seed'?")) { try setting("sede=4") }
    #expect(throws: ConfigurationError(place: "--set iotlb.ways=7", "iotlb: 128 entries do not divide into sets of 7 ways")) {
      try setting("iotlb.ways=7")
    }
  }

  @Test("A file that cannot be read is named with the reason")
  func unreadable() {
    #expect(throws: ConfigurationError("/nowhere/m.yaml: No such file or directory")) {
      try ConfigurationReader.read(file: "/nowhere/m.yaml")
    }
    #expect(throws: ConfigurationError("/: is a directory, expected a file")) { try ConfigurationReader.read(file: "/") }
    #expect(throws: ConfigurationError(place: "/dev/zero", "longer than 1048576 bytes")) { try ConfigurationReader.read(file: "/dev/zero") }
  }

  @Test("The listing of a configuration reads back as the same configuration", arguments: Preset.all.map(\.name))
  func listing(preset: String) throws {
    var configuration = try setting("preset=\(preset)", "seed=77", "memory.latency_ns=80.125", "driver.invalidation=lazy")
    configuration.translation.iotlb.geometry.policy = .firstInFirstOut
    #expect(try ConfigurationReader.read(yaml: configuration.listing(), name: "listing") == configuration)
  }
}
