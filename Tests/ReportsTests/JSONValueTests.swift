import Hardware
import Reports
import Testing

@Suite("JSON documents") struct JSONValueTests {
  @Test(
    "Values are written as JSON has them",
    arguments: [
      (JSONValue.string("a\"\\\n\t\u{1}é"), #""a\"\\\n\t\u0001é""#), (.integer(.max), "18446744073709551615"),
      (.decimal(FixedPoint(2500, decimals: 3)), "2.500"), (.flag(true), "true"), (.null, "null"), (.array([]), "[]"), (.object([]), "{}"),
      (.array([.integer(1), .integer(2)]), "[1, 2]"),
    ])
  func writing(value: JSONValue, text: String) {
    #expect(value.text == text)
  }

  @Test("What holds objects or lists is indented, and keys keep their order")
  func nesting() {
    let value = JSONValue.object([.init("b", .object([.init("x", .integer(1)), .init("y", .null)])), .init("a", .array([.array([])]))])
    #expect(value.text == "{\n  \"b\": {\"x\": 1, \"y\": null},\n  \"a\": [\n    []\n  ]\n}")
  }
}
