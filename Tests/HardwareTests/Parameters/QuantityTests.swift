import Testing

@testable import Hardware

@Suite struct QuantityTests {
  @Test(
    "Digits stand in groups of three",
    arguments: [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567"), (-1000, "-1,000"), (.min, "-9,223,372,036,854,775,808")])
  func groups(number: Int, text: String) {
    #expect(number.grouped == text)
  }

  @Test("What there is one of is in the singular", arguments: [(1, "1 block"), (0, "0 blocks"), (1024, "1,024 blocks")])
  func nouns(number: Int, text: String) {
    #expect(number.counted("blocks") == text)
  }

  @Test("Entries are not entrys") func entries() { #expect(1.counted("table entries") == "1 table entry") }

  @Test("The digits behind a point are not grouped", arguments: [(1_234_567, 3, "1,234.567"), (5, 3, "0.005"), (12_345, 0, "12,345")])
  func fixedPoint(digits: UInt64, decimals: Int, text: String) {
    #expect(FixedPoint(digits, decimals: decimals).grouped == text)
  }
}
