import Foundation
import Testing

@Suite("iommusim trace") struct TraceCommandTests {
  func info(_ path: String) throws -> [String: Any] {
    let run = try Program("trace", "info", path, "--format", "json")
    try #require(run.status == 0, "\(run.errors)")
    return try #require(try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
  }

  @Test("A trace that is listed and converted back is the same trace", arguments: ["text", "csv"])
  func roundTrip(form: String) throws {
    let folder = try Folder()
    let trace = try folder.trace(records: 70_000, "--requesters", "3")
    let (listing, back) = (folder.path("listing"), folder.path("back.dmat.zst"))
    #expect(try Program("trace", "cat", trace, "--format", form, "--output", listing).status == 0)
    let conversion = try Program("trace", "convert", "--from", form, listing, "--output", back)
    #expect((conversion.status, conversion.output) == (0, ""))
    #expect(conversion.errors == "\(back): 70,000 records from \(form)\n")
    let hashes = try [trace, back].map { try info($0)["content_hash"] as? String }
    #expect(hashes[0] == hashes[1])
    #expect(hashes[0]?.hasPrefix("0x") ?? false)
  }

  @Test("Converting is silent if asked to be, and says where a trace comes from")
  func metadata() throws {
    let folder = try Folder()
    let text = try folder.file("t.txt", "dmatrace 1\nsource: a\n\n0 read requester=00:01.0 address=0x1000 length=64\n")
    let trace = folder.path("t.dmat.zst")
    let run = try Program("trace", "convert", text, "--output", trace, "--source", "a machine", "--licence", "CC0", "--quiet")
    #expect((run.status, run.output, run.errors) == (0, "", ""))
    let object = try info(trace)
    #expect(object["source"] as? String == "a machine")
    #expect(object["licence"] as? String == "CC0")
    #expect(object["records"] as? Int == 1)
    #expect((object["operations"] as? [String: Int]) == ["read": 1])
  }

  @Test("The same options generate the same file, another seed another one")
  func generation() throws {
    let folder = try Folder()
    let traces = try [("a", "3"), ("b", "3"), ("c", "4")].map { try Data(contentsOf: URL(filePath: try folder.trace($0, "--seed", $1))) }
    #expect(traces[0] == traces[1])
    #expect(traces[0] != traces[2])
  }

  @Test("A generated trace has what was asked for", arguments: ["uniform", "sequential", "zipf"])
  func workload(name: String) throws {
    let folder = try Folder()
    let trace = folder.path("t")
    let run = try Program(
      "trace", "generate", name, "--records", "1000", "--pages", "16", "--page-size", "2m", "--requesters", "2", "--interval-ns", "2.5",
      "--read-percent", "100", "--access-size", "128", "--output", trace)
    #expect((run.status, run.output, run.errors) == (0, "", ""))
    let object = try info(trace)
    #expect(object["accesses"] as? Int == 1000)
    #expect(object["last_time_ns"] as? Double == 2497.5)
    let requesters = try #require(object["requesters"] as? [[String: Any]])
    #expect(requesters.count == 2)
    #expect(requesters.compactMap { $0["bytes"] as? Int }.reduce(0, +) == 128_000)
    #expect(requesters.compactMap { $0["writes"] as? Int }.reduce(0, +) == 0)
  }

  @Test("A sound trace is verified, a damaged one has findings")
  func verification() throws {
    let folder = try Folder()
    let trace = try folder.trace()
    let sound = try Program("trace", "verify", trace)
    #expect((sound.status, sound.output, sound.errors) == (0, "\(trace): sound: 1 block, 20,000 records\n", ""))
    var bytes = [UInt8](try Data(contentsOf: URL(filePath: trace)))
    bytes[bytes.count / 2] ^= 1
    let damaged = try folder.file("damaged", bytes)
    let run = try Program("trace", "verify", trace, damaged)
    #expect(run.status == 1)
    #expect(run.errors.isEmpty)
    let lines = run.output.split(separator: "\n")
    #expect(lines.first == "\(trace): sound: 1 block, 20,000 records")
    #expect(lines.dropFirst().first?.hasPrefix("\(damaged): block 0") ?? false)
    #expect(lines.last == "\(damaged): 1 finding; sound: 0 blocks, 0 records")
  }

  @Test("What is no trace cannot be verified")
  func noTrace() throws {
    try Program("trace", "verify", "/").expectRefusal("/: is a directory")
  }

  @Test("Text is for people, and says what is in a trace")
  func text() throws {
    let folder = try Folder()
    let run = try Program("trace", "info", try folder.trace(records: 5000))
    #expect(run.status == 0)
    for part in ["records    5,000", "source     generated: uniform", "00:01.0", "mappings partial"] {
      #expect(run.output.contains(part), "\(part)")
    }
  }

  @Test("A listing ends where asked to")
  func limit() throws {
    let folder = try Folder()
    let run = try Program("trace", "cat", try folder.trace(), "--format", "csv", "--limit", "5")
    let lines = run.output.split(separator: "\n")
    #expect(lines.count == 6)
    #expect(lines.first?.hasPrefix("time_ps,requester,pasid,operation,address,length") ?? false)
  }
}
