import Testing

@Suite("iommusim conform") struct ConformCommandTests {
  /// A page at 0x1000 of a legacy-mode domain leads to 0x20000.
  static let identity =
    #""ident":{"VER":"0x10","CAP":"0xd2008c22260206","ECAP":"0xf00f5a"},"mmio_base":"0xfed90000","ram":"0x0-0x7fffffff""#
  static let tables = """
    {"addr":"0x10000","u64":["0x11001"]},{"addr":"0x11200","u64":["0x12001","0x501"]},{"addr":"0x12000","u64":["0x13003"]},\
    {"addr":"0x13000","u64":["0x14003"]},{"addr":"0x14008","u64":["0x20003"]},{"addr":"0x20008","u64":["0x12345678"]}
    """
  static let registers = """
    {"offset":"0x20","size":8,"value":"0x10000"},{"offset":"0x18","size":4,"value":"0x40000000"},\
    {"offset":"0x18","size":4,"value":"0x80000000"}
    """

  static func testCase(_ id: String, category: String = "legacy-ss-random", trust: String = "ok", expected: String = "0x20008") -> String {
    """
    {"id":"\(id)","arch":"vtd","category":"\(category)","trust":"\(trust)","config":{\(identity)},"memory":[\(tables)],\
    "mmio_writes":[\(registers)],"steps":[{"op":"dma","rid":"0x20","dir":"read","iova":"0x1008","len":4,\
    "expect":{"status":"ok","data":"78563412","pa":"\(expected)"}}]}\n
    """
  }

  @Test("Cases that pass, fail and are skipped are counted, and a failure gives status 1")
  func counts() throws {
    let folder = try Folder()
    let file = try folder.file(
      "cases.jsonl", Self.testCase("a") + Self.testCase("b", expected: "0x20010") + Self.testCase("c", trust: "qemu"))
    let run = try Program("conform", file)
    #expect(run.status == 1)
    #expect(run.errors.isEmpty)
    let lines = run.output.split(separator: "\n")
    #expect(lines.last == "1 passed, 1 failed, 1 skipped")
    #expect(lines.first?.hasPrefix("\(file): b: ") ?? false)
    #expect(lines.first?.contains("expected") ?? false)
  }

  @Test("Without failures the status is 0, and categories narrow a run")
  func categories() throws {
    let folder = try Folder()
    let file = try folder.file(
      "cases.jsonl", Self.testCase("a") + Self.testCase("b", category: "registers", expected: "0x0"))
    let run = try Program("conform", file, "--category", "legacy-ss-random")
    #expect(run.status == 0, "\(run.output)")
    #expect(run.output.hasSuffix("1 passed, 0 failed, 0 skipped\n"))
  }

  @Test(
    "What is no case is refused with its line",
    arguments: [("{\"id\":\n", "cases.jsonl:1: "), (testCase("a") + "7\n", "cases.jsonl:2: ")])
  func malformed(content: String, place: String) throws {
    let folder = try Folder()
    let run = try Program("conform", try folder.file("cases.jsonl", content))
    #expect(run.status == 2)
    #expect(run.errors.hasPrefix("iommusim: "))
    #expect(run.errors.contains(place), "\(run.errors)")
    #expect(run.errors.split(separator: "\n").count == 1)
  }

  @Test("Files that cannot be read are refused", arguments: [("/nowhere", "No such file"), ("/", "is a directory")])
  func unreadable(path: String, reason: String) throws {
    try Program("conform", path).expectRefusal(path, reason)
  }
}
