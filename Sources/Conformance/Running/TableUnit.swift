import Hardware
import PageTables
import VTdArchitecture

/// A unit programmed with the registers of a page-table case.
final class TableUnit {
  /// What happens to accessed and dirty flags of second-stage entries.
  enum FlagUpdates: Hashable {
    case none
    case snooped
    case notSnooped
  }

  /// What a requester's structures say of its tables.
  struct Tables: Hashable {
    var isFirstStage = false
    var updates = FlagUpdates.none
  }

  let isLegacy: Bool
  private let identity: UnitIdentity
  private let machine: any CaseMachine
  private let accesses: AccessReading
  private var known: [CaseRequest: Tables] = [:]

  /// Makes the unit, latches the root table and enables translation.
  init(
    _ registers: PageTableCase.Registers, _ test: PageTableCase, _ factory: any CaseMachineFactory, _ memory: MemoryView
  ) throws {
    identity = registers.identity(hostAddressWidth: test.hostAddressWidth)
    let root = RootTableAddress(rawValue: registers.rootTable)
    isLegacy = root.mode == .legacy
    machine = try factory.makeMachine(identity, memory: memory)
    accesses = AccessReading(identity: identity, hasTransientMapping: false, root: root, isEnabled: true, memory: memory)
    machine.writeRegister(at: RegisterOffset.rootTableAddress, size: 8, value: registers.rootTable)
    for command in [GlobalCommand.rootTable, .translation] {
      machine.writeRegister(at: RegisterOffset.globalCommand, size: 4, value: UInt64(command.rawValue))
      machine.settle()
    }
  }

  /// The outcome of a request.
  func access(_ request: CaseRequest) -> CaseOutcome {
    let outcome = machine.access(request)
    machine.settle()
    return outcome
  }

  /// The entries on the way of a request as they stand now.
  func reading(_ request: CaseRequest) -> TableReading { TableReading(trail: accesses.trail(request)) }

  /// What the structures say of the tables of the request's requester and PASID; they stay as they are while the unit is in use.
  func tables(_ request: CaseRequest) -> Tables {
    var sender = request.withoutData
    sender.address = IOVirtualAddress(0)
    sender.kind = .read
    if let tables = known[sender] { return tables }
    var tables = Tables()
    if let entry = accesses.structures(request).pasidEntry {
      tables.isFirstStage = entry.stages == .firstStage || entry.stages == .nested
      if entry.stages == .secondStage, entry.secondStageAccessedDirty, identity.extended.secondStageAccessedDirty {
        tables.updates = entry.pageWalkSnoop && identity.extended.scalableModePageWalkCoherency ? .snooped : .notSnooped
      }
    }
    known[sender] = tables
    return tables
  }

  /// The context entry of the requester, if it has PRE without DTE.
  func contradictoryContext(_ request: CaseRequest) -> TableWord? {
    let structures = accesses.structures(request)
    guard structures.findings.contains(where: { $0.deviation == .contextContradiction }) else { return nil }
    return structures.trail.first { $0.name == StructureReading.contextEntry }
  }
}

/// The entries on the way of an address.
struct TableReading {
  /// Structures, then table entries from the top one to the leaf.
  let trail: [TableWord]

  init(trail: [TableWord]) { self.trail = trail }

  /// The entries of a table that stands alone; none of a first-stage table.
  init(_ table: BareTable, _ address: IOVirtualAddress, _ memory: MemoryView) {
    var trail: [TableWord] = []
    if table.stage == .second {
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

extension PageTableCase.Query {
  /// The query as a request that moves no data.
  func request(_ kind: AccessKind) -> CaseRequest {
    CaseRequest(requester: requester, pasid: pasid, kind: kind, address: address)
  }
}

extension PageTableCase.Mutation {
  /// The request, which moves no data.
  var request: CaseRequest {
    var request = query.request(kind)
    request.execute = executes
    request.privileged = isPrivileged
    return request
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
