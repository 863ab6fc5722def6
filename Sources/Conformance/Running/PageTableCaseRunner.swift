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
        checkLeaf(query, unit.reading(query.request(.read)), "query \(index)")
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
    checkLeaf(query, reading, place)
    for kind in [AccessKind.read, .write] {
      let expected = TableOutcome.outcomes(query.expected, kind, isLegacy: false, isFirstStage: table.stage == .first)
      let outcome = factory.walk(table, for: query.address, kind: kind, in: memory.view)
      guard !expected.contains(where: { $0.admits(outcome) }) else { continue }
      fail(place, "\(kind) at \(query.address)", expected: Self.words(expected), got: outcome.sizedDescription, walk: reading.trail)
    }
  }

  // MARK: What the leaf says

  /// The level that an answer gives beside the size of the page.
  private mutating func checkLevel(_ answer: PageTableCase.Answer, _ place: String) {
    for (_, mapping) in answer.mappings where Int(mapping.pageSizeLog2) != 3 + 9 * Int(mapping.level) {
      fail(
        place, "level", expected: "the level of pages of 2^\(mapping.pageSizeLog2) bytes", got: "\(mapping.level)")
    }
  }

  /// The flags of the leaves as the image holds them, before any access, against those that the case gives.
  private mutating func checkLeaf(_ query: PageTableCase.Query, _ reading: TableReading, _ place: String) {
    checkLevel(query.expected, place)
    for (stage, mapping) in query.expected.mappings {
      // Of an answer that names no stage the tables say which it is.
      let leaf = stage.map(reading.leaf) ?? reading.trail.last { $0.stage != nil }
      guard let leaf else { continue }
      for (name, expected, bit) in mapping.flags(leaf.stage) where expected != (leaf.value & bit != 0) {
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
}

extension PageTableCase.Mapping {
  /// The bits of the leaf that the case gives.
  fileprivate func flags(_ stage: TranslationStage?) -> [(name: String, expected: Bool, bit: UInt64)] {
    let isFirst = stage == .first
    let flags: [(String, Bool?, UInt64)] = [
      ("accessed flag", isFirst ? accessed : nil, 1 << 5),
      ("dirty flag", dirty, isFirst ? 1 << 6 : VTdSecondStage.EntryBits.dirty),
      ("snoop bit", isFirst ? nil : snoop, VTdSecondStage.EntryBits.snoop),
    ]
    return flags.compactMap { name, expected, bit in expected.map { (name, $0, bit) } }
  }
}
