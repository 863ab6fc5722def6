import Foundation
import Testing

@Suite("iommusim decode") struct DecodeCommandTests {
  @Test("Words, registers and lines of logs are decoded")
  func decode() throws {
    for (arguments, part) in [
      (["pasid-entry", "41", "800001", "60011"], "4-level first stage at 0x60000, domain 1"),
      (["reg", "0x8", "d2008c40660462"], "CAP: 0x00d2"),
      (
        ["DMAR:", "[DMA", "Read", "NO_PASID]", "Request", "device", "[00:02.0]", "fault", "addr", "0x1000", "[fault", "reason", "0x06]"],
        "06h"
      ),
    ] {
      let run = try Program(["decode"] + arguments)
      #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
      #expect(run.output.contains(part), "\(run.output)")
    }
  }

  @Test("The lines of a log that are known are taken from standard input, the others are skipped")
  func log() throws {
    let folder = try Folder()
    let log = try folder.file(
      "dmesg", "[ 0.1] Linux version 6.8\n[ 1.2] DMAR: DRHD: handling fault status reg 3\nx\nDMAR: QI HEAD: x qw0 = 0x11, qw1 = 0x0\n")
    let run = try Program(shell: "exec \"$0\" decode - --format json < \"$1\"", [Program.path, log])
    #expect(run.status == 0)
    let document = try #require(try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
    #expect((document["decoded"] as? [[String: Any]])?.compactMap { $0["kind"] as? String } == ["fsts", "descriptor"])
    let none = try Program(shell: "exec \"$0\" decode - < /dev/null", [Program.path])
    none.expectRefusal("standard input: no line")
  }

  @Test("What a unit lacks is reserved, and a revision has its fields")
  func unit() throws {
    let run = try Program("decode", "context", "10005", "102", "--cap", "0xd2008c40660462", "--ecap", "f050da")
    #expect(run.output.contains("fault 03h"))
    #expect(try Program("decode", "root", "10000000001", "0", "--host-address-width", "39").output.contains("reserved bit 40 is set"))
    #expect(try Program("decode", "pasid-entry", "1", "0", "2", "--revision", "3.x").output.contains("ERE"))
  }

  @Test("The kinds and registers can be listed")
  func list() throws {
    let run = try Program("decode", "--list")
    #expect(run.status == 0 && run.output.contains("page-request") && run.output.contains("RTADDR"))
  }

  @Test(
    "Bad input is refused in one line",
    arguments: [
      ([], "nothing given"), (["pasd-entry", "1"], "did you mean 'pasid-entry'?"), (["root", "x"], "'x': expected a hexadecimal number"),
      (["cap", "1", "2"], "CAP: 2 words given, expected 1"), (["1"], "put the kind first"), (["root", "1", "--cap", "x"], "--cap"),
      (["root", "1", "--host-address-width", "60"], "expected 32 to 52"), (["root", "1", "--revision", "9"], "--revision"),
      (["root", "1", "--format", "csv"], "csv"),
    ])
  func refusals(arguments: [String], part: String) throws {
    try Program(["decode"] + arguments).expectRefusal(part)
  }
}
