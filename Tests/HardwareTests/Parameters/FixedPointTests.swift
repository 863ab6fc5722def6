import Hardware
import Testing

@Suite("Fixed-point numbers") struct FixedPointTests {
  @Test(
    "All places are written, or none that is needless",
    arguments: [
      (2500, 3, "2.500", "2.5"), (0, 3, "0.000", "0"), (1, 3, "0.001", "0.001"), (7, 0, "7", "7"), (100_000, 2, "1000.00", "1000"),
    ])
  func writing(digits: UInt64, decimals: Int, all: String, shortest: String) {
    let number = FixedPoint(digits, decimals: decimals)
    #expect(number.description == all)
    #expect(number.shortest == shortest)
  }

  @Test(
    "A quotient is cut off, and does not overflow on the way",
    arguments: [
      (2, 3, 1, 6, "0.666666"), (1, 0, 1, 3, "0.000"), (.max, 1000, 1, 3, "18446744073709551.615"), (.max, .max, 1000, 2, "1000.00"),
      (.max, 1, 1, 3, "18446744073709551.615"),
    ])
  func quotient(dividend: UInt64, divisor: UInt64, factor: UInt64, decimals: Int, text: String) {
    #expect(FixedPoint(dividend, over: divisor, times: factor, decimals: decimals).description == text)
  }
}
