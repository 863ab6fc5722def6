import Hardware
import Translation
import VTdArchitecture

/// Everything that a machine is built from: one plain value, made of the parameter structs of the targets that use them.
public struct MachineConfiguration: Hashable, Sendable {
  /// The IOMMU architectures.
  public enum IOMMU: String, Hashable, Sendable, CaseIterable {
    /// Intel VT-d.
    case vtd
  }

  /// How the address spaces of a replay are translated.
  public enum Stages: String, Hashable, Sendable, CaseIterable {
    /// Second stage through legacy root and context entries.
    case legacy
    /// Second stage through scalable-mode PASID entries.
    case second
    /// First stage through PASID entries: the address spaces of processes.
    case first
    /// Both stages: the driver's first stage in the memory of a guest that the second stage provides.
    case nested
    /// Pass-through: no translation.
    case passThrough = "passthrough"
  }

  /// The preset that the configuration began with.
  public var preset = Preset.defaultName
  /// The architecture of the IOMMU.
  public var iommu = IOMMU.vtd
  /// How address spaces are translated.
  public var stages = Stages.second
  /// The levels of second-stage tables, 3 to 5; `nil` is the most that the unit supports.
  public var tableLevels: Int?
  /// The levels of first-stage tables, 4 or 5; `nil` is the most that the unit supports.
  public var firstStageLevels: Int?
  /// What a VT-d unit says about itself.
  public var vtd = VTdParameters()
  /// The sizes, policies, latencies and slots of the translation path.
  public var translation = TranslationParameters()
  /// The devices.
  public var endpoints = EndpointConfiguration()
  /// How the driver goes about its work.
  public var driver = DriverParameters()
  /// How a replay maps what a trace accesses.
  public var mapping = MappingParameters()
  /// How a replay issues requests.
  public var replay = ReplayParameters()
  /// Where things are in memory.
  public var layout = MemoryLayoutParameters()
  /// The seed of everything that is drawn at random.
  public var seed: UInt64 = 1

  /// The built-in values, before any preset; `ConfigurationReader` makes the configurations that users ask for.
  public init() {}

  /// All parameters, in the order of listings.
  public static let parameters: [Parameter<MachineConfiguration>] =
    [
      Parameter("preset", "the preset that the configuration begins with", \Self.preset, .presetName),
      Parameter("iommu", "architecture of the IOMMU", \Self.iommu, .choice(unavailable: ["smmuv3"])),
      Parameter(
        "translation.stages",
        "how address spaces are translated: second stage through legacy entries; through PASID entries second stage, first stage, or both; or not",
        \Self.stages, .choice()),
      Parameter("translation.levels", "levels of second-stage tables", \Self.tableLevels, .limit(3...5, none: "largest")),
      Parameter("translation.first_levels", "levels of first-stage tables", \Self.firstStageLevels, .limit(4...5, none: "largest")),
    ]
    + VTdParameters.parameters.lifted(to: \Self.vtd, under: "vtd")
    + TranslationParameters.parameters.lifted(to: \Self.translation, under: "")
    + EndpointConfiguration.parameters.lifted(to: \Self.endpoints, under: "endpoints")
    + DriverParameters.parameters.lifted(to: \Self.driver, under: "driver")
    + MappingParameters.parameters.lifted(to: \Self.mapping, under: "mapping")
    + ReplayParameters.parameters.lifted(to: \Self.replay, under: "replay")
    + MemoryLayoutParameters.parameters.lifted(to: \Self.layout, under: "layout")
    + [Parameter("seed", "seed of everything that is drawn at random", \Self.seed, .integer(0...(.max)))]
}

extension MachineConfiguration {
  /// What keeps a machine from being built, each with the key, or the section of keys, that it concerns.
  public var problems: [(key: String, problem: String)] {
    translation.problems.map { ($0.parameter, $0.problem) } + stageProblems + pageSizeProblems + endpointProblems
  }

