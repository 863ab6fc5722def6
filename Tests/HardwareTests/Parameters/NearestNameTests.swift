import Testing

@testable import Hardware

@Suite("The nearest name") struct NearestNameTests {
  @Test(
    "The distance of two names is the number of edits between them",
    arguments: [
      ("", "", 0), ("abc", "abc", 0), ("", "abc", 3), ("abc", "", 3), ("abc", "axc", 1), ("abc", "abxc", 1), ("abc", "ac", 1),
      ("abcd", "acbd", 1),
      ("iotbl", "iotlb", 1), ("ba", "ab", 1), ("kitten", "sitting", 3),
    ])
  func distance(left: String, right: String, edits: Int) {
    #expect(NearestName.distance(left, right) == edits)
    #expect(NearestName.distance(right, left) == edits)
  }

  @Test("The first of the nearest names is found, and none among none")
  func nearest() {
    #expect(NearestName.to("b", among: ["aa", "c", "a"]) == "c")
    #expect(NearestName.to("b", among: []) == nil)
  }

  @Test("Endless names cost no endless time")
  func long() {
    #expect(NearestName.distance(String(repeating: "a", count: 1_000_000), "a") == 199)
  }
}
