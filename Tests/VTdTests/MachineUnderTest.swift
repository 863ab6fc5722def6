import Hardware
import PageTables
import Testing
import Translation
import VTdArchitecture

@testable import VTd

/// A machine with one remapping unit, enabled, and one device whose structures in memory are in order: tests break them one by one.
///
/// The device's page at `page` is readable and writable, by requests without PASID and by those with its PASID.
final class MachineUnderTest {
  static let device = RequesterID(bus: 3, device: 21, function: 1)
  static let domain = DomainID(0x55)
  /// The device's PASID, and the one of its requests without PASID; both in one PASID table.
  static let pasid = PASID(0x1C41)
  static let requesterPASID = PASID(0x1C7F)
  /// A mapped page and where it leads.
  static let page = IOVirtualAddress(0x1234_5678_9000)
  static let target = PhysicalAddress(0x7_7777_7000)
  /// Where the page leads in a nested translation, before the second stage.
  static let guestPage = GuestPhysicalAddress(0x5_5555_5000)
  /// An address below the host address width that nothing backs.
  static let hole = PhysicalAddress(0x3F_0000_0000)
  static let hostAddressWidth = 46

  let mode: TranslationTableMode
  let stages: PASIDTranslationType
  let memory: MemoryView
  let tables: TableMemory
  let unit: RemappingUnit
  let builder: PageTableBuilder<VTdSecondStage>
  let firstBuilder: PageTableBuilder<X86FirstStage>
  let rootTable: PhysicalAddress
  let contextTable: PhysicalAddress
  let directory: PhysicalAddress
  let pasidTable: PhysicalAddress
  let physical: PhysicalMemory
  private let queue: PhysicalAddress
  // Where the entries on the way to the page lie, by level; of the second stage also those on the way to the first-stage tables, by the level
  // of these.
  private var secondPath: [UInt8: PhysicalAddress] = [:]
  private var firstPath: [UInt8: PhysicalAddress] = [:]
  private var tablePaths: [UInt8: [UInt8: PhysicalAddress]] = [:]
  // What those entries are in order.
  private var inOrder: [PhysicalAddress: UInt64] = [:]

  /// A machine in legacy or scalable mode; `stages` are those of both PASIDs in scalable mode.
  init(
    _ mode: TranslationTableMode, stages: PASIDTranslationType = .secondStage, capabilities: UInt64 = SampleDataUnit.capabilities,
    extended: UInt64 = SampleDataUnit.extended,
    majorVersion: UInt8 = 4, choices: ImplementationChoices = ImplementationChoices(),
    parameters: TranslationParameters = TranslationParameters()
  ) throws {
    self.mode = mode
    self.stages = stages
    let region = MemoryRegion(start: PhysicalAddress(0x10_0000), length: 16 << 20)
    physical = try PhysicalMemory(regions: [region])
    memory = physical.view
    tables = TableMemory(region, in: memory)
    let identity = UnitIdentity(
      version: ArchitectureVersion(major: majorVersion, minor: 0), capabilities: Capabilities(rawValue: capabilities),
      extended: ExtendedCapabilities(rawValue: extended), hostAddressWidth: Self.hostAddressWidth)
    unit = try RemappingUnit(identity: identity, choices: choices, parameters: parameters, memory: memory)
    builder = try PageTableBuilder(VTdSecondStage(levels: 4), in: tables)
    rootTable = try #require(tables.allocate())
    contextTable = try #require(tables.allocate())
    directory = try #require(tables.allocate())
    pasidTable = try #require(tables.allocate())
    queue = try #require(tables.allocate())
    firstBuilder = try PageTableBuilder(X86FirstStage(levels: 4), in: tables)
    try mapPage()
    repair()
    enable(mode)
  }

  private func mapPage() throws {
    guard stages == .firstStage || stages == .nested else {
      try builder.map(Self.page, to: Self.target, length: 0x1000, permissions: .readWrite)
      secondPath = entries(of: builder, to: Self.page)
      return
    }
    let output = stages == .nested ? Self.guestPage.rawValue : Self.target.rawValue
    try firstBuilder.map(Self.page, to: PhysicalAddress(output), length: 0x1000, permissions: .readWrite)
    firstPath = entries(of: firstBuilder, to: Self.page)
    guard stages == .nested else { return }
    try builder.map(IOVirtualAddress(Self.guestPage.rawValue), to: Self.target, length: 0x1000, permissions: .readWrite)
    for (level, place) in firstPath {
      let table = place.alignedDown(PageSizeLog2.size4K)
      try builder.map(IOVirtualAddress(table.rawValue), to: table, length: 0x1000, permissions: .readWrite)
      tablePaths[level] = [:]
    }
    secondPath = entries(of: builder, to: IOVirtualAddress(Self.guestPage.rawValue))
    for (level, place) in firstPath { tablePaths[level] = entries(of: builder, to: IOVirtualAddress(place.rawValue)) }
  }