  private var stageProblems: [(key: String, problem: String)] {
    let identity = vtd.identity
    switch stages {
    case .passThrough:
      return identity.extended.passThrough ? [] : [("translation.stages", "passthrough needs ECAP.PT, which the unit lacks")]
    case .legacy:
      return levelProblems
    case .second:
      guard identity.extended.scalableMode, identity.extended.secondStageTranslation else {
        return [("translation.stages", "second needs ECAP.SMTS and ECAP.SSTS, which the unit lacks; legacy does not")]
      }
      return levelProblems
    case .first:
      guard identity.extended.scalableMode, identity.extended.firstStageTranslation else {
        return [("translation.stages", "first needs ECAP.SMTS and ECAP.FSTS, which the unit lacks")]
      }
      return firstStageLevelProblems
    case .nested:
      let extended = identity.extended
      guard extended.scalableMode, extended.firstStageTranslation, extended.secondStageTranslation, extended.nestedTranslation else {
        return [("translation.stages", "nested needs ECAP.SMTS, ECAP.FSTS, ECAP.SSTS and ECAP.NEST, which the unit lacks")]
      }
      return levelProblems + firstStageLevelProblems
    }
  }

  private var firstStageLevelProblems: [(key: String, problem: String)] {
    guard firstStageLevels == 5, !vtd.identity.capabilities.firstStage5Level else { return [] }
    return [("translation.first_levels", "CAP.FS5LP has no first stage of 5 levels")]
  }

  private var endpointProblems: [(key: String, problem: String)] {
    let extended = vtd.identity.extended
    if endpoints.usesDeviceTLB, !extended.deviceTLB { return [("endpoints.device_tlb.enabled", "ECAP.DT says that the unit serves none")] }
    if endpoints.requestsPages {
      if !endpoints.usesDeviceTLB { return [("endpoints.page_requests.enabled", "page requests need a device-TLB")] }
      if stages == .legacy || !extended.pageRequests {
        return [("endpoints.page_requests.enabled", "page requests need scalable mode and ECAP.PRS")]
      }
    }
    return endpoints.device.problems.map { ("endpoints." + $0.parameter, $0.problem) }
  }

  private var levelProblems: [(key: String, problem: String)] {
    let capabilities = vtd.identity.capabilities
    guard capabilities.largestSecondStageWidth > 0 else {
      return [("vtd.capability", "SAGAW names no second-stage width, and translation.stages is \(stages.rawValue)")]
    }
    guard let tableLevels, !capabilities.supportsSecondStage(width: UInt8(clamping: tableLevels - 2)) else { return [] }
    return [("translation.levels", "CAP.SAGAW has no second stage of \(tableLevels) levels")]
  }

  private var pageSizeProblems: [(key: String, problem: String)] {
    let sizes = [("mapping.page_size", mapping.pageSize), ("mapping.largest_page", mapping.largestPage)]
    switch stages {
    case .passThrough: return []
    case .legacy, .second: return secondStageProblems(sizes)
    case .first: return firstStageProblems(sizes)
    case .nested: return firstStageProblems(sizes) + secondStageProblems([("mapping.guest_page", mapping.guestPage)])
    }
  }

  private func secondStageProblems(_ sizes: [(String, MappingParameters.PageSize)]) -> [(key: String, problem: String)] {
    let capabilities = vtd.identity.capabilities
    return sizes.compactMap { key, size in
      let isSupported =
        switch size {
        case .size4K: true
        case .size2M: capabilities.secondStage2M
        case .size1G: capabilities.secondStage1G
        }
      return isSupported ? nil : (key, "CAP.SSLPS has no second-stage pages of \(size.rawValue)")
    }
  }

  private func firstStageProblems(_ sizes: [(String, MappingParameters.PageSize)]) -> [(key: String, problem: String)] {
    guard !vtd.identity.capabilities.firstStage1G else { return [] }
    return sizes.compactMap { key, size in size == .size1G ? (key, "CAP.FS1GP has no first-stage pages of 1g") : nil }
  }
}
