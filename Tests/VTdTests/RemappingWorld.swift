import Hardware
import PageTables
import Testing
import Translation
import VTdArchitecture

@testable import VTd

/// A small machine of several requesters, PASIDs and domains whose structures and tables are changed at random, and now and then invalidated.
///
/// Software's duties are kept: one domain id always stands for the same top table, width and flags.
final class RemappingWorld {
  static let requesters: [UInt32] = [0x0018, 0x001C, 0x00A1, 0x0700]
  static let pasids: [UInt32] = [1, 2, 65]
  static let domains: [UInt64] = [0x11, 0x12, 0x13]
  /// The domain id of pass-through entries.
  static let passThroughDomain: UInt64 = 0x20

  let isScalable: Bool
  private(set) var oracle: RemappingOracle
  private var random: SplitMix64
  private let physical: PhysicalMemory
  private let unit: RemappingUnit
  private var now: UInt64 = 0
  private let pace: UInt64
  // Pages that are asked for again, so that what is cached of them is met.
  private var recent: [(page: UInt64, requester: RequesterID, pasid: PASID?)] = []

  // Frames, by use. Tables of a level may hang below any table of the level above.
  private let rootTable: UInt64 = 0x10_0000
  private let contextTables: [UInt64] = [0x10_1000, 0x10_2000, 0x10_3000]
  private let directories: [UInt64] = [0x10_4000, 0x10_5000]
  private let pasidTables: [UInt64] = [0x10_6000, 0x10_7000, 0x10_8000]
  private let queue: UInt64 = 0x10_9000
  private let topTables: [UInt64] = [0x11_0000, 0x11_1000, 0x11_2000]
  private let lowerTables: [Int: [UInt64]] = [
    3: [0x12_0000, 0x12_1000], 2: [0x12_2000, 0x12_3000, 0x12_4000], 1: [0x12_5000, 0x12_6000, 0x12_7000, 0x12_8000],
  ]
  private let hole: UInt64 = 0x3F_0000_0000
  // For each domain AW (1 or 2) and SSADE.
  private let widths: [UInt64]
  private let keepsFlags: [Bool]

  init(isScalable: Bool, seed: UInt64) throws {
    self.isScalable = isScalable
    var random = SplitMix64(seed: seed)
    physical = try PhysicalMemory(regions: [MemoryRegion(start: PhysicalAddress(0x10_0000), length: 0x4_0000)])
    widths = Self.domains.map { _ in 1 + random.next(below: 2) }
    keepsFlags = Self.domains.map { _ in random.next(below: 2) == 0 }
    let (parameters, largestPiece) = Self.parameters(&random)
    var choices = ImplementationChoices()
    if random.next(below: 4) == 0 { choices.secondStagePermissionCheck = .atEachLevel }
    if random.next(below: 4) == 0 { choices.interruptRangeBeforePermission = false }
    if random.next(below: 4) == 0 { choices.rewalksOnDenial = true }
    let identity = UnitIdentity(
      version: ArchitectureVersion(major: 4, minor: 0), capabilities: Capabilities(rawValue: SampleDataUnit.capabilities),
      extended: ExtendedCapabilities(rawValue: SampleDataUnit.extended), hostAddressWidth: MachineUnderTest.hostAddressWidth)
    unit = try RemappingUnit(identity: identity, choices: choices, parameters: parameters, memory: physical.view)
    oracle = RemappingOracle(
      isScalable: isScalable, root: rootTable, memory: physical.view, largestPiece: largestPiece,
      checksEachLevel: choices.secondStagePermissionCheck == .atEachLevel, checksOutputFirst: choices.interruptRangeBeforePermission)
    pace = random.next(below: 2) == 0 ? 0 : random.next(below: 400_000)
    self.random = random
    for _ in 0..<400 { changeSomething() }
    enable()
  }