  // Where the entries on the way to an address lie, by level; they are in order.
  private func entries<Format: PageTableFormat>(of builder: PageTableBuilder<Format>, to input: IOVirtualAddress) -> [UInt8:
    PhysicalAddress]
  {
    var places: [UInt8: PhysicalAddress] = [:]
    var table = builder.root
    for level in (1...builder.format.rootLevel).reversed() {
      let place = table.advanced(by: builder.format.entryOffset(input, level: level))
      let entry = memory.read64(place) ?? 0
      places[level] = place
      inOrder[place] = entry
      table = builder.format.nextTable(entry, level: level)
    }
    return places
  }

  /// Puts the device's structures, and the entries on the way to its page, in order.
  func repair() {
    switch mode {
    case .legacy:
      rootEntry = RootEntry(contextTable: contextTable)
      contextEntry = ContextEntry(type: .untranslatedOnly, width: 2, domain: Self.domain, secondStageTable: builder.root)
    default:
      scalableRootHalf = ScalableRootHalf(contextTable: contextTable)
      var context = ScalableContextEntry(directory: directory, directorySize: 0)
      context.pasidEnabled = true
      context.deviceTLBEnabled = true
      context.requesterPASID = Self.requesterPASID
      scalableContextEntry = context
      directoryEntry = PASIDDirectoryEntry(table: pasidTable)
      changePASIDEntries { entry in
        entry = PASIDTableEntry(stages: stages, domain: Self.domain)
        entry.pageWalkSnoop = true
        if stages != .firstStage {
          entry.width = 2
          entry.secondStageTable = builder.root
        }
        if stages != .secondStage { entry.firstStageTable = GuestPhysicalAddress(firstBuilder.root.rawValue) }
      }
    }
    for (place, entry) in inOrder { memory.write64(place, entry) }
  }

  /// Sets the root table, the invalidation queue and the fault event up, and enables translation.
  private func enable(_ mode: TranslationTableMode) {
    let isWide = mode != .legacy
    setRootTable(rootTable, mode: mode)
    let address = InvalidationQueueAddress(base: queue, sizeLog2: 0, wideDescriptors: isWide)
    unit.writeRegister(RegisterOffset.invalidationQueueAddress, size: 8, address.rawValue)
    command(.queuedInvalidation)
    command(.translation)
  }

  func setRootTable(_ table: PhysicalAddress, mode: TranslationTableMode, ioRights: Bool = false) {
    let address = RootTableAddress(table: table, mode: mode, secondStageIORights: ioRights)
    unit.writeRegister(RegisterOffset.rootTableAddress, size: 8, address.rawValue)
    command(.rootTable)
  }

  func command(_ bits: GlobalCommand, clear: Bool = false) {
    let status = GlobalCommand(rawValue: UInt32(unit.readRegister(RegisterOffset.globalStatus, size: 4))).subtracting(.oneShots)
    let command = clear ? status.subtracting(bits) : status.union(bits)
    unit.writeRegister(RegisterOffset.globalCommand, size: 4, UInt64(command.rawValue))
  }

  // MARK: Structures

  private func words<Words: SIMD>(_ type: Words.Type, at place: PhysicalAddress) -> Words where Words.Scalar == UInt64 {
    var words = Words()
    for index in words.indices { words[index] = memory.read64(place.advanced(by: UInt64(index) * 8)) ?? 0 }
    return words
  }
  private func write<Words: SIMD>(_ words: Words, at place: PhysicalAddress) where Words.Scalar == UInt64 {
    for index in words.indices { memory.write64(place.advanced(by: UInt64(index) * 8), words[index]) }
  }

  private var rootPlace: PhysicalAddress { rootTable.advanced(by: UInt64(Self.device.bus) * 16) }
  private var contextPlace: PhysicalAddress { contextTable.advanced(by: UInt64(Self.device.deviceFunction) * 16) }
  // The device is in the upper half of its bus.
  private var scalableContextPlace: PhysicalAddress { contextTable.advanced(by: UInt64(Self.device.deviceFunction & 0x7F) * 32) }
  private var directoryPlace: PhysicalAddress { directory.advanced(by: UInt64(Self.pasid.rawValue >> 6) * 8) }
  private func pasidPlace(_ pasid: PASID) -> PhysicalAddress { pasidTable.advanced(by: UInt64(pasid.rawValue & 63) * 64) }

