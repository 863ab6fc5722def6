import Testing

@testable import Hardware

@Suite struct FieldReadingTests {
  @Test(
    "Values are read as their kind says",
    arguments: [
      (.address, 0x50, 12...63, "0x50000"), (.address, 0x60, 140...191, "0x60000"), (.address, 1, 40...47, "0x10000000000"),
      (.offset(16), 0x40, 24...33, "0x400"),
      (.requester, 0x108, 64...79, "01:01.0"), (.plus(1, "bits"), 47, 16...21, "48 bits"), (.plus(1, "registers"), 0, 0...7, "1 register"),
      (.powerOfTwo("pages"), 9, 0...5, "512 pages"), (.powerOfTwo("entries"), 0, 0...5, "1 entry"),
      (.powerOfTwo(factor: 2, plus: 4, "ids"), 6, 0...2, "65,536 ids"),
      (.powerOfTwo("pages"), 63, 0...5, "9,223,372,036,854,775,808 pages"),
      (.powerOfTwo(plus: 1, "pages"), 63, 0...5, "2^64 pages"),
      (.set([1: "a", 2: "b"]), 0b110, 8...12, "a, b"), (.set([1: "a"]), 0b1010, 8...12, "a, bit 3 reserved"),
      (.set([1: "a"]), 0, 8...12, "none"),
      (.codes([3: "three"]), 3, 0...7, "three"), (.codes([3: "three"]), 4, 0...7, nil),
      (.row(width: 4, [6: "WB"]), 0x61, 96...103, "0x1 WB"),
      (.row(width: 0, [:]), 1, 0...7, nil),
    ] as [(FieldReading, UInt64, ClosedRange<Int>, String?)])
  func readings(reading: FieldReading, value: UInt64, bits: ClosedRange<Int>, text: String?) {
    #expect(reading.text(value, bits: bits) == text)
  }
}
