import Foundation
import Testing

@Suite("iommusim replay") struct ReplayCommandTests {
  func json(_ run: Program) throws -> [String: Any] {
    try #require(run.status == 0, "\(run.errors)")
    return try #require(try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
  }

  func count(_ object: [String: Any], _ section: String, _ key: String) throws -> Int {
    try #require((object[section] as? [String: Any])?[key] as? Int)
  }

  @Test("A report goes to standard output, in each form", arguments: [("text", "requests   "), ("json", "{"), ("csv", "metric,value\n")])
  func forms(form: String, start: String) throws {
    let folder = try Folder()
    let run = try Program("replay", try folder.trace(records: 1000), "--format", form)
    #expect(run.status == 0)
    #expect(run.output.contains(start))
    #expect(run.errors.isEmpty, "\(run.errors)")
  }

  @Test("A check for stale entries ends with status 1 if one is used, and 0 if none is", arguments: [(1, Int32(1)), (2, 0)])
  func staleEntries(pages: Int, status: Int32) throws {
    let folder = try Folder()
    let text = try folder.file(
      "trace.txt",
      """
      dmatrace 1
      mappings: complete

      0 attach requester=00:03.0 domain=5
      0 map address=0x10000 length=0x2000 physical=0x80000 permissions=rw- domain=5
      1000000 read requester=00:03.0 address=0x11008 length=64
      2000000 unmap address=0x10000 length=0x2000 domain=5
      2000000 invalidate address=0x10000 length=0x\(pages)000 scope=pages domain=5
      3000000 read requester=00:03.0 address=0x11008 length=64

      """)
    let trace = folder.path("trace.dmat.zst")
    #expect(try Program("trace", "convert", "--from", "text", text, "--output", trace).status == 0)
    let run = try Program("replay", trace, "--invalidations", "recorded", "--check-stale", "--quiet")
    #expect(run.status == status, "\(run.errors)")
    #expect(run.output.contains("stale uses"))
    #expect(run.output.contains("too narrow") == (status == 1))
    #expect(try Program("replay", trace, "--invalidations", "recorded", "--quiet").status == 0)
  }

  @Test("The same replay gives the same JSON, but for what it cost")
  func determinism() throws {
    let folder = try Folder()
    let trace = try folder.trace()
    let runs = try (0..<2).map { _ in try Program("replay", trace, "--format", "json") }
    let parts = runs.map { $0.output.split(separator: "\"host\"")[0] }
    #expect(parts[0] == parts[1])
    #expect(parts[0].count > 1000)
  }

  @Test("Every request is counted once, as a hit, a miss or a merge")
  func counts() throws {
    let folder = try Folder()
    let object = try json(try Program("replay", try folder.trace(), "--format", "json"))
    #expect(try count(object, "requests", "total") == 20_000)
    let iotlb = try #require((object["caches"] as? [String: Any])?["iotlb"] as? [String: Any])
    let parts = ["hits", "merges", "misses"].compactMap { iotlb[$0] as? Int }
    #expect(parts.reduce(0, +) == 20_000)
    #expect(try count(object, "walks", "count") == 32)
  }

  @Test(
    "Warm-up and positions narrow what is counted",
    arguments: [
      (["--warmup", "5000"], 15_000), (["--warmup", "50us"], 15_000), (["--from", "5000"], 15_000), (["--from", "0.05ms"], 15_000),
      (["--to", "5000"], 5000), (["--to", "50us"], 5000), (["--limit", "7"], 7), (["--from", "10", "--to", "20"], 10),
      (["--from", "100", "--warmup", "100", "--limit", "150"], 50),
    ])
  func regions(options: [String], requests: Int) throws {
    let folder = try Folder()
    let trace = try folder.trace()
    let object = try json(try Program(["replay", trace, "--format", "json"] + options))
    #expect(try count(object, "requests", "total") == requests)
  }