  private static func parameters(_ random: inout SplitMix64) -> (TranslationParameters, largestPiece: UInt64) {
    func geometry(_ ways: Int) -> CacheGeometry {
      [.unlimited, .none, CacheGeometry(entries: ways), CacheGeometry(entries: 4 * ways, ways: ways)][Int(random.next(below: 4))]
    }
    var parameters = TranslationParameters()
    parameters.contextCache.geometry = geometry(2)
    parameters.pasidCache.geometry = geometry(2)
    parameters.iotlb.geometry = geometry(4)
    parameters.pagingStructureCaches.second.level2 = geometry(2)
    parameters.pagingStructureCaches.second.level3 = geometry(2)
    parameters.pagingStructureCaches.second.level4 = geometry(2)
    parameters.iotlb.isShared = random.next(below: 3) != 0
    var largestPiece: UInt64 = 30
    if !parameters.iotlb.isShared, random.next(below: 2) == 0 {
      parameters.iotlb.large = .none
      largestPiece = 21
      if random.next(below: 2) == 0 {
        parameters.iotlb.medium = .none
        largestPiece = 12
      }
    }
    if random.next(below: 3) == 0 {
      parameters.memory.latency = .zero
      parameters.iotlb.latency = .zero
    }
    parameters.walkers = UInt32(random.next(below: 3))
    return (parameters, largestPiece)
  }

  private func enable() {
    let mode: TranslationTableMode = isScalable ? .scalable : .legacy
    let address = InvalidationQueueAddress(base: PhysicalAddress(queue), sizeLog2: 0, wideDescriptors: isScalable)
    unit.writeRegister(RegisterOffset.rootTableAddress, size: 8, RootTableAddress(table: PhysicalAddress(rootTable), mode: mode).rawValue)
    unit.writeRegister(RegisterOffset.invalidationQueueAddress, size: 8, address.rawValue)
    for command in [GlobalCommand.rootTable, .queuedInvalidation, [.queuedInvalidation, .translation]] {
      unit.writeRegister(RegisterOffset.globalCommand, size: 4, UInt64(command.rawValue))
    }
  }

  private func pick<Element>(_ elements: [Element]) -> Element { elements[Int(random.next(below: UInt64(elements.count)))] }
  private func chance(_ one: UInt64, in many: UInt64) -> Bool { random.next(below: many) < one }
  private func write(_ place: UInt64, _ words: UInt64...) {
    for (index, word) in words.enumerated() { physical.view.write64(PhysicalAddress(place + UInt64(index) * 8), word) }
  }

  // MARK: Changes

  /// Writes one entry of one structure anew.
  func changeSomething() {
    switch random.next(below: isScalable ? 12 : 8) {
    case 0: changeContext()
    case 1...7: changeTable()
    case 8: changeDirectory()
    default: changePASIDEntry()
    }
    if chance(1, in: 60) { changeRoot() }
  }

  private func changeRoot() {
    let bus = UInt64(pick(Self.requesters)) >> 8
    let upper = isScalable && chance(1, in: 2)
    let pointer = chance(1, in: 10) ? pick([0, hole | 1, contextTables[0] | 0x11]) : pick(contextTables) | 1
    write(rootTable + bus * 16 + (upper ? 8 : 0), pointer)
  }

  private func changeContext() {
    let function = UInt64(pick(Self.requesters)) & 0xFF
    let disabled: UInt64 = chance(1, in: 5) ? 2 : 0
    if isScalable {
      var low = pick(directories) | 1 | disabled | (chance(1, in: 12) ? 0 : 8) | (chance(1, in: 2) ? 4 : 0)
      if chance(1, in: 20) { low = pick([low & ~1, low | 0x80]) }
      write(pick(contextTables) + function % 128 * 32, low, pick([1, 3, 65]), 0, 0)
    } else {
      let domain = Int(random.next(below: 3))
      var low = topTables[domain] | 1 | disabled | (chance(1, in: 2) ? 4 : 0)
      var high = Self.domains[domain] << 8 | widths[domain]
      if chance(1, in: 8) { (low, high) = (9 | disabled, Self.passThroughDomain << 8 | 2) }
      if chance(1, in: 12) { low = pick([low & ~1, low | 0x10, low | 0xC]) }
      write(pick(contextTables) + function * 16, low, high)
    }
  }

