import Endpoints
import Hardware
import PageTables
import Testing
import Translation
import VTdArchitecture

@testable import VTd

/// A small machine of a few requesters, PASIDs, domains and pages, with a unit of random caches and an oracle beside it.
///
/// Software's duties are kept (VT-d rev 5.10 section 6.2.2.1): a domain id always stands for one second-stage root, width and use of flags; a
/// domain id and PASID for one kind of translation and one first-stage root; a first-stage root for one depth and one use of EA.
final class TranslationWorld {
  /// What requests go through.
  enum Kind: String, CaseIterable {
    case legacy
    case secondStage
    case firstStage
    case nested
    case mixed
  }

  static let requesters: [UInt64] = [0x0018, 0x001C, 0x07A1]
  static let pasids: [UInt64] = [1, 3, 65]
  /// The PASID of requests without one, mostly.
  static let requesterPASID: UInt64 = 2
  static let passThroughDomain: UInt64 = 0x20
  static let base: UInt64 = 0x20_0000
  static let byteCount = 0x4_0000
  static let hostAddressWidth = 46

  let kind: Kind
  var isScalable: Bool { kind != .legacy }
  let domains: [UInt64] = [0x11, 0x12, 0x13]
  var oracle: TranslationOracle
  var random: SplitMix64
  let unit: RemappingUnit
  let physical: PhysicalMemory
  var now: UInt64 = 0
  let pace: UInt64
  /// Requests that are made again, so that what is cached of them is met.
  var recent: [(page: UInt64, requester: RequesterID, pasid: PASID?, privileged: Bool)] = []
  /// What was done, if it is to be told.
  var log: [String]?
  var seen = Seen()
  /// An answer was not allowed.
  var hasFailed = false

  /// Devices with translations of their own, if there are any.
  var devices: [Endpoint<DeviceLink>] = []
  var deviceEntries: [DeviceEntry] = []
  /// What a device is about to do.
  var pendingAccess: TranslationRequest?

  // Of each domain: AW (1 or 2) and SSADE.
  let widths: [UInt64]
  let keepsFlags: [Bool]
  // Of each first-stage root: FSPM and EAFE.
  let isDeep: [Bool]
  let setsExtendedAccessed: [Bool]
  /// Every entry of every table, for changes.
  var slots: [TableSlot] = []
  // How many of a hundred entries are bad.
  var trouble: UInt64 = 1

  init(_ kind: Kind, hasDevices: Bool, seed: UInt64, isLogging: Bool = false) throws {
    self.kind = kind
    var random = SplitMix64(seed: seed)
    physical = try PhysicalMemory(regions: [MemoryRegion(start: PhysicalAddress(Self.base), length: UInt64(Self.byteCount))])
    widths = (0..<3).map { _ in kind == .legacy || random.next(below: 3) > 0 ? 2 : 1 }
    keepsFlags = (0..<3).map { _ in kind != .legacy && random.next(below: 2) == 0 }
    isDeep = (0..<2).map { _ in random.next(below: 3) == 0 }
    setsExtendedAccessed = (0..<2).map { _ in random.next(below: 2) == 0 }
    var capabilities = OracleCapabilities()
    let parameters = Self.parameters(&random, &capabilities)
    var choices = ImplementationChoices()
    capabilities.checksEachLevel = random.next(below: 4) == 0
    if capabilities.checksEachLevel { choices.secondStagePermissionCheck = .atEachLevel }
    capabilities.checksOutputFirst = random.next(below: 4) != 0
    choices.interruptRangeBeforePermission = capabilities.checksOutputFirst
    choices.rewalksOnDenial = random.next(below: 4) == 0
    capabilities.requesterPrivilege = kind != .legacy && random.next(below: 3) == 0
    capabilities.noWriteFlag = random.next(below: 2) == 0
    // First-stage pages of 1 GiB and five levels; SRS, EAFS, DIT, NWFS and RPRIVS.
    let extended =
      SampleDataUnit.extended | 1 << 31 | 1 << 34 | 1 << 41 | (capabilities.noWriteFlag ? 1 << 33 : 0)
      | (capabilities.requesterPrivilege ? 1 << 53 : 0)
    let identity = UnitIdentity(
      version: ArchitectureVersion(major: 4, minor: 0),
      capabilities: Capabilities(rawValue: SampleDataUnit.capabilities | 1 << 56 | 1 << 60),
      extended: ExtendedCapabilities(rawValue: extended), hostAddressWidth: Self.hostAddressWidth)
    capabilities.hostAddressWidth = UInt64(Self.hostAddressWidth)
    capabilities.maximumAddressMask = identity.capabilities.maximumAddressMask
    unit = try RemappingUnit(identity: identity, choices: choices, parameters: parameters, memory: physical.view)
    oracle = TranslationOracle(
      isScalable: kind != .legacy, root: Frame.root, capabilities: capabilities,
      memory: OracleMemory(base: Self.base, byteCount: Self.byteCount))
    pace = !hasDevices && random.next(below: 2) == 0 ? 0 : random.next(below: 400_000)
    self.random = random
    log = isLogging ? [] : nil
    build()
    trouble = 9
    if hasDevices { connectDevices() }
    enable()
  }

