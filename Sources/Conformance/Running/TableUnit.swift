import Hardware
import PageTables
import VTdArchitecture

/// A unit programmed with the registers of a page-table case.
final class TableUnit {
  /// What a requester's structures say of its tables.
  struct Tables: Hashable {
    var isFirstStage = false
    /// Whether walks snoop, without which they may not set flags.
    var isSnooped = false
    /// How many bits of a guest physical address the second stage of nested translation translates.
    var guestAddressWidth = 64
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
    machine = try factory.makeMachine(identity, updatesWithoutSnoop: false, memory: memory)
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

  /// Whether the request meets a first-stage entry of nested translation that names an address beyond the host address width.
  func meetsReservedGuestAddress(_ request: CaseRequest) -> Bool {
    guard tables(request).guestAddressWidth < 64, let entry = reading(request).trail.last, entry.stage == .first else { return false }
    return entry.value[bit: 0] && entry.value & .mask(bits: 12...51) >> UInt64(identity.hostAddressWidth) != 0
  }

  /// What the structures say of the tables of the request's requester and PASID; they stay as they are while the unit is in use.
  func tables(_ request: CaseRequest) -> Tables {
    var sender = request.withoutData
    sender.address = IOVirtualAddress(0)
    sender.kind = .read
    if let tables = known[sender] { return tables }
    var tables = Tables()
    let structures = accesses.structures(request)
    if let entry = structures.pasidEntry {
      tables.isSnooped = entry.pageWalkSnoop && identity.extended.scalableModePageWalkCoherency
      if case .firstStage(let reading, _)? = accesses.tables(structures, observed: false) {
        tables.isFirstStage = true
        tables.guestAddressWidth = reading.guestAddressWidth
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

/// The entries on the way of an access, structures first, then table entries as the walk meets them.
struct TableReading {
  let trail: [TableWord]

  init(trail: [TableWord]) { self.trail = trail }

  /// The entries of a table that stands alone.
  init(_ table: BareTable, _ address: IOVirtualAddress, _ memory: MemoryView) {
    var trail: [TableWord] = []
    switch table.stage {
    case .first:
      let tables = FirstStageReading(
        levels: Int(table.levels), root: table.root.rawValue, hostAddressWidth: table.hostAddressWidth, pages1G: true, memory: memory)
      _ = tables.outcome(for: address, kind: .read, order: .permissionLast, trail: &trail)
    case .second:
      let features = VTdSecondStage.Features(hostAddressWidth: UInt8(table.hostAddressWidth))
      let tables = SecondStageReading(format: VTdSecondStage(levels: table.levels, features: features), root: table.root, memory: memory)
      _ = tables.outcome(for: address, kind: .read, order: .permissionLast, trail: &trail)
    }
    self.trail = trail
  }

  /// The leaf of a stage: the last entry of that stage that was met.
  func leaf(_ stage: TranslationStage) -> TableWord? { trail.last { $0.stage == stage } }

  /// What the entries of a stage permit together; of a second stage those that the output goes through, not those that tables do.
  func permissions(_ stage: TranslationStage) -> Permissions {
    let afterTables = trail.lastIndex { $0.stage == .first }.map { $0 + 1 } ?? 0
    switch stage {
    case .first: return isWritable ? .readWrite : .read
    case .second:
      return trail[afterTables...].filter { $0.stage == .second }
        .reduce(.readWrite) { $0.intersection(Permissions(rawValue: UInt8($1.value & 3))) }
    }
  }

  /// Whether every first-stage entry has R/W.
  var isWritable: Bool { trail.allSatisfy { $0.stage != .first || $0.value[bit: 1] } }

  /// The codes of updates that walks may not make without snooping: one for each stage with a flag that is clear and must be set.
  var updateFaults: Set<FaultReason> {
    Set(trail.filter { $0.missingFlags != 0 }.map { $0.stage == .first ? .firstStageUpdateNotSnooped : .secondStageUpdateNotSnooped })
  }

  /// The entries in which a flag is clear that the access must have set.
  func withoutFlags(in memory: MemoryView) -> [TableWord] {
    trail.filter { word in memory.read64(word.address).map { word.flags & ~$0 != 0 } ?? true && word.flags != 0 }
  }

  /// Sets the flags that the access needs, as software does where hardware may not.
  func setFlags(in memory: MemoryView) {
    for word in trail where word.flags != 0 { memory.write64(word.address, (memory.read64(word.address) ?? 0) | word.flags) }
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
