import Hardware
import Testing
import VTdArchitecture

@testable import Conformance

/// Cases of the corpus with one expectation made wrong each: every one of them must fail.
@Suite struct AlteredExpectationTests {
  /// What can be made wrong.
  enum Alteration: String, CaseIterable {
    case place, data, status, faultStatus, low, high, reason, spelledReason, demandedReason, register, memory

    /// The step with its expectation made wrong; nil if it has no such expectation.
    func alter(_ step: IOMMUCase.Step) -> IOMMUCase.Step? {
      switch step {
      case .registerRead(var read) where self == .register:
        read.observed ^= 8
        return .registerRead(read)
      case .memoryRead(var words) where self == .memory:
        words.words[0] ^= 1 << 20
        return .memoryRead(words)
      case .access(var access): return alter(&access.observed) ? .access(access) : nil
      default: return nil
      }
    }

    private func alter(_ seen: inout IOMMUCase.Observation) -> Bool {
      switch self {
      case .place:
        guard var pieces = seen.pieces, let last = pieces.popLast() else { return false }
        seen.pieces = pieces + [last.advanced(by: 0x1000)]
      case .data:
        guard let first = seen.data?.first else { return false }
        seen.data?[0] = first ^ 1
      case .status:
        // Reads of what is no memory look either way.
        if seen.completed, seen.pieces == nil { return false }
        seen = IOMMUCase.Observation(completed: !seen.completed)
      case .faultStatus: seen.fault?.status ^= 0x40
      case .low: seen.fault?.record?.low ^= 0x1000
      case .high: seen.fault?.record?.high ^= 1
      case .spelledReason: seen.fault?.record?.reason.rawValue ^= 0x20
      case .reason:
        seen.fault?.record?.reason.rawValue ^= 0x20
        seen.fault?.record?.high ^= 0x20 << 32
        seen.fault?.architecturalReasons = []
      case .demandedReason:
        guard seen.fault?.architecturalReasons.isEmpty == false else { return false }
        seen.fault?.architecturalReasons = [.notCanonical]
      case .register, .memory: return false
      }
      return seen.fault != nil || [.place, .data, .status].contains(self)
    }
  }

  /// The first runnable case of every category.
  static let cases: [IOMMUCase] = {
    var seen: Set<String> = []
    var cases: [IOMMUCase] = []
    guard var reader = try? CaseReader(path: CorpusTests.path("qemu/vtd-seed1")) else { return [] }
    while let next = try? reader.next() {
      guard case .iommu(let test) = next, test.header.trust != .qemu else { continue }
      if seen.insert(test.header.category).inserted { cases.append(test) }
    }
    return cases
  }()

  @Test("A wrong expectation fails, wherever it stands", arguments: Alteration.allCases)
  func wrongExpectationFails(alteration: Alteration) throws {
    let runner = Runner(IOMMUModels()) { _ in }
    var altered = 0
    for test in Self.cases {
      for (index, step) in test.steps.enumerated() {
        guard let wrong = alteration.alter(step) else { continue }
        var test = test
        test.steps[index] = wrong
        // A queue of hundreds of descriptors is run for its first reads only.
        if index > 300 { break }
        altered += 1
        let isPassed = try runner.run(.iommu(test)).isPassed
        #expect(!isPassed, "\(test.header.id) with step \(index) altered")
      }
    }
    #expect(altered > 0)
  }

  @Test("A flag of a first-stage entry that was not seen, or was seen and is taken away, fails", arguments: [5, 6, 10])
  func wrongFlagsFail(bit: Int) throws {
    let runner = Runner(IOMMUModels()) { _ in }
    var altered = 0
    for test in Self.firstStageCases {
      for (index, step) in test.steps.enumerated() {
        guard case .memoryRead(var words) = step else { continue }
        words.words[0] ^= 1 << UInt64(bit)
        var test = test
        test.steps[index] = .memoryRead(words)
        altered += 1
        let isPassed = try runner.run(.iommu(test)).isPassed
        #expect(!isPassed, "\(test.header.id) with step \(index) altered")
      }
    }
    #expect(altered > 50)
  }

  /// Cases in which the flags of many entries are read, and none differs from what the architecture demands.
  static let firstStageCases: [IOMMUCase] = {
    var cases: [IOMMUCase] = []
    guard var reader = try? CaseReader(path: CorpusTests.path("qemu/vtd-seed1")) else { return [] }
    while cases.count < 8, let next = try? reader.next() {
      guard case .iommu(let test) = next, test.header.category == "scalable-fs-random",
        let result = try? Runner(IOMMUModels(), print: { _ in }).run(next)
      else { continue }
      if result.deviations.isDisjoint(with: [.flagsLeftClear, .flagsOfBlockedRequests]) { cases.append(test) }
    }
    return cases
  }()