  var rootEntry: RootEntry {
    get { RootEntry(words: words(SIMD2.self, at: rootPlace)) }
    set { write(newValue.words, at: rootPlace) }
  }
  var contextEntry: ContextEntry {
    get { ContextEntry(words: words(SIMD2.self, at: contextPlace)) }
    set { write(newValue.words, at: contextPlace) }
  }
  var scalableRootHalf: ScalableRootHalf {
    get { ScalableRootHalf(rawValue: memory.read64(rootPlace.advanced(by: 8)) ?? 0) }
    set { memory.write64(rootPlace.advanced(by: 8), newValue.rawValue) }
  }
  var scalableContextEntry: ScalableContextEntry {
    get { ScalableContextEntry(words: words(SIMD4.self, at: scalableContextPlace)) }
    set { write(newValue.words, at: scalableContextPlace) }
  }
  var directoryEntry: PASIDDirectoryEntry {
    get { PASIDDirectoryEntry(rawValue: memory.read64(directoryPlace) ?? 0) }
    set { memory.write64(directoryPlace, newValue.rawValue) }
  }

  /// Gives another function in the same half of the device's bus the device's context entry.
  func copyContext(to function: RequesterID) {
    if mode == .legacy {
      write(contextEntry.words, at: contextTable.advanced(by: UInt64(function.deviceFunction) * 16))
    } else {
      write(scalableContextEntry.words, at: contextTable.advanced(by: UInt64(function.deviceFunction & 0x7F) * 32))
    }
  }

  /// Changes the PASID entries of the device, with and without PASID alike.
  func changePASIDEntries(_ change: (inout PASIDTableEntry) -> Void) {
    for pasid in [Self.pasid, Self.requesterPASID] {
      var entry = PASIDTableEntry(words: words(SIMD8.self, at: pasidPlace(pasid)))
      change(&entry)
      write(entry.words, at: pasidPlace(pasid))
    }
  }

