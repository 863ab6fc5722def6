import Hardware
import Testing
import VTdArchitecture

@testable import Conformance

@Suite struct DeviationTests {
  @Test("Where QEMU deviates, the architecture's answer passes and the deviation is named", arguments: Deviation.allCases)
  func rightAnswersPass(deviation: Deviation) throws {
    let scenario = DeviationScenario.showing(deviation)
    var named: Set<Deviation> = []
    for (index, models) in scenario.right.enumerated() {
      let result = try scenario.run(models)
      #expect(result.skipped == nil)
      #expect(result.failures.isEmpty, "right answer \(index) of \(deviation)")
      named.formUnion(result.deviations)
    }
    #expect(named.contains(deviation))
  }

  @Test("Where QEMU deviates, QEMU's answer and other wrong ones fail", arguments: Deviation.allCases)
  func wrongAnswersFail(deviation: Deviation) throws {
    let scenario = DeviationScenario.showing(deviation)
    for (index, models) in scenario.wrong.enumerated() {
      let result = try scenario.run(models)
      #expect(!result.isPassed, "wrong answer \(index) of \(deviation)")
    }
  }
}
