import Testing

@testable import VTdArchitecture

@Suite struct PerformanceEventTests {
  @Test("No two events of a group share a bit, and no two events a name")
  func unique() {
    #expect(Set(PerformanceEvent.all.map { UInt64($0.group) << 32 | UInt64($0.mask) }).count == PerformanceEvent.all.count)
    #expect(Set(PerformanceEvent.all.map(\.name)).count == PerformanceEvent.all.count)
    #expect(PerformanceEvent.all.allSatisfy { $0.mask.nonzeroBitCount == 1 })
  }
}