  private static func parameters(_ random: inout SplitMix64, _ capabilities: inout OracleCapabilities) -> TranslationParameters {
    func geometry(_ ways: Int) -> CacheGeometry {
      [.unlimited, .none, CacheGeometry(entries: ways), CacheGeometry(entries: 4 * ways, ways: ways)][Int(random.next(below: 4))]
    }
    var parameters = TranslationParameters()
    parameters.contextCache.geometry = geometry(2)
    parameters.pasidCache.geometry = geometry(2)
    parameters.iotlb.geometry = geometry(4)
    for stage in [\TranslationParameters.PagingStructureCacheParameters.second, \.first, \.nested] {
      parameters.pagingStructureCaches[keyPath: stage].level2 = geometry(2)
      parameters.pagingStructureCaches[keyPath: stage].level3 = geometry(2)
      parameters.pagingStructureCaches[keyPath: stage].level4 = geometry(2)
      parameters.pagingStructureCaches[keyPath: stage].level5 = geometry(2)
    }
    parameters.pagingStructureCaches.nestedTables = geometry(2)
    parameters.iotlb.isShared = random.next(below: 3) != 0
    if !parameters.iotlb.isShared, random.next(below: 2) == 0 {
      parameters.iotlb.large = .none
      capabilities.largestPiece = 21
      if random.next(below: 2) == 0 {
        parameters.iotlb.medium = .none
        capabilities.largestPiece = 12
      }
    }
    if random.next(below: 3) == 0 {
      parameters.memory.latency = .zero
      parameters.iotlb.latency = .zero
    }
    parameters.walkers = UInt32(random.next(below: 3))
    return parameters
  }

  private func enable() {
    let mode: TranslationTableMode = isScalable ? .scalable : .legacy
    let address = InvalidationQueueAddress(base: PhysicalAddress(Frame.queue), sizeLog2: 0, wideDescriptors: isScalable)
    unit.writeRegister(RegisterOffset.rootTableAddress, size: 8, RootTableAddress(table: PhysicalAddress(Frame.root), mode: mode).rawValue)
    unit.writeRegister(RegisterOffset.invalidationQueueAddress, size: 8, address.rawValue)
    for command in [GlobalCommand.rootTable, .queuedInvalidation, [.queuedInvalidation, .translation]] {
      unit.writeRegister(RegisterOffset.globalCommand, size: 4, UInt64(command.rawValue))
    }
  }

  // MARK: Chance and memory

  func pick<Element>(_ elements: [Element]) -> Element { elements[Int(random.next(below: UInt64(elements.count)))] }
  func chance(_ percent: UInt64) -> Bool { random.next(below: 100) < percent }

  func write(_ place: UInt64, _ words: UInt64...) {
    for (index, word) in words.enumerated() {
      oracle.memory[place + UInt64(index) * 8] = word
      physical.view.write64(PhysicalAddress(place + UInt64(index) * 8), word)
    }
  }

  func note(_ text: @autoclosure () -> String) { log?.append(text()) }

  // MARK: Checks

  /// Whether an error has stopped the queue.
  var queueStopped: Bool { unit.readRegister(RegisterOffset.faultStatus, size: 4) & 0x70 != 0 }

  /// The entries in which memory is not what the oracle has foretold.
  var differences: [UInt64] {
    slots.map(\.place).filter { physical.view.read64(PhysicalAddress($0)) != oracle.memory[$0] }
  }
}

/// An entry of a table.
struct TableSlot {
  let place: UInt64
  let level: Int
  let index: UInt64
  let isFirstStage: Bool
  let isNested: Bool
}

/// The frames of a `TranslationWorld`, by use. Tables of a level may hang below any table of the level above.
enum Frame {
  static func frame(_ number: UInt64) -> UInt64 { TranslationWorld.base + number << 12 }
  /// First-stage tables; those of a guest lie at the same guest physical addresses if all is well.
  static let firstTops = [frame(0), frame(1)]
  static let firstLower: [[UInt64]] = [[], [frame(7), frame(8)], [frame(5), frame(6)], [frame(3), frame(4)], [frame(2)]]
  static let firstCount: UInt64 = 9
  static let secondTops = [frame(16), frame(17), frame(18)]
  static let secondLower: [[UInt64]] = [[], [frame(24), frame(25), frame(26)], [frame(22), frame(23)], [frame(20), frame(21)]]
  static let root = frame(32)
  static let contexts = [frame(33), frame(34)]
  static let directories = [frame(35), frame(36)]
  static let pasids = [frame(37), frame(38)]
  static let queue = frame(40)
  /// Nothing backs this address.
  static let hole: UInt64 = 0x3F_0000_0000
}
