import Hardware
import PageTables
import VTdArchitecture

/// A unit programmed with the registers of a page-table case.
struct TableUnit {
  /// What happens to accessed and dirty flags of second-stage entries.
  enum FlagUpdates: Hashable {
    case none
    case snooped
    case notSnooped
  }

  let isLegacy: Bool
  private let identity: UnitIdentity
  private let root: RootTableAddress
  private let memory: MemoryView
  private let machine: any CaseMachine
  private let tables: AccessReading

  /// Makes the unit, latches the root table and enables translation.
  init(_ registers: PageTableCase.Registers, _ test: PageTableCase, _ factory: some CaseMachineFactory, _ memory: MemoryView) throws {
    identity = registers.identity(hostAddressWidth: test.hostAddressWidth)
    root = RootTableAddress(rawValue: registers.rootTable)
    isLegacy = root.mode == .legacy
    self.memory = memory
    machine = try factory.makeMachine(identity, memory: memory)
    tables = AccessReading(identity: identity, hasTransientMapping: false, root: root, isEnabled: true, memory: memory)
    machine.writeRegister(at: RegisterOffset.rootTableAddress, size: 8, value: registers.rootTable)
    for command in [GlobalCommand.rootTable, .translation] {
      machine.writeRegister(at: RegisterOffset.globalCommand, size: 4, value: UInt64(command.rawValue))
      machine.settle()
    }
  }

  /// A request that moves no data.
  func access(_ query: PageTableCase.Query, _ kind: AccessKind) -> CaseOutcome {
    let outcome = machine.access(request(query, kind))
    machine.settle()
    return outcome
  }

  private func request(_ query: PageTableCase.Query, _ kind: AccessKind) -> CaseRequest {
    CaseRequest(requester: query.requester, pasid: query.pasid, kind: kind, address: query.address)
  }

  /// The entries on the way of a query as they stand now.
  func reading(_ query: PageTableCase.Query, _ kind: AccessKind) -> TableLeaf {
    let request = self.request(query, kind)
    let entry = tables.structures(request).pasidEntry
    let isFirstStage = entry?.stages == .firstStage || entry?.stages == .nested
    return TableLeaf(isFirstStage: isFirstStage, trail: tables.trail(request), updates: updates(entry))
  }

  /// The context entry of the query's requester, if it has PRE without DTE.
  func contradictoryContext(_ query: PageTableCase.Query) -> TableWord? {
    let structures = tables.structures(request(query, .read))
    guard structures.findings.contains(where: { $0.deviation == .contextContradiction }) else { return nil }
    return structures.trail.first { $0.name == StructureReading.contextEntry }
  }

  private func updates(_ entry: PASIDTableEntry?) -> FlagUpdates {
    guard let entry, entry.stages == .secondStage, entry.secondStageAccessedDirty, identity.extended.secondStageAccessedDirty else {
      return .none
    }
    return entry.pageWalkSnoop && identity.extended.scalableModePageWalkCoherency ? .snooped : .notSnooped
  }
}

/// The entries on the way of an address.
struct TableLeaf {
  let isFirstStage: Bool
  /// Structures, then table entries from the top one to the leaf.
  let trail: [TableWord]
  var updates = TableUnit.FlagUpdates.none

  init(isFirstStage: Bool, trail: [TableWord], updates: TableUnit.FlagUpdates) {
    self.isFirstStage = isFirstStage
    self.trail = trail
    self.updates = updates
  }

  /// The entries of a table that stands alone; none of a first-stage table.
  init(_ table: BareTable, _ address: IOVirtualAddress, _ memory: MemoryView) {
    isFirstStage = table.stage == .first
    var trail: [TableWord] = []
    if !isFirstStage {
      let features = VTdSecondStage.Features(hostAddressWidth: UInt8(table.hostAddressWidth))
      let tables = SecondStageReading(format: VTdSecondStage(levels: table.levels, features: features), root: table.root, memory: memory)
      _ = tables.outcome(for: address, kind: .read, order: .permissionLast, trail: &trail)
    }
    self.trail = trail
  }

  private var tableEntries: ArraySlice<TableWord> { trail.drop { !$0.name.hasPrefix(SecondStageReading.levelPrefix) } }

  /// Whether an access of the kind finds a flag clear that it would have to set.
  func needsUpdate(_ kind: AccessKind) -> Bool {
    tableEntries.contains { $0.value & VTdSecondStage.EntryBits.accessed == 0 }
      || (kind.writes && tableEntries.last.map { $0.value & VTdSecondStage.EntryBits.dirty == 0 } ?? false)
  }

  /// Sets the flags that an access of the kind needs, as software does where hardware may not.
  func setFlags(_ kind: AccessKind, in memory: MemoryView) {
    for word in tableEntries {
      let dirty = kind.writes && word == tableEntries.last ? VTdSecondStage.EntryBits.dirty : 0
      memory.write64(word.address, word.value | VTdSecondStage.EntryBits.accessed | dirty)
    }
  }
}

extension PageTableCase.Registers {
  /// The unit: a version that drains always, registers that the images leave at no offset moved out of the way, pass-through.
  func identity(hostAddressWidth: Int) -> UnitIdentity {
    var capabilities = self.capabilities
    if capabilities[bits: 24...33] == 0 { capabilities[bits: 24...33] = 0x40 }
    var extended = extendedCapabilities
    if extended[bits: 8...17] == 0 { extended[bits: 8...17] = 0x50 }
    extended[bit: 6] = true
    return UnitIdentity(
      version: ArchitectureVersion(rawValue: 0x40), capabilities: Capabilities(rawValue: capabilities),
      extended: ExtendedCapabilities(rawValue: extended), hostAddressWidth: hostAddressWidth)
  }
}
