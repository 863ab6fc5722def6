import Hardware
import Testing

@testable import DMATrace

@Suite struct TextTraceTests {
  private let directory = TemporaryDirectory()

  private func deliver(text: String) throws -> Delivery {
    let path = try directory.make("text", text)
    do throws(TraceError) {
      var reader = try TextTraceReader(path: path)
      return DMATraceTests.deliver(&reader)
    } catch {
      return Delivery(error: error)
    }
  }

  @Test("A text has the header, an empty line and a line a record, with what is not at its default")
  func form() throws {
    let records = [
      TraceRecord(
        operation: .attach, requester: RequesterID(bus: 0, device: 3, function: 0), attributes: .passThrough, domain: TraceDomain(5)),
      TraceRecord(
        time: SimTime(rawValue: 12), operation: .pageRequest, requester: RequesterID(0x1_0000), pasid: PASID(0),
        address: IOVirtualAddress(0xFFFF_E040), length: 64, physical: PhysicalAddress(1), permissions: [.read, .execute],
        attributes: [.privileged, .last], group: 3, value: 4, unit: 2),
      TraceRecord(time: SimTime(rawValue: 13), operation: .invalidate, scope: .deviceTLBAllPASIDs),
    ]
    var writer = try TextTraceWriter(
      path: directory.file("text"), header: TraceHeader(source: "a", clock: "b", endpoints: [.init(requester: .init(8), name: "nic")]))
    try records.withUnsafeBufferPointer { try writer.append($0) }
    try writer.finish()
    #expect(
      try lines(of: directory.file("text")) == [
        "dmatrace 1", "source: a", "clock: b", "licence: ", "mappings: partial", "endpoint: 00:01.0 unit=0 nic", "",
        "0 attach requester=00:03.0 attributes=pass-through domain=5",
        "12 page-request requester=0x10000 pasid=0x0 address=0xffffe040 length=64 physical=0x1 permissions=r-x "
          + "attributes=privileged+last group=3 value=4 unit=2",
        "13 invalidate scope=device-tlb-all-pasids", "",
      ])
  }

  @Test("Container and text are the same trace", arguments: 0..<4)
  func roundTrip(seed: UInt64) throws {
    let records = variedRecords(600, seed: seed)
    let header = TraceHeader(source: "x\ny\r", licence: "z", recordCount: 600, mappings: .complete, notes: [.init(key: "k", value: "=v")])
    let container = try directory.container(records, header: header)
    try TraceListing().list(container, to: directory.file("text"))
    _ = try TraceConversion().convert(directory.file("text"), to: directory.file("again"))
    var reader = try TraceReader(path: directory.file("again"))
    #expect(DMATraceTests.deliver(&reader).records == records)
    let found = reader.header
    #expect(found == header)
  }

  @Test("Comments, empty lines, spaces and either radix are read")
  func leniency() throws {
    let delivery = try deliver(
      text: "dmatrace 1\n\n# a comment\n\n  0x10 read  requester=24 length=0x40 address=4096\n16 write requester=0x18 \n")
    #expect(delivery.error == nil)
    #expect(
      delivery.records == [
        TraceRecord(
          time: SimTime(rawValue: 16), operation: .read, requester: RequesterID(24), address: IOVirtualAddress(4096), length: 64),
        TraceRecord(time: SimTime(rawValue: 16), operation: .write, requester: RequesterID(24)),
      ])
  }

  @Test(
    "A line that follows no rule is an error with its number",
    arguments: [
      ("x read", "'x' is no time_ps"), ("0", "'' is no operation"), ("0 fetch", "'fetch' is no operation"),
      ("0 read 5", "'5' is no field=value of a record"), ("0 read size=5", "'size=5' is no field=value of a record"),
      ("0 read time_ps=5", "'time_ps=5' is no field=value of a record"), ("0 read length=", "'' is no length"),
      ("0 read length=1 length=1", "length for the second time"), ("0 read length=-1", "'-1' is no length"),
      ("0 read length=0x", "'0x' is no length"), ("0 read length=18446744073709551616", "'18446744073709551616' is no length"),
      ("0 read address=0x10000000000000000", "'0x10000000000000000' is no address"), ("0 read pasid=0x100000", "'0x100000' is no pasid"),
      ("0 read requester=00:20.0", "'00:20.0' is no requester"), ("0 read requester=00:00.8", "'00:00.8' is no requester"),
      ("0 map permissions=rw", "'rw' is no permissions"), ("0 map permissions=wr-", "'wr-' is no permissions"),
      ("0 read attributes=fast", "'fast' is no attributes"), ("0 invalidate scope=all", "'all' is no scope"),
      ("0 read group=65536", "'65536' is no group"), ("9223372036854775808 read", "'9223372036854775808' is no time_ps"),
      ("0 read length=1073741825", "an access of 1073741825 bytes, expected at most 1073741824"),
    ])
  func malformedRecords(line: String, message: String) throws {
    let error = try deliver(text: "dmatrace 1\n\n0 read\n\(line)\n").error
    #expect(error?.code == .malformed)
    #expect(error?.line == 4)
    #expect(error?.message == message)
  }

  @Test("Times that go back are an error")
  func time() throws {
    #expect(
      try deliver(text: "dmatrace 1\n\n5 read\n4 read\n").error?.message
        == "time goes back from 5 ps to 4 ps; times must not decrease")
  }

  @Test(
    "A header that follows no rule is an error with its line",
    arguments: [
      ("", 0, "header does not end with an empty line"), ("trace\n", 1, "expected 'dmatrace 1', found 'trace'"),
      ("dmatrace 9\n", 1, "trace of version 9, this program reads version 1"),
      ("dmatrace 1\n", 1, "header does not end with an empty line"),
      ("dmatrace 1\nsource\n\n", 2, "expected 'key: value', found 'source'"), ("dmatrace 1\ncolour: red\n\n", 2, "unknown key 'colour'"),
      ("dmatrace 1\nclock: a\nclock: b\n\n", 3, "'clock' for the second time"),
      ("dmatrace 1\nmappings: some\n\n", 2, "mappings 'some', expected complete or partial"),
      ("dmatrace 1\nrecords: many\n\n", 2, "records 'many', expected a number"),
      ("dmatrace 1\nendpoint: nic\n\n", 2, "endpoint 'nic', expected a requester such as 00:03.0, unit=N and a name"),
      ("dmatrace 1\nnote: nothing\n\n", 2, "note 'nothing', expected key=value"),
      ("dmatrace 1\nsource: a\\b\n\n", 2, "'a\\b' has a backslash without n, r or \\ behind it"),
    ])
  func malformedHeaders(text: String, line: Int, message: String) throws {
    let error = try deliver(text: text).error
    #expect(error?.line == line)
    #expect(error?.message == message)
  }

  @Test("A text with fewer records than its header says is truncated")
  func truncation() throws {
    let delivery = try deliver(text: "dmatrace 1\nrecords: 2\n\n0 read\n")
    #expect(delivery.records.count == 1)
    #expect(delivery.error?.code == .truncated)
    #expect(delivery.error?.message == "header says 2 records, the text holds 1")
  }
}
