import Hardware
import VTdArchitecture

/// Compares the words of entries with their fields by the declared layouts, and the entries with the rules for valid ones.
struct EntryCaseRunner {
  private let test: EntryCase
  private var result: CaseResult

  /// A unit that can do whatever entries ask for.
  private static let rules = EntryRules(
    UnitIdentity(
      version: ArchitectureVersion(rawValue: 0x40), capabilities: Capabilities(rawValue: 0x1100_000C_0038_0E06),
      extended: ExtendedCapabilities(rawValue: 0x0003_E99C_A400_00C7), hostAddressWidth: 52))

  init(_ test: EntryCase) {
    self.test = test
    result = CaseResult(header: test.header)
  }

  /// Every word of both entries, whether they are valid, and whose they are.
  mutating func run() -> CaseResult {
    compare(test.pasidEntry, PASIDTableEntry.layout)
    compare(test.contextEntry, ScalableContextEntry.layout)
    var entry = PASIDTableEntry()
    for (index, word) in test.pasidEntry.words.enumerated() { entry.words[index] = word }
    if entry.stages == .nested, entry.firstStageTable.rawValue >> (30 + 9 * UInt64(entry.width)) != 0 {
      expect(.pasidEntryInvalid, Self.rules.fault(in: entry), "PASID entry with a first-stage table beyond the second stage")
      result.deviations.insert(.firstStageTableBeyondSecondStage)
    } else {
      expect(nil, Self.rules.fault(in: entry), "PASID entry")
    }
    var context = ScalableContextEntry(words: .zero)
    for (index, word) in test.contextEntry.words.enumerated() { context.words[index] = word }
    if context.pageRequestsEnabled, !context.deviceTLBEnabled {
      expect(.scalableContextInvalid, Self.rules.fault(in: context), "context entry with PRE and without DTE")
      context.pageRequestsEnabled = false
      result.deviations.insert(.pageRequestsWithoutDeviceTLB)
    }
    expect(nil, Self.rules.fault(in: context), "context entry")
    var root = ScalableRootEntry()
    root.words[test.isUpperHalf ? 1 : 0] = test.rootHalf
    expect(nil, Self.rules.fault(in: root[test.requester.deviceFunction]), "root entry for \(test.requester)")
    return result
  }

  private mutating func expect(_ expected: FaultReason?, _ fault: FaultReason?, _ name: String) {
    guard fault != expected else { return }
    func words(_ fault: FaultReason?) -> String { fault.map { "fault \($0)" } ?? "a valid entry" }
    result.failures.append(CaseResult.Failure(place: name, action: "check", expected: words(expected), got: words(fault)))
  }

  /// The words must hold the fields that the case names and nothing else.
  private mutating func compare(_ entry: EntryCase.Entry, _ layout: StructureDeclaration) {
    for (index, word) in entry.words.enumerated() {
      var composed: UInt64 = 0
      for field in layout.fields where field.bits.lowerBound / 64 == index {
        guard let value = entry.fields[field.name] else { continue }
        // A pointer stands where its bits have their own places.
        let isPointer = field.bits.lowerBound % 64 == 12 && field.bits.count > 20
        composed |= isPointer ? value : value << UInt64(field.bits.lowerBound % 64)
      }
      guard composed != word else { continue }
      result.failures.append(
        CaseResult.Failure(
          place: layout.name, action: "word \(index) of its fields", expected: "0x" + String(word, radix: 16),
          got: "0x" + String(composed, radix: 16)))
    }
  }
}