  private func changeDirectory() {
    let disabled: UInt64 = chance(1, in: 5) ? 2 : 0
    let entry = chance(1, in: 15) ? pick([disabled, hole | 1, pasidTables[0] | 5]) : pick(pasidTables) | 1 | disabled
    write(pick(directories) + random.next(below: 2) * 8, entry)
  }

  private func changePASIDEntry() {
    let domain = Int(random.next(below: 3))
    let disabled: UInt64 = chance(1, in: 5) ? 2 : 0
    var low = topTables[domain] | 0x81 | disabled | widths[domain] << 2 | (keepsFlags[domain] ? 1 << 9 : 0)
    // PWSNP always, PGSNP sometimes.
    var high = Self.domains[domain] | 1 << 23 | (chance(1, in: 4) ? 1 << 24 : 0)
    if chance(1, in: 8) { (low, high) = (0x101 | disabled, Self.passThroughDomain) }
    if chance(1, in: 20) { low = pick([low & ~1, low | 0x400, low | 0x1C0]) }
    write(pick(pasidTables) + (UInt64(pick([1, 2, 3, 65])) & 63) * 64, low, high, 0, 0)
  }

  private func changeTable() {
    let level = 1 + Int(random.next(below: 4))
    let isTop = level == 4 || (level == 3 && chance(1, in: 3))
    let table = pick(isTop ? topTables : lowerTables[level] ?? topTables)
    // A domain of 39 bits starts at what is level 3 of the others.
    let domain = topTables.firstIndex(of: table)
    let actual = domain.map { Int(widths[$0]) + 2 } ?? level
    write(table + random.next(below: actual == 1 ? 4 : 2) * 8, entry(level: actual))
  }

  private func entry(level: Int) -> UInt64 {
    let rights = chance(3, in: 4) ? 3 : random.next(below: 4)
    if level == 1 || (level <= 3 && chance(1, in: 5)) {
      let size = UInt64(3 + 9 * level)
      var leaf = (level == 3 ? random.next(below: 8) : random.next(below: 256)) << size
      // The low pages of the interrupt range, and the 2 MiB in which its addresses are those that requests ask for.
      if level < 3, chance(1, in: 12) { leaf = 0xFEE0_0000 | (level == 1 ? random.next(below: 4) << 12 : 0) }
      return leaf | rights | (level > 1 ? 0x80 : 0) | (chance(1, in: 5) ? 1 << 11 : 0) | (chance(1, in: 20) ? 1 << 62 : 0)
    }
    let next = chance(1, in: 20) ? hole : pick(lowerTables[level - 1] ?? [hole])
    return next | rights | (chance(1, in: 25) ? 1 << 11 : 0)
  }

  // MARK: Requests

  /// A random request with its answer, and the answers that are allowed.
  func request() -> (request: TranslationRequest, answer: RemappingOracle.Answer, allowed: Set<RemappingOracle.Candidate>) {
    if recent.count < 6 || chance(1, in: 3) {
      var page: UInt64 = random.next(below: 4) << 12
      for size in [21, 30, 39] as [UInt64] where chance(1, in: 3) { page |= 1 << size }
      let pasid = isScalable && chance(1, in: 2) ? PASID(pick(Self.pasids)) : nil
      recent = recent.suffix(5) + [(page, RequesterID(pick(Self.requesters)), pasid)]
    }
    let (page, requester, pasid) = pick(recent)
    let kind: TranslationRequest.Kind = pasid == nil && chance(1, in: 12) ? .translated : .untranslated
    let attributes: TranslationRequest.Attributes = pasid != nil && chance(1, in: 12) ? pick([.execute, .privileged]) : []
    let request = TranslationRequest(
      pick(AccessKind.allCases), at: IOVirtualAddress(page | random.next(below: 4096)), by: requester, pasid: pasid, kind: kind,
      attributes: attributes)
    let allowed = oracle.candidates(for: request)
    var response = TranslationResponse()
    now += pace == 0 ? 0 : random.next(below: pace)
    unit.translate(request, at: SimTime(picoseconds: now), into: &response)
    if pace == 0 { unit.settle() }
    let answer: RemappingOracle.Answer =
      response.fault.map { .fault($0.code, isReported: $0.isReported) } ?? .to(response.address.rawValue, snoop: response.snoop)
    return (request, answer, allowed)
  }

