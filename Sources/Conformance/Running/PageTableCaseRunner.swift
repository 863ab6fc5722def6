import Hardware
import PageTables
import VTdArchitecture

/// Runs one page-table case: every query by a read and a write of its own, every mutation on a unit of its own.
struct PageTableCaseRunner {
  private let test: PageTableCase
  private let factory: any CaseMachineFactory
  private let memory: PhysicalMemory
  private var result: CaseResult

  /// Builds the image.
  init(_ test: PageTableCase, factory: any CaseMachineFactory) throws {
    self.test = test
    self.factory = factory
    memory = try PhysicalMemory()
    result = CaseResult(header: test.header)
    for block in test.blocks {
      for frame in 0..<block.length / 4096 { memory.addFrame(block.address.advanced(by: 4096 * frame)) }
      for run in block.runs {
        memory.view.writeWords(block.address.advanced(by: UInt64(8 * run.index)), run.words)
      }
    }
  }

  /// All queries and mutations.
  mutating func run() throws -> CaseResult {
    if let registers = test.registers, !test.queries.isEmpty {
      try mendContexts(registers)
      let unit = try TableUnit(registers, test, factory, memory.view)
      var wideTest = test
      wideTest.hostAddressWidth = 52
      let wideUnit = test.kind == .scalable ? try TableUnit(registers, wideTest, factory, memory.view) : unit
      let isTooWide = test.queries.map { unit.meetsReservedGuestAddress($0.request(.read)) }
      for (index, query) in test.queries.enumerated() {
        checkStages(query, (isTooWide[index] ? wideUnit : unit).reading(query.request(.read)), "query \(index)")
      }
      for (index, query) in test.queries.enumerated() {
        for kind in [AccessKind.read, .write] {
          let request = query.request(kind)
          if isTooWide[index] { refuse(request, "query \(index)", on: unit) }
          compare([query.expected], request, "query \(index)", on: isTooWide[index] ? wideUnit : unit)
        }
      }
    }
    if let table = test.table {
      for (index, query) in test.queries.enumerated() { run(query, table, "query \(index)") }
    }
    for (index, mutation) in test.mutations.enumerated() { try run(mutation, "mutation \(index) (\(mutation.name))") }
    return result
  }

  private mutating func fail(_ place: String, _ action: String, expected: String, got: String, walk: [TableWord] = []) {
    let words = walk.map { "\($0.name) at \($0.address): 0x\(String($0.value, radix: 16))" }
    result.failures.append(CaseResult.Failure(place: place, action: action, expected: expected, got: got, walk: words))
  }

  // MARK: Behind structures

  /// Takes PRE out of context entries that have it without DTE, once the unit has called them invalid.
  private mutating func mendContexts(_ registers: PageTableCase.Registers) throws {
    let unit = try TableUnit(registers, test, factory, memory.view)
    var seen: Set<RequesterID> = []
    for (index, query) in test.queries.enumerated() where seen.insert(query.requester).inserted {
      let request = query.request(.read)
      guard let context = unit.contradictoryContext(request) else { continue }
      let outcome = unit.access(request)
      if outcome.reason != .scalableContextInvalid {
        let expected = "fault \(FaultReason.scalableContextInvalid), PRE being set without DTE"
        fail("query \(index)", Self.action(request), expected: expected, got: outcome.description, walk: [context])
      }
      memory.view.write64(context.address, context.value & ~(1 << 4))
      result.deviations.insert(.pageRequestsWithoutDeviceTLB)
    }
  }

  private mutating func run(_ mutation: PageTableCase.Mutation, _ place: String) throws {
    var old: [PageTableCase.Patch] = []
    for patch in mutation.patch {
      guard let word = memory.view.read64(patch.address) else {
        fail(place, "patch of \(patch.address)", expected: "memory", got: "none")
        continue
      }
      old.append(PageTableCase.Patch(address: patch.address, word: word))
      memory.view.write64(patch.address, patch.word)
    }
    let unit = try TableUnit(mutation.registers, test, factory, memory.view)
    for answer in mutation.allowed { checkLevel(answer, place) }
    compare(mutation.allowed, mutation.request, place, on: unit)
    for patch in old.reversed() { memory.view.write64(patch.address, patch.word) }
  }

  /// A guest physical address beyond the host address width is a reserved bit of the first-stage entry that names it; the answer that the
  /// case gives is that of a unit which is wide enough.
  private mutating func refuse(_ request: CaseRequest, _ place: String, on unit: TableUnit) {
    result.deviations.insert(.guestAddressBeyondHost)
    let outcome = unit.access(request)
    guard outcome.reason != .firstStageReserved, outcome.reason != .firstStageBeyondWidth else { return }
    fail(
      place, Self.action(request), expected: "fault \(FaultReason.firstStageReserved), the guest physical address being too wide",
      got: outcome.description, walk: unit.reading(request).trail)
  }

