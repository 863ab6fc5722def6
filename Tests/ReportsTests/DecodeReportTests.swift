import Foundation
import Inspection
import Reports
import Testing

@Suite("Decode report") struct DecodeReportTests {
  static func decode(_ words: String...) throws -> [Decoding] { try Decoder([VTdVocabulary()]).decode(words) }

  @Test("Text has a line that says it all, warnings, a row for each field, and notes")
  func text() throws {
    let text = DecodeReport.text(try Self.decode("context", "10805"))
    #expect(
      text == """
        context entry: 0x0000000000010805
          invalid width, second stage at 0x10000, domain 0, device-TLB
          warning: reserved bit 11 is set
          warning: a unit blocks every request with fault 0Bh: a reserved bit of the context entry is set
           bits  field    value  reads            meaning
              0  P        1                       present
              1  FPD      0                       qualified faults are not recorded
            3:2  TT       0x1    with device-TLB  translation type
          63:12  SSPTPTR  0x10   0x10000          second-stage table, bits 63:12
          66:64  AW       0x0                     second-stage width
          87:72  DID      0x0                     domain id
          note: word 1 is not given and counts as 0

        """)
  }

  @Test("Several decodings stand apart, each under the line it is from, and what is ignored is shown if it is not 0")
  func several() throws {
    let line = "DMAR: DRHD: handling fault status reg 2"
    let text = DecodeReport.text(try Self.decode(line, "\n", "DMAR: pte level: 1, pte value: 0x8000000000001003"))
    #expect(text.hasPrefix("> \(line) \nFSTS: 0x00000002\n  fault status\n"))
    #expect(text.contains("\n\n>  DMAR: pte level: 1"))
    #expect(text.contains("   63  IGN    1"))
    #expect(!text.contains("60:52"))
  }

  @Test("JSON has a schema, and words and values as text")
  func json() throws {
    let text = DecodeReport.json(try Self.decode("fault-record", "12345000", "8123457180000108"))
    let document = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    #expect(document["schema"] as? String == "iommusim.decode/1")
    let decoded = try #require((document["decoded"] as? [[String: Any]])?.first)
    #expect(decoded["architecture"] as? String == "vtd")
    #expect(decoded["kind"] as? String == "fault-record")
    #expect(decoded["words"] as? [String] == ["0x0000000012345000", "0x8123457180000108"])
    #expect(decoded["line"] is NSNull)
    let fields = try #require(decoded["fields"] as? [[String: Any]])
    let reason = try #require(fields.first { $0["name"] as? String == "FR" })
    #expect(reason["low_bit"] as? Int == 96)
    #expect(reason["high_bit"] as? Int == 103)
    #expect(reason["value"] as? String == "0x71")
    #expect(reason["reading"] as? String == "a first-stage entry is not present")
  }

  @Test("The list has kinds, and registers with their offsets")
  func list() {
    let vocabulary = VTdVocabulary()
    let lines = DecodeReport.list(Decoder([vocabulary]).kinds, registers: vocabulary.registers).split(separator: "\n")
    #expect(lines.contains { $0.hasPrefix("pasid-entry ") && $0.hasSuffix(" PASID table entry") })
    #expect(lines.contains { $0.hasPrefix("CAP ") && $0.hasSuffix(" 0x008  capabilities") })
  }
}
