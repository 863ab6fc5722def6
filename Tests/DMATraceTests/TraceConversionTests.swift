import Hardware
import Testing

@testable import DMATrace

@Suite struct TraceConversionTests {
  private let directory = TemporaryDirectory()

  @Test("The form of a file is told by its content")
  func detection() throws {
    let records = plainRecords(100)
    let container = try directory.container(records, name: "a.txt")
    #expect(try TraceInputFormat(detecting: container) == .container)
    try TraceListing().list(container, to: directory.file("b.csv"))
    #expect(try TraceInputFormat(detecting: directory.file("b.csv")) == .text)
    var listing = TraceListing()
    listing.format = .csv
    try listing.list(container, to: directory.file("c.zst"))
    #expect(try TraceInputFormat(detecting: directory.file("c.zst")) == .csv)
    for name in ["qemu-vtd-legacy-strict.txt", "qemu-vtd-scalable-lazy.txt", "qemu-simpletrace-smmuv3.txt"] {
      #expect(try TraceInputFormat(detecting: fixture(name)) == .qemu)
    }
  }

  @Test("A container that is cut off, or of another version, is still seen to be one")
  func detectionOfDamage() throws {
    let bytes = try bytes(of: directory.container(plainRecords(100)))
    #expect(try TraceInputFormat(detecting: directory.make("cut", Array(bytes.dropLast(10)))) == .container)
  }

  @Test(
    "A file of no known form is refused",
    arguments: [("", "file is empty, expected a trace"), ("some\ntext\n", "unknown format, expected one of dmat, text, csv, qemu")])
  func unknown(text: String, message: String) throws {
    let path = try directory.make("unknown", text)
    let error = #expect(throws: TraceError.self) { try TraceInputFormat(detecting: path) }
    #expect(error?.message == message)
  }

  @Test("Every form converts to a container with the same records")
  func conversion() throws {
    let records = plainRecords(700)
    let container = try directory.container(records, header: TraceHeader(source: "original", recordCount: 700))
    for format in [TraceListing.Format.text, .csv] {
      var listing = TraceListing()
      listing.format = format
      try listing.list(container, to: directory.file(format.rawValue))
      let outcome = try TraceConversion().convert(directory.file(format.rawValue), to: directory.file("out"))
      #expect(outcome == TraceConversion.Outcome(format: format == .text ? .text : .csv, records: 700))
      #expect(deliver(container: directory.file("out")).records == records)
    }
    var smaller = TraceConversion()
    smaller.blockRecords = 100
    #expect(try smaller.convert(container, to: directory.file("out")).format == .container)
    #expect(deliver(container: directory.file("out")).records == records)
    let blocks = try TraceReader(path: directory.file("out")).blockCount
    #expect(blocks == 7)
  }

  @Test("What is known beyond the input goes into the header of the output")
  func metadata() throws {
    var conversion = TraceConversion()
    conversion.source = "a guest"
    conversion.licence = "CC0-1.0"
    conversion.endpoints = [TraceEndpoint(requester: RequesterID(bus: 0, device: 4, function: 0), name: "NVMe")]
    conversion.notes = [TraceNote(key: "mode", value: "strict")]
    let outcome = try conversion.convert(fixture("qemu-vtd-legacy-strict.txt"), to: directory.file("out"))
    #expect(outcome.format == .qemu)
    #expect(outcome.summary?.events["vtd_dmar_translate"] == 153)
    let header = try TraceReader(path: directory.file("out")).header
    #expect((header.source, header.licence, header.mappings) == ("a guest", "CC0-1.0", .complete))
    #expect(header.endpoints == conversion.endpoints && header.notes == conversion.notes)
  }

  @Test("A truncated container converts as far as it goes, if that is allowed")
  func truncated() throws {
    let records = plainRecords(700)
    let container = try directory.container(records, header: TraceHeader(recordCount: 700), blockRecords: 100)
    let reader = try TraceReader(path: container)
    let end = Int(reader.block(5)?.byteOffset ?? 0) + 10
    let cut = try directory.make("cut", Array(bytes(of: container)[..<end]))
    #expect(throws: TraceError.self) { try TraceConversion().convert(cut, to: directory.file("out")) }
    #expect(!directory.names.contains("out"))
    var lenient = TraceConversion()
    lenient.allowTruncated = true
    let outcome = try lenient.convert(cut, to: directory.file("out"))
    #expect(outcome.records == 500)
    #expect(outcome.damage?.block == 5)
    #expect(deliver(container: directory.file("out")).records == Array(records[..<500]))
  }
}
