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
      for (index, query) in test.queries.enumerated() {
        let request = query.request(.read)
        if !unit.tables(request).isFirstStage { checkLeaf(query, unit.reading(request), "query \(index)") }
      }
      for (index, query) in test.queries.enumerated() {
        for kind in [AccessKind.read, .write] {
          compare([query.expected], query.request(kind), "query \(index)", on: unit)
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

  private mutating func compare(
    _ answers: [PageTableCase.Answer], _ request: CaseRequest, _ place: String, on unit: TableUnit
  ) {
    let kind = request.kind
    let tables = unit.tables(request)
    let outcomes = answers.map { TableOutcome($0, kind, isLegacy: unit.isLegacy, isFirstStage: tables.isFirstStage) }
    let before = tables.updates == .notSnooped ? unit.reading(request) : nil
    var outcome = unit.access(request)
    if let before, before.needsUpdate(kind) {
      let isUpdateFault = outcome.reason == .secondStageUpdateNotSnooped
      guard isUpdateFault || !outcomes.contains(where: \.isTranslation) else {
        fail(place, Self.action(request), expected: "fault 7Ch, flags being clear", got: outcome.description, walk: before.trail)
        return
      }
      if isUpdateFault {
        // Software sets the flags; then the tables must translate as the case says.
        result.deviations.insert(.updateNotSnooped)
        before.setFlags(kind, in: memory.view)
        outcome = unit.access(request)
      }
    }
    guard outcomes.contains(where: { $0.admits(outcome) }) else {
      fail(place, Self.action(request), expected: Self.words(outcomes), got: outcome.sizedDescription, walk: unit.reading(request).trail)
      return
    }
    if outcome.reason == nil, tables.updates == .snooped {
      let after = unit.reading(request)
      if after.needsUpdate(kind) {
        fail(place, Self.action(request), expected: "accessed and dirty flags set", got: "flags clear", walk: after.trail)
      }
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
    if table.stage == .second { checkLeaf(query, reading, place) }
    for kind in [AccessKind.read, .write] {
      let expected = TableOutcome(query.expected, kind, isLegacy: false, isFirstStage: table.stage == .first)
      let outcome = factory.walk(table, for: query.address, kind: kind, in: memory.view)
      guard !expected.admits(outcome) else { continue }
      let action = "\(kind) at \(query.address)"
      fail(place, action, expected: expected.description, got: outcome.sizedDescription, walk: reading.trail)
    }
  }

  // MARK: What the leaf says

  /// The level that an answer gives beside the size of the page.
  private mutating func checkLevel(_ answer: PageTableCase.Answer, _ place: String) {
    guard case .hit(let mapping) = answer, Int(mapping.pageSizeLog2) != 3 + 9 * Int(mapping.level) else { return }
    fail(place, "level", expected: "the level of pages of 2^\(mapping.pageSizeLog2) bytes", got: "\(mapping.level)")
  }

  /// The flags of the leaf as the image holds them, before any access, against those that the case gives.
  private mutating func checkLeaf(_ query: PageTableCase.Query, _ reading: TableReading, _ place: String) {
    guard case .hit(let mapping) = query.expected else { return }
    checkLevel(query.expected, place)
    guard let leaf = reading.trail.last else { return }
    let flags = [
      ("dirty flag", mapping.dirty, VTdSecondStage.EntryBits.dirty), ("snoop bit", mapping.snoop, VTdSecondStage.EntryBits.snoop),
    ]
    for (name, expected, bit) in flags {
      guard let expected, expected != (leaf.value & bit != 0) else { continue }
      fail(place, name, expected: expected ? "set" : "clear", got: expected ? "clear" : "set", walk: reading.trail)
    }
  }
}
