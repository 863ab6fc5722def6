import Testing

@testable import Conformance

@Suite struct EntryCaseTests {
  @Test("An entry whose words hold its fields and nothing else passes")
  func rightEntry() throws {
    let result = try SmallEntry.run(SmallEntry.text)
    #expect(result.isPassed && result.deviations.isEmpty, "\(result.failures)")
  }

  @Test(
    "A wrong field, a bit outside the fields and the wrong half of a root entry fail",
    arguments: [
      (#""PGTT":1"#, #""PGTT":2"#), (#""DID":7"#, #""DID":6"#), (#""FSPTPTR":"0x5000""#, #""FSPTPTR":"0x6000""#),
      (#","PWSNP":1"#, ""),
      (#""RID_PASID":5"#, #""RID_PASID":4"#), (#""PDTS":2"#, #""PDTS":3"#), (#""0x5004","0x0""#, #""0x5004","0x1""#),
      (#""0x3409""#, #""0x3489""#), (#""root_half":"lo""#, #""root_half":"hi""#), (#""0x2001""#, #""0x2000""#),
      (#""0x2001""#, #""0x2003""#),
    ])
  func wrongEntry(old: String, new: String) throws {
    let text = SmallEntry.text.replacingOccurrences(of: old, with: new)
    #expect(text != SmallEntry.text)
    #expect(try !SmallEntry.run(text).isPassed)
  }

  @Test("An entry that its own fields make invalid fails")
  func invalidEntry() throws {
    let text = SmallEntry.text.replacingOccurrences(of: #""PGTT":1"#, with: #""PGTT":5"#).replacingOccurrences(of: "0x49", with: "0x149")
    let result = try SmallEntry.run(text)
    #expect(result.failures.map(\.got) == ["fault 5Bh"])
  }
}
