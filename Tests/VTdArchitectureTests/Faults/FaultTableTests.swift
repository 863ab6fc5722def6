import Hardware
import Testing

@testable import VTdArchitecture

@Suite struct FaultTableTests {
  @Test("Every condition answers each of the eight kinds of request, at least one with a fault")
  func rows() {
    for condition in FaultReason.table {
      #expect(condition.answers.count == RequestKind.allCases.count, "\(condition.id)")
      #expect(condition.answers.contains { $0 != .none }, "\(condition.id)")
      #expect(!condition.meaning.isEmpty)
    }
  }

  @Test("No condition stands twice in the table, interrupt conditions aside, which have no names")
  func unique() {
    var seen: Set<String> = []
    for condition in FaultReason.table where condition.id != "INT" { #expect(seen.insert(condition.id).inserted, "\(condition.id)") }
  }

  @Test("Whether a reason is qualified is the same for all its conditions and for the quick test")
  func qualified() {
    for condition in FaultReason.table { #expect(condition.isQualified == condition.reason.isQualified, "\(condition.id)") }
  }

  @Test("The reasons of interrupts are told by their code")
  func interrupts() {
    for condition in FaultReason.table { #expect(condition.reason.isInterruptFault == (condition.group == .interrupt), "\(condition.id)") }
  }

  @Test("The table has exactly the reasons of the specification")
  func codes() {
    let codes = Set(FaultReason.table.map(\.reason.rawValue))
    let expected =
      Array(0x01...0x0E) + Array(0x20...0x2B) + Array(0x30...0x34) + Array(0x38...0x3A) + Array(0x40...0x49) + Array(0x50...0x52)
      + Array(0x58...0x5D) + [0x60] + Array(0x70...0x7D) + Array(0x80...0x87) + [0x89, 0x90, 0x91] + Array(0xA0...0xA5)
    #expect(codes == Set(expected.map { UInt8($0) }))
  }

  @Test("Only the current revision has the conditions of host permissions and of PASIDs in translated requests")
  func revisions() {
    let added = Set(FaultReason.table.filter { !$0.revisions.contains(.revision4) }.map(\.id))
    #expect(added.isSuperset(of: ["RTA.1.4", "RTA.5", "SCT.4.3", "SCT.10", "SPT.9", "HPT.1", "SGN.3"]))
    #expect(FaultReason.table.filter { $0.reason == .noExecute }.map(\.revisions) == [[.revision3]])
  }

  @Test(
    "A fault answers a translation request as the specification says",
    arguments: [
      (0x02, .unsupportedRequest), (0x0B, .completerAbort), (0x05, .successWithRemainingPermissions), (0x04, .successWithoutPermission),
      (0x0D, .unsupportedRequest), (0x39, .unsupportedRequest), (0x43, .completerAbort), (0x44, .unsupportedRequest),
      (0x59, .successWithoutPermission), (0x5A, .completerAbort), (0x79, .successWithoutPermission), (0x7A, .completerAbort),
      (0x91, .successWithoutPermissionRecorded), (0x86, .successWithRemainingPermissions),
    ] as [(UInt8, FaultAnswer)])
  func translation(code: UInt8, answer: FaultAnswer) {
    let answers = Set(FaultReason(code).conditions.map { $0.answer(to: .translation) })
    #expect(answers.contains(answer), "\(answers)")
  }

  @Test("All conditions of a reason answer a translation request alike, with a PASID and without")
  func translationAnswers() {
    for reason in Set(FaultReason.table.map(\.reason)) {
      let answers = reason.conditions.flatMap { [$0.answer(to: .translation), $0.answer(to: .translationWithPASID)] }
      let given = Set(answers.filter { $0 != .none })
      #expect(given.count < 2, "\(reason)")
      #expect(reason.answerToTranslationRequest == given.first ?? .unsupportedRequest, "\(reason)")
    }
    #expect(FaultReason(0).answerToTranslationRequest == .unsupportedRequest)
  }

  @Test("Page requests are answered with invalid request for configuration faults only")
  func pageRequests() {
    let reasons = Set(FaultReason.table.filter { $0.answer(to: .pageRequest) == .invalidRequest }.map(\.reason.rawValue))
    #expect(reasons.isSuperset(of: [0x30, 0x32, 0x33, 0x38, 0x41, 0x47, 0x48, 0x59, 0x5B]))
    #expect(reasons.isDisjoint(with: [0x44, 0x49, 0x5C, 0x5D, 0x89, 0x71, 0x79]))
  }

  @Test("Recoverable answers are not recorded, but for the failed update of first-stage flags")
  func recorded() {
    #expect(FaultAnswer.allCases.filter { !$0.isRecorded } == [.none, .successWithoutPermission, .successWithRemainingPermissions])
  }

  @Test("A reason is written as the specification writes it, and explains itself")
  func description() {
    #expect(FaultReason.noWrite.description == "05h")
    #expect(FaultReason.pasidEntryReserved.description == "5Ah")
    #expect(FaultReason(0x05).meaning == "no write permission")
    #expect(FaultReason(0x06) > .noWrite)
    #expect(FaultReason(0xFF).meaning == nil)
  }
}