  /// Adds the entry of another PASID to a directory, with a second stage of 4 levels at `root`.
  func addPASIDEntry(
    _ pasid: PASID, root: PhysicalAddress, domain: DomainID = domain, directory: PhysicalAddress, flags: Bool = false
  ) throws {
    let place = directory.advanced(by: PASIDDirectoryEntry.index(of: pasid) * 8)
    var pointer = PASIDDirectoryEntry(rawValue: memory.read64(place) ?? 0)
    if !pointer.present {
      pointer = PASIDDirectoryEntry(table: try #require(tables.allocate()))
      memory.write64(place, pointer.rawValue)
    }
    var entry = PASIDTableEntry(stages: .secondStage, domain: domain)
    entry.width = 2
    entry.secondStageTable = root
    entry.pageWalkSnoop = true
    entry.secondStageAccessedDirty = flags
    write(entry.words, at: pointer.table.advanced(by: PASIDTableEntry.index(of: pasid) * 64))
  }

  /// The second-stage entry of a level on the way to the mapped page.
  subscript(level: UInt8) -> UInt64 {
    get { entry(at: secondPath[level]) }
    set { write(newValue, at: secondPath[level]) }
  }

  /// The first-stage entry of a level on the way to the mapped page.
  subscript(first level: UInt8) -> UInt64 {
    get { entry(at: firstPath[level]) }
    set { write(newValue, at: firstPath[level]) }
  }

  /// The second-stage entry of a level on the way to the first-stage table whose entries are of level `table`.
  subscript(table table: UInt8, level: UInt8) -> UInt64 {
    get { entry(at: tablePaths[table]?[level]) }
    set { write(newValue, at: tablePaths[table]?[level]) }
  }

  private func entry(at place: PhysicalAddress?) -> UInt64 { place.flatMap { memory.read64($0) } ?? 0 }
  private func write(_ entry: UInt64, at place: PhysicalAddress?) { if let place { memory.write64(place, entry) } }

  /// Moves the table that holds an entry on the way to the page to a frame without atomics, and answers the frame.
  func moveTable(ofFirst level: UInt8? = nil, ofSecond secondLevel: UInt8? = nil) -> PhysicalAddress {
    let frame = PhysicalAddress(0x20_0000_0000)
    let place = level.flatMap { firstPath[$0] } ?? secondLevel.flatMap { secondPath[$0] } ?? PhysicalAddress(0)
    physical.addFrame(frame, hasAtomics: false)
    let table = place.alignedDown(PageSizeLog2.size4K)
    for offset in stride(from: 0 as UInt64, to: 4096, by: 8) {
      memory.write64(frame.advanced(by: offset), memory.read64(table.advanced(by: offset)) ?? 0)
    }
    return frame
  }

  // MARK: Requests

  @discardableResult
  func request(
    _ access: AccessKind = .read, at address: IOVirtualAddress = page, length: UInt32 = 1, by requester: RequesterID = device,
    pasid: PASID? = nil, kind: TranslationRequest.Kind = .untranslated, attributes: TranslationRequest.Attributes = []
  ) -> TranslationResponse {
    let response = unit.translate(
      TranslationRequest(access, at: address, length: length, by: requester, pasid: pasid, kind: kind, attributes: attributes))
    unit.settle()
    // The next request finds nothing under way.
    unit.advance(to: response.completion)
    return response
  }

  /// Makes a translation request.
  func complete(
    at address: IOVirtualAddress = page, pasid: PASID? = nil, attributes: TranslationRequest.Attributes = []
  ) -> TranslationCompletion {
    let completion = unit.complete(
      TranslationRequest(
        .read, at: address, length: 0, by: Self.device, pasid: pasid, kind: .translationRequest, attributes: attributes),
      at: unit.now)
    unit.settle()
    return completion
  }

  /// The faults recorded since the last call, oldest first, each taken out of its register.
  func takeFaults() -> [FaultRecord] {
    let capabilities = unit.identity.capabilities
    var records: [FaultRecord] = []
    for index in 0..<UInt64(capabilities.faultRecordingCount) {
      let place = capabilities.faultRecordingOffset + 16 * index
      let high = unit.readRegister(place + 8, size: 8)
      guard high[bit: 63] else { continue }
      records.append(FaultRecord(low: unit.readRegister(place, size: 8), high: high))
      unit.writeRegister(place + 8, size: 8, 1 << 63)
    }
    return records
  }

  func submit(_ descriptors: InvalidationDescriptor...) {
    let step: UInt64 = mode == .legacy ? 16 : 32
    var tail = unit.readRegister(RegisterOffset.invalidationQueueTail, size: 8)
    for descriptor in descriptors {
      write(descriptor.words, at: queue.advanced(by: tail))
      write(SIMD2<UInt64>.zero, at: queue.advanced(by: (tail + 16) & 0xFFF))
      tail = (tail + step) & 0xFFF
    }
    unit.writeRegister(RegisterOffset.invalidationQueueTail, size: 8, tail)
    #expect(unit.readRegister(RegisterOffset.faultStatus, size: 4) & 0x70 == 0, "the queue stopped")
  }

  /// Makes the unit forget everything.
  func invalidateEverything() {
    submit(.contextCache(.global))
    if mode != .legacy { submit(.pasidCache(.global)) }
    submit(.iotlb(IOTLBInvalidation(.global)))
  }

  /// What happened at a cache of the unit.
  func counters(_ name: String) -> CacheCounters { unit.caches.first { $0.name == name }?.counters ?? CacheCounters() }
}

/// The capabilities of a unit that has all that the second stage, pass-through and their faults need.
enum SampleDataUnit {
  /// 2^10 domain ids, 39 and 48 bits, MGAW 48, ZLR, 2 MiB and 1 GiB pages, PSI, 16 fault recording registers at 400h, MAMV 18, drains.
  static let capabilities: UInt64 = 0x00D2_0F8C_406F_0603
  /// Queue, device-TLB, interrupt remapping, pass-through, snoop control, IOTLB at 500h, nesting, page requests, PASIDs of 15 bits, scalable
  /// mode, SSADS, SSTS, FSTS, SMPWCS, RPS, abort-DMA mode.
  static let extended: UInt64 = 0x0013_E970_2400_50CF
  /// With supervisor requests, RID_PRIV and extended-accessed flags.
  static let supervisor = extended | 1 << 31 | 1 << 34 | 1 << 53
  /// With what revision 5 adds: PASIDs in translated requests.
  static let revision5 = extended | 1 << 56
  static let withoutAbortDMA = extended & ~(1 << 52)
  static let withoutScalableMode: UInt64 = 0x0000_0000_0000_50CF
}
