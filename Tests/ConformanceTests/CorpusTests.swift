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

  @Test("Every whole-IOMMU case that is believed passes, whatever the specification lets a unit choose", arguments: models.indices)
  func wholeUnits(choice: Int) throws {
    let (tally, failures) = try run("qemu/vtd-seed1", on: Self.models[choice])
    #expect(failures == [])
    #expect(tally.total.passed == 1195)
    #expect(tally.total.skipped == [.untrusted: 50])
    let required = [
      "legacy-", "scalable-ss-", "scalable-fs-", "scalable-struct-ss-", "scalable-struct-fs-", "inval-legacy-", "inval-ss-", "inval-fs-",
      "queue-", "snp-tm-", "enable-toggle", "multi-domain", "fault-recording", "registers",
    ]
    for prefix in required { #expect(tally.counts { $0.hasPrefix(prefix) }.passed > 0, "\(prefix)") }
  }

  @Test(
    "Every page-table case passes: first stage, second stage, nested, pass-through, entries",
    arguments: [
      ("vtd", 400), ("vtd_sm", 110), ("vtd_legacy", 50), ("vtd_tables_612", 80), ("mut_vtd_fs", 40), ("mut_vtd_ss", 40),
      ("entry_vectors", 200),
    ])
  func pageTables(file: String, passed: Int) throws {
    let (tally, failures) = try run("pagetables/\(file)")
    #expect(failures == [])
    #expect(tally.total.passed == passed)
    #expect(tally.total.skippedInAll == (file == "entry_vectors" ? 600 : 0))
  }
}