  private mutating func compare(
    _ answers: [PageTableCase.Answer], _ request: CaseRequest, _ place: String, on unit: TableUnit
  ) {
    let tables = unit.tables(request)
    let before = unit.reading(request)
    let outcomes = answers.flatMap {
      TableOutcome.outcomes(
        $0, request.kind, isLegacy: unit.isLegacy, isFirstStage: tables.isFirstStage, guestAddressWidth: tables.guestAddressWidth,
        isWritable: before.isWritable)
    }
    var outcome = unit.access(request)
    let updateFaults = tables.isSnooped ? [] : before.updateFaults
    if !updateFaults.isEmpty {
      let isUpdateFault = outcome.reason.map(updateFaults.contains) ?? false
      guard isUpdateFault || !outcomes.contains(where: \.isTranslation) else {
        let codes = updateFaults.map { "fault \($0)" }.sorted().joined(separator: " or ")
        fail(place, Self.action(request), expected: "\(codes), flags being clear", got: outcome.description, walk: before.trail)
        return
      }
      if isUpdateFault {
        // Software sets the flags; then the tables must translate as the case says.
        result.deviations.insert(.updateNotSnooped)
        before.setFlags(in: memory.view)
        outcome = unit.access(request)
      }
    }
    guard outcomes.contains(where: { $0.admits(outcome) }) else {
      fail(place, Self.action(request), expected: Self.words(outcomes), got: outcome.sizedDescription, walk: unit.reading(request).trail)
      return
    }
    if outcome.reason == nil, case let words = before.withoutFlags(in: memory.view), !words.isEmpty {
      fail(place, Self.action(request), expected: "accessed and dirty flags set", got: "flags clear", walk: words)
    }
    if answers.contains(where: { if case .passThrough = $0 { true } else { false } }) { result.deviations.insert(.passThroughCapability) }
  }

  private static func action(_ request: CaseRequest) -> String {
    let kind = request.execute ? "execute" : "\(request.kind)"
    let pasid = request.pasid.map { " with PASID \($0)" } ?? ""
    return "\(request.privileged ? "privileged " : "")\(kind) at \(request.address) by \(request.requester)" + pasid
  }

  private static func words(_ outcomes: [TableOutcome]) -> String { outcomes.map(\.description).joined(separator: " or ") }

  // MARK: Alone

  private mutating func run(_ query: PageTableCase.Query, _ table: BareTable, _ place: String) {
    let reading = TableReading(table, query.address, memory.view)
    checkStages(query, reading, place)
    for kind in [AccessKind.read, .write] {
      let expected = TableOutcome.outcomes(query.expected, kind, isLegacy: false, isFirstStage: table.stage == .first)
      let outcome = factory.walk(table, for: query.address, kind: kind, in: memory.view)
      guard !expected.contains(where: { $0.admits(outcome) }) else { continue }
      fail(place, "\(kind) at \(query.address)", expected: Self.words(expected), got: outcome.sizedDescription, walk: reading.trail)
    }
  }

  // MARK: What the tables say

  /// The level that an answer gives beside the size of the page.
  private mutating func checkLevel(_ answer: PageTableCase.Answer, _ place: String) {
    for (_, mapping) in answer.mappings where Int(mapping.pageSizeLog2) != 3 + 9 * Int(mapping.level) {
      fail(place, "level", expected: "the level of pages of 2^\(mapping.pageSizeLog2) bytes", got: "\(mapping.level)")
    }
  }

  /// What the image holds before any access, stage by stage, against what the case gives.
  private mutating func checkStages(_ query: PageTableCase.Query, _ reading: TableReading, _ place: String) {
    checkLevel(query.expected, place)
    if let expected = query.expected.guestAddress, let leaf = reading.leaf(.first), let size = leaf.pageSizeLog2 {
      let offset = UInt64.mask(width: Int(size))
      let address = GuestPhysicalAddress(leaf.value & .mask(bits: 12...51) & ~offset | query.address.rawValue & offset)
      if address != expected { fail(place, "guest physical address", expected: "\(expected)", got: "\(address)", walk: reading.trail) }
    }
    for (stage, mapping) in query.expected.mappings {
      // Of an answer that names no stage the tables say which it is.
      guard let stage = stage ?? reading.trail.last?.stage, let leaf = reading.leaf(stage), let size = leaf.pageSizeLog2 else { continue }
      let permissions = reading.permissions(stage)
      if size != mapping.pageSizeLog2 || permissions != mapping.permissions ?? permissions {
        fail(
          place, "what the tables say", expected: "2^\(mapping.pageSizeLog2) bytes \(mapping.permissions ?? permissions)",
          got: "2^\(size) bytes \(permissions)", walk: reading.trail)
      }
      for (name, expected, bit) in mapping.flags(stage) where expected != (leaf.value & bit != 0) {
        fail(place, name, expected: expected ? "set" : "clear", got: expected ? "clear" : "set", walk: reading.trail)
      }
    }
  }
}

extension PageTableCase.Answer {
  /// What the answer says of each stage, or of the only one.
  fileprivate var mappings: [(stage: TranslationStage?, mapping: PageTableCase.Mapping)] {
    switch self {
    case .hit(let mapping): [(nil, mapping)]
    case .nested(let first, _, let second): [(.first, first), (.second, second)]
    default: []
    }
  }

  /// What the first stage of nested translation comes to.
  fileprivate var guestAddress: GuestPhysicalAddress? {
    switch self {
    case .nested(_, let address, _), .secondStageMiss(let address): address
    default: nil
    }
  }
}

extension PageTableCase.Mapping {
  /// The bits of the leaf that the case gives.
  fileprivate func flags(_ stage: TranslationStage) -> [(name: String, expected: Bool, bit: UInt64)] {
    let flags: [(String, Bool?, UInt64)] =
      switch stage {
      case .first: [("accessed flag", accessed, 1 << 5), ("dirty flag", dirty, 1 << 6)]
      case .second: [("dirty flag", dirty, VTdSecondStage.EntryBits.dirty), ("snoop bit", snoop, VTdSecondStage.EntryBits.snoop)]
      }
    return flags.compactMap { name, expected, bit in expected.map { (name, $0, bit) } }
  }
}
