import Foundation
import Testing

@testable import Conformance

/// The corpora of `Corpus/`, whose origin its README tells.
@Suite struct CorpusTests {
  static func path(_ name: String) -> String {
    Bundle.module.url(forResource: "Corpus", withExtension: nil)?.appendingPathComponent(name + ".jsonl.zst").path ?? name
  }

  private func run(_ name: String, on models: IOMMUModels = IOMMUModels()) throws -> (tally: Tally, failures: [String]) {
    var failures: [String] = []
    let runner = Runner(models) { if $0.contains(": expected ") { failures.append($0) } }
    return (try runner.run([Self.path(name)]), failures)
  }

  /// The model as it comes, and one that differs wherever the specification leaves a choice and has next to no caches.
  static let models: [IOMMUModels] = {
    var other = AlteredModels.forgetful.models
    other.vtdChoices.collapsesFaultsOfOneRequester = true
    other.vtdChoices.recordsWholeAddress = true
    other.vtdChoices.checksBothRootHalves = true
    other.vtdChoices.secondStagePermissionCheck = .atEachLevel
    other.vtdChoices.interruptRangeBeforePermission = false
    other.vtdChoices.excessiveAddressMask = .invalidDescriptor
    other.vtdChoices.descriptors.granularityError = .reservedField
    return [IOMMUModels(), other]
  }()

  @Test("Every whole-IOMMU case that needs no first stage passes, whatever the specification lets a unit choose", arguments: models.indices)
  func wholeUnits(choice: Int) throws {
    let (tally, failures) = try run("qemu/vtd-seed1", on: Self.models[choice])
    #expect(failures == [])
    #expect(tally.total.passed == 855)
    #expect(tally.total.skipped == [.untrusted: 50, .stage(.first): 340])
    let required = [
      "legacy-", "scalable-ss-", "scalable-struct-ss-", "inval-legacy-", "inval-ss-", "queue-", "snp-tm-", "enable-toggle",
      "fault-recording", "registers",
    ]
    for prefix in required {
      let counts = tally.counts { $0.hasPrefix(prefix) }
      #expect(counts.passed > 0, "\(prefix)")
      #expect(Set(counts.skipped.keys).isSubset(of: [.untrusted]), "\(prefix)")
    }
  }

  @Test(
    "Every page-table case of second-stage translation and pass-through passes",
    arguments: [("vtd", 218, 182), ("vtd_legacy", 50, 0), ("vtd_tables_612", 59, 21), ("mut_vtd_ss", 40, 0), ("vtd_sm", 1, 109)])
  func pageTables(file: String, passed: Int, skipped: Int) throws {
    let (tally, failures) = try run("pagetables/\(file)")
    #expect(failures == [])
    #expect(tally.total.passed == passed)
    #expect(tally.total.skippedInAll == skipped)
  }

  @Test("Cases of other kinds are skipped and counted", arguments: [("mut_vtd_fs", 40), ("entry_vectors", 800)])
  func otherKinds(file: String, count: Int) throws {
    let (tally, _) = try run("pagetables/\(file)")
    #expect(tally.totals == "0 passed, 0 failed, \(count) skipped")
  }
}