  // MARK: Invalidations

  /// A random invalidation, of little or of much.
  func invalidate() -> InvalidationDescriptor {
    let domain = DomainID(UInt16(pick(Self.domains + [Self.passThroughDomain])))
    let requester = RequesterID(pick(Self.requesters) ^ UInt32(random.next(below: 8)) * (chance(1, in: 2) ? 1 : 0))
    let pasid = PASID(pick([1, 2, 3, 65]))
    var address: UInt64 = random.next(below: 4) << 12
    for size in [21, 30, 39] as [UInt64] where chance(1, in: 3) { address |= 1 << size }
    let range = PageRange(IOVirtualAddress(address), addressMask: pick([0, 0, 1, 2, 9, 18, 27]))
    var descriptor: InvalidationDescriptor
    switch random.next(below: isScalable ? 11 : 7) {
    case 0: descriptor = .contextCache(pick([.global, .domain(domain)]))
    case 1: descriptor = .contextCache(.device(requester, functionMask: UInt8(random.next(below: 4)), domain))
    case 2: descriptor = .iotlb(IOTLBInvalidation(pick([.global, .domain(domain), .domain(domain)])))
    case 3...6: descriptor = .iotlb(IOTLBInvalidation(.pages(domain, range, leafOnly: chance(1, in: 2))))
    case 7: descriptor = .pasidCache(pick([.global, .domain(domain)]))
    case 8: descriptor = .pasidCache(.pasid(domain, pasid))
    case 9: descriptor = .pasidIOTLB(.pasid(domain, pasid))
    default: descriptor = .pasidIOTLB(.pages(domain, pasid, range, leafOnly: chance(1, in: 2)))
    }
    submit(descriptor)
    return descriptor
  }

  private func submit(_ descriptor: InvalidationDescriptor) {
    let tail = unit.readRegister(RegisterOffset.invalidationQueueTail, size: 8)
    write(queue + tail, descriptor.words[0], descriptor.words[1])
    unit.writeRegister(RegisterOffset.invalidationQueueTail, size: 8, (tail + (isScalable ? 32 : 16)) & 0xFFF)
    oracle.invalidate(descriptor, maximumAddressMask: unit.identity.capabilities.maximumAddressMask)
  }

  /// Invalidates everything, by descriptors or by turning translation off and on.
  func invalidateEverything() {
    if chance(1, in: 2) {
      submit(.contextCache(.global))
      if isScalable { submit(.pasidCache(.global)) }
      submit(.iotlb(IOTLBInvalidation(.global)))
    } else {
      for command in [GlobalCommand.queuedInvalidation, [.queuedInvalidation, .translation]] {
        unit.writeRegister(RegisterOffset.globalCommand, size: 4, UInt64(command.rawValue))
      }
      oracle.forgetEverything()
    }
  }

  /// Whether an error has stopped the queue.
  var queueStopped: Bool { unit.readRegister(RegisterOffset.faultStatus, size: 4) & 0x70 != 0 }

  /// Chooses among kinds of step.
  func next(below bound: UInt64) -> UInt64 { random.next(below: bound) }
}