  @Test(
    "A wrong answer of first-stage translation fails",
    arguments: [
      ("0x200abc", "0x201abc"), (#""sz":"0x1000","lv":1"#, #""sz":"0x200000","lv":2"#), (#""lv":1"#, #""lv":2"#),
      (#""p":"rw""#, #""p":"r""#),
      (#""us":1"#, #""us":0"#), (#""ac":1"#, #""ac":0"#), (#""d":1"#, #""d":0"#), (#""r":"hit""#, #""r":"miss""#),
      (#""r":"hit""#, #""r":"noncanon""#), (#""r":"hit""#, #""r":"fault","code":"0x72""#),
    ])
  func wrongFirstStageAnswerFails(old: String, new: String) throws {
    let text = SmallTables.firstStage(queries: SmallTables.firstStageHits)
    #expect(try SmallTables.run(text).isPassed)
    let range = try #require(text.range(of: old))
    #expect(try !SmallTables.run(text.replacingCharacters(in: range, with: new)).isPassed)
  }

  @Test(
    "A wrong answer of nested translation fails, whichever stage it is wrong of",
    arguments: [
      ("0x200abc", "0x201abc"), (#""gpa":"0x5abc""#, #""gpa":"0x6abc""#),
      (#""st1":{"sz":"0x1000","lv":1"#, #""st1":{"sz":"0x200000","lv":2"#),
      (#""st2":{"sz":"0x1000","lv":1"#, #""st2":{"sz":"0x200000","lv":2"#),
      (#""st1":{"sz":"0x1000","lv":1"#, #""st1":{"sz":"0x1000","lv":2"#),
      (#""p":"rw","us":1"#, #""p":"r","us":1"#), (#""us":1"#, #""us":0"#), (#""ac":1"#, #""ac":0"#), (#""ac":1,"d":1"#, #""ac":1,"d":0"#),
      (#""p":"rw","d":0"#, #""p":"r","d":0"#), (#""p":"rw","d":0"#, #""p":"w","d":0"#), (#""d":0,"snp":0"#, #""d":1,"snp":0"#),
      (#""snp":0"#, #""snp":1"#),
      (#""r":"hit","gpa":"0x5abc","pa":"0x200abc","st1""#, #""r":"ssmiss","gpa":"0x5abc","pa":"0x200abc","st0""#),
      (#""r":"hit","gpa":"0x5abc","pa":"0x200abc","st1""#, #""r":"miss","gpa":"0x5abc","pa":"0x200abc","st0""#),
    ])
  func wrongNestedAnswerFails(old: String, new: String) throws {
    let text = SmallTables.nested(queries: SmallTables.nestedHit)
    #expect(try SmallTables.run(text).isPassed)
    let range = try #require(text.range(of: old))
    #expect(try !SmallTables.run(text.replacingCharacters(in: range, with: new)).isPassed)
  }

  @Test(
    "A wrong answer of a page-table case fails",
    arguments: [
      ("0x200abc", "0x201abc"), (#""sz":"0x1000","lv":1,"p":"rw","d":0,"snp":0},"#, #""sz":"0x200000","lv":2,"p":"rw","d":0,"snp":0},"#),
      (#""lv":1,"p":"rw","d":0,"snp":0},"#, #""lv":2,"p":"rw","d":0,"snp":0},"#),
      (#""p":"rw","d":0,"snp":0},"#, #""p":"r","d":0,"snp":0},"#),
      (#""p":"rw","d":0,"snp":0},"#, #""p":"w","d":0,"snp":0},"#), (#""d":0,"snp":0},"#, #""d":1,"snp":0},"#),
      (#""snp":0},"#, #""snp":1},"#), (#""r":"hit","pa":"0x200abc""#, #""r":"miss","pa":"0x200abc""#),
      (#""r":"hit","pa":"0x200abc""#, #""r":"range","pa":"0x200abc""#),
      (#""r":"hit","pa":"0x200abc""#, #""r":"fault","code":"0x59","pa":"0x200abc""#),
    ])
  func wrongAnswerFails(old: String, new: String) throws {
    for text in [SmallTables.scalable(queries: SmallTables.hits), SmallTables.bare(queries: SmallTables.hits)] {
      let bare = text.replacingOccurrences(of: "[[5,1,\"0x200003\",\"0x0\"]]", with: "[[5,2,\"0x200003\",\"0x1000\"]]")
      #expect(try SmallTables.run(bare).isPassed)
      guard let range = bare.range(of: old) else {
        Issue.record("nothing to alter")
        continue
      }
      #expect(try !SmallTables.run(bare.replacingCharacters(in: range, with: new)).isPassed)
    }
  }
}