  @Test("Cold misses are left out of the figures by a warm-up")
  func warmup() throws {
    let folder = try Folder()
    let trace = try folder.trace()
    let object = try json(try Program("replay", trace, "--preset", "yardstick", "--warmup", "5000", "--format", "json"))
    #expect(try count(object, "walks", "count") == 0)
    #expect((object["latency_ns"] as? [String: Any])?["max"] as? Double == 2)
  }

  @Test("Settings reach the machine, the later before the earlier")
  func settings() throws {
    let folder = try Folder()
    let config = try folder.file("m.yaml", "preset: unbounded\niotlb: {latency_ns: 3.5}\nseed: 9\n")
    let run = try Program(
      "replay", try folder.trace(records: 100), "--config", config, "--preset", "yardstick", "--set", "memory.latency_ns=1",
      "--set", "memory.latency_ns=2.125", "--seed", "10", "--iommu", "vtd", "--format", "csv")
    for row in ["preset,yardstick", "iotlb.latency_ns,3.500", "memory.latency_ns,2.125", "seed,10"] {
      #expect(run.output.contains("configuration.\(row)\n"))
    }
  }

  @Test("A report is written to a file, which a refused replay leaves as it was")
  func output() throws {
    let folder = try Folder()
    let trace = try folder.trace(records: 1000)
    let report = folder.path("report.json")
    let run = try Program("replay", trace, "--format", "json", "--output", report)
    #expect((run.status, run.output, run.errors) == (0, "", ""))
    let written = try String(contentsOfFile: report, encoding: .utf8)
    #expect(written.hasPrefix("{\n  \"schema\": \"iommusim.replay/1\""))
    try Program("replay", folder.path("none"), "--output", report).expectRefusal("none")
    #expect(try String(contentsOfFile: report, encoding: .utf8) == written)
    #expect(folder.names == ["report.json", "trace.dmat.zst"])
    try Program("replay", trace, "--output", folder.path("no/where")).expectRefusal("no/where", "No such file or directory")
  }

  @Test("Nothing that could be counted is worth a warning, which can be silenced")
  func nothing() throws {
    let folder = try Folder()
    let trace = try folder.trace(records: 10)
    let run = try Program("replay", trace, "--from", "10")
    #expect(run.status == 0)
    #expect(run.errors == "iommusim: warning: \(trace): no access was counted\n")
    #expect(try Program("replay", trace, "--from", "10", "--quiet").errors.isEmpty)
  }

  @Test(
    "A machine that cannot be is refused with the place of the setting",
    arguments: [
      ("iotbl: {entries: 4}", "unknown key 'iotbl'; did you mean 'iotlb'?"),
      ("seed: 1\niotlb:\n  entries: 60", "m.yaml:3: iotlb: 60 entries"),
      ("walkers.count: -1", "m.yaml:1: walkers.count: expected"), ("a: [", "not YAML"), ("iommu: smmuv3", "not modelled yet"),
      ("\u{0}", "not YAML"),
    ])
  func configurations(yaml: String, message: String) throws {
    let folder = try Folder()
    let config = try folder.file("m.yaml", yaml)
    try Program("replay", try folder.trace(records: 10), "--config", config).expectRefusal(config, message)
  }

  @Test("A setting that cannot be is refused as it was given")
  func badSettings() throws {
    let folder = try Folder()
    let trace = try folder.trace(records: 10)
    try Program("replay", trace, "--set", "iotlb.way=4").expectRefusal("--set iotlb.way=4: unknown key 'iotlb.way'", "'iotlb.ways'")
    try Program("replay", trace, "--set", "iotlb.ways").expectRefusal("--set iotlb.ways: expected key=value")
    try Program("replay", trace, "--seed", "x").expectRefusal("--seed x: seed: expected an integer")
    try Program("replay", trace, "--iommu", "smmuv3").expectRefusal("--iommu smmuv3", "not modelled yet")
    try Program("replay", trace, "--preset", "none").expectRefusal("--preset none", "expected default,")
    try Program("replay", trace, "--config", folder.path("none.yaml")).expectRefusal("none.yaml: No such file or directory")
  }
}
