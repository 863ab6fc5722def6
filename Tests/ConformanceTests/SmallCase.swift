import Hardware
import VTdArchitecture

@testable import Conformance

/// A whole-IOMMU case with one device, 00:04.0, and one page, for a test to vary.
///
/// Structures lie at fixed places: root 0x1000, context 0x2000, PASID directory 0x3000, PASID table 0x4000, then a four-level second-stage
/// table from 0x1_0000 (top) to 0x1_3000 that maps 0x5000 to 0x20_0000 for reading and writing.
struct SmallCase {
  static let requester = RequesterID(0x20)
  static let address = IOVirtualAddress(0x5000)
  static let page = PhysicalAddress(0x20_0000)
  /// Where the page's leaf lies.
  static let leaf: UInt64 = 0x1_3028
  static let legacyCapabilities: UInt64 = 0x80D2_008C_222F_0606
  static let legacyExtended: UInt64 = 0xF0_0F4A
  static let scalableExtended: UInt64 = 0x4800_80F0_0F4A
  static let firstStageExtended: UInt64 = 0x8800_00F0_0F4A

  var words: [UInt64: UInt64] = [:]
  var capabilities = SmallCase.legacyCapabilities
  var extended: UInt64
  var hasTransientMapping = false
  var setUp: [IOMMUCase.RegisterWrite] = []
  var steps: [IOMMUCase.Step] = []

  /// Legacy mode.
  static var legacy: SmallCase {
    var small = SmallCase(extended: legacyExtended)
    small.words = [0x1000: 0x2001, 0x2200: 0x1_0001, 0x2208: 0x902]
    small.addTables()
    small.enable(root: 0x1000)
    return small
  }

  /// Scalable mode, second stage only.
  static var scalable: SmallCase {
    var small = SmallCase(extended: scalableExtended)
    small.words = [0x1000: 0x2001, 0x2400: 0x3001, 0x3000: 0x4001, 0x4000: 0x1_0089, 0x4008: 9]
    small.addTables()
    small.enable(root: 0x1400)
    return small
  }

  /// Scalable mode, first stage only, with four levels at the same places and no flag set.
  static var firstStage: SmallCase {
    var small = SmallCase(extended: firstStageExtended)
    small.words = [0x1000: 0x2001, 0x2400: 0x3001, 0x3000: 0x4001, 0x4000: 0x49, 0x4008: 9, 0x4010: 0x1_0000]
    small.addTables(4)
    small.enable(root: 0x1400)
    return small
  }

  private init(extended: UInt64) { self.extended = extended }

  /// The tables; `user` is U/S of a first stage.
  private mutating func addTables(_ user: UInt64 = 0) {
    for (place, entry) in [(0x1_0000, 0x1_1003), (0x1_1000, 0x1_2003), (0x1_2000, 0x1_3003), (Self.leaf, 0x20_0003)] as [(UInt64, UInt64)] {
      words[place] = entry | user
    }
    words[Self.page.rawValue] = 0x5A5A
  }

  private mutating func enable(root: UInt64) {
    write(0x20, root, size: 8, isSetUp: true)
    write(0x18, 1 << 30, isSetUp: true)
    write(0x18, 1 << 31, isSetUp: true)
  }

  /// Queued invalidation with the queue at 0x8000.
  mutating func enableQueue(isWide: Bool) {
    write(0x90, 0x8000 | (isWide ? 1 << 11 : 0), size: 8, isSetUp: true)
    write(0x18, 0x8400_0000, isSetUp: true)
  }

  // MARK: Steps

  mutating func write(_ offset: UInt64, _ value: UInt64, size: Int = 4, isSetUp: Bool = false) {
    let write = IOMMUCase.RegisterWrite(offset: offset, size: size, value: value)
    if isSetUp { setUp.append(write) } else { steps.append(.registerWrite(write)) }
  }

  mutating func read(_ offset: UInt64, seen value: UInt64, size: Int = 4) {
    steps.append(.registerRead(IOMMUCase.RegisterRead(offset: offset, size: size, observed: value)))
  }

  mutating func store(_ address: UInt64, _ words: UInt64...) {
    steps.append(.memoryWrite(IOMMUCase.MemoryWords(address: PhysicalAddress(address), words: words)))
  }

  mutating func load(_ address: UInt64, seen words: UInt64...) {
    steps.append(.memoryRead(IOMMUCase.MemoryWords(address: PhysicalAddress(address), words: words)))
  }

  /// An access of four bytes that was seen to go through to `place`, nil for unseen.
  mutating func access(
    _ kind: AccessKind = .write, at address: IOVirtualAddress = address, by requester: RequesterID = requester,
    went place: PhysicalAddress?, isImplementationDefined: Bool = false
  ) {
    let seen = IOMMUCase.Observation(completed: true, pieces: place.map { [$0] })
    add(kind, address, requester, seen, isImplementationDefined)
    read(0x34, seen: 0)
  }

  /// An access that was seen to be blocked with a code, and then the reads and writes of who looks and clears; nil for no record.
  mutating func access(
    _ kind: AccessKind = .write, at address: IOVirtualAddress = address, by requester: RequesterID = requester,
    blocked code: UInt8?, demanded: [UInt8] = [], isImplementationDefined: Bool = false
  ) {
    var seen = IOMMUCase.Observation(completed: false)
    guard let code else {
      add(kind, address, requester, seen, isImplementationDefined)
      read(0x34, seen: 0)
      return
    }
    let record = Self.record(code, kind, at: address, by: requester)
    seen.fault = IOMMUCase.Fault(status: 2, record: record, architecturalReasons: demanded.map { FaultReason($0) })
    add(kind, address, requester, seen, isImplementationDefined)
    read(0x34, seen: 2)
    read(0x220, seen: record.low, size: 8)
    read(0x228, seen: record.high, size: 8)
    write(0x22C, 1 << 31)
    write(0x34, 0x7D)
  }

  /// An access after which only the registers are shown.
  mutating func access(by requester: RequesterID, blocked code: UInt8, status: UInt64, shown: IOMMUCase.Record) {
    let fault = IOMMUCase.Fault(status: status, record: shown, architecturalReasons: [])
    add(.write, Self.address, requester, IOMMUCase.Observation(completed: false, fault: fault), false)
    read(0x34, seen: status)
  }

  static func record(
    _ code: UInt8, _ kind: AccessKind = .write, at address: IOVirtualAddress = address, by requester: RequesterID = requester
  ) -> IOMMUCase.Record {
    let record = FaultRecord(address: address, source: requester, reason: FaultReason(code), type: FaultRequestType(kind))
    return IOMMUCase.Record(
      low: record.low, high: record.high, reason: record.reason, source: requester, information: record.low, type: "\(kind)",
      hasPASID: false,
      pasid: 0)
  }

  private mutating func add(
    _ kind: AccessKind, _ address: IOVirtualAddress, _ requester: RequesterID, _ seen: IOMMUCase.Observation,
    _ isImplementationDefined: Bool
  ) {
    let data: [UInt8] = kind == .write ? [0x78, 0x56, 0x34, 0x12] : []
    steps.append(
      .access(
        IOMMUCase.Access(
          requester: requester, kind: kind, address: address, length: 4, data: data, isImplementationDefined: isImplementationDefined,
          observed: seen)))
  }

  // MARK: The case

  var test: IOMMUCase {
    let identity = UnitIdentity(
      version: ArchitectureVersion(rawValue: 0x10), capabilities: Capabilities(rawValue: capabilities),
      extended: ExtendedCapabilities(rawValue: extended),
      hostAddressWidth: Capabilities(rawValue: capabilities).maximumGuestAddressWidth)
    return IOMMUCase(
      header: CaseHeader(id: "small", category: "small", trust: .check, concernsTables: false), notes: [], identity: identity,
      hasTransientMapping: hasTransientMapping, regions: [MemoryRegion(start: PhysicalAddress(0), length: 1 << 30)],
      memory: words.map { IOMMUCase.MemoryWords(address: PhysicalAddress($0.key), words: [$0.value]) }, setUp: setUp, steps: steps)
  }

  /// The result of the case on machines of the factory.
  func run(on factory: any CaseMachineFactory = IOMMUModels()) throws -> CaseResult {
    try Runner(factory) { _ in }.run(.iommu(test))
  }
}
