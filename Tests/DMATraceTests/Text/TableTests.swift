import Foundation
import Hardware
import Testing

@testable import DMATrace

@Suite struct TableTests {
  private let directory = TemporaryDirectory()

  private func deliver(csv: String) throws -> Delivery {
    let path = try directory.make("csv", csv)
    do throws(TraceError) {
      var reader = try CSVTraceReader(path: path)
      return DMATraceTests.deliver(&reader)
    } catch {
      return Delivery(error: error)
    }
  }

  private func listing(_ records: [TraceRecord], _ format: TraceListing.Format) throws -> [String] {
    var listing = TraceListing()
    listing.format = format
    let header = TraceHeader(
      source: "a \"test\"\n", endpoints: [.init(requester: .init(8), name: "nic")], notes: [.init(key: "k", value: "v")])
    try listing.list(directory.container(records, header: header), to: directory.file("listing"))
    return try lines(of: directory.file("listing"))
  }

  private static let records = [
    TraceRecord(operation: .read, requester: RequesterID(bus: 0, device: 3, function: 0), address: IOVirtualAddress(0x1000), length: 64),
    TraceRecord(
      time: SimTime(rawValue: 7), operation: .write, requester: RequesterID(0x1_0000), pasid: PASID(0), address: IOVirtualAddress(0),
      attributes: [.privileged, .last], domain: TraceDomain(9)),
  ]

  @Test("A CSV table has a line of names, and empty fields for what is at its default")
  func csvForm() throws {
    #expect(
      try listing(Self.records, .csv) == [
        "time_ps,requester,pasid,operation,address,length,physical,permissions,attributes,group,scope,domain,value,unit",
        "0,00:03.0,,read,0x1000,64,,,,,,,,", "7,0x10000,0x0,write,0x0,0,,,privileged+last,,,9,,", "",
      ])
  }

  @Test("JSON lines are objects, the header first")
  func jsonForm() throws {
    let lines = try listing(Self.records, .json)
    #expect(
      lines == [
        "{\"schema\":\"iommusim.trace/1\",\"source\":\"a \\\"test\\\"\\u000a\",\"clock\":\"\",\"licence\":\"\",\"mappings\":\"partial\","
          + "\"records\":2,\"endpoints\":[{\"requester\":\"00:01.0\",\"unit\":0,\"name\":\"nic\"}],"
          + "\"notes\":[{\"key\":\"k\",\"value\":\"v\"}]}",
        "{\"time_ps\":0,\"requester\":\"00:03.0\",\"pasid\":null,\"operation\":\"read\",\"address\":\"0x1000\",\"length\":64}",
        "{\"time_ps\":7,\"requester\":\"0x10000\",\"pasid\":\"0x0\",\"operation\":\"write\",\"address\":\"0x0\",\"length\":0,"
          + "\"attributes\":[\"privileged\",\"last\"],\"domain\":9}", "",
      ])
    for line in lines.dropLast() { #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(line.utf8)) } }
  }

  @Test("Records written as CSV come back exactly", arguments: 0..<4)
  func roundTrip(seed: UInt64) throws {
    let records = variedRecords(600, seed: seed)
    let text = try listing(records, .csv).joined(separator: "\n")
    #expect(try deliver(csv: text).records == records)
  }

  @Test("Columns may come in any order, and an access without a length has length 1")
  func columns() throws {
    let delivery = try deliver(csv: "operation,address,time_ps\nwrite,0x10,5\nmap,32,5\n")
    #expect(
      delivery.records == [
        TraceRecord(time: SimTime(rawValue: 5), operation: .write, address: IOVirtualAddress(16), length: 1),
        TraceRecord(time: SimTime(rawValue: 5), operation: .map, address: IOVirtualAddress(32)),
      ])
  }

  @Test(
    "A table that follows no rule is an error with its line",
    arguments: [
      ("", 1, "no line with the names of the columns"), ("time_ps,operation\n", 1, "no column address"),
      ("time_ps,operation,address,size\n", 1, "column 'size' is unknown or there twice"),
      ("time_ps,operation,address,address\n", 1, "column 'address' is unknown or there twice"),
      ("time_ps,operation,address\n0,read\n", 2, "2 fields, expected 3"),
      ("time_ps,operation,address\n0,read,0,\n", 2, "more than 3 fields"),
      ("time_ps,operation,address\n,read,0\n", 2, "'' is no time_ps"), ("time_ps,operation,address\n\n0,,0\n", 3, "'' is no operation"),
      ("time_ps,operation,address\n0,read,x\n", 2, "'x' is no address"),
      ("time_ps,operation,address\n2,read,0\n1,read,0\n", 3, "time goes back from 2 ps to 1 ps; times must not decrease"),
    ])
  func malformed(text: String, line: Int, message: String) throws {
    let error = try deliver(csv: text).error
    #expect(error?.line == line)
    #expect(error?.message == message)
  }

  @Test("A listing can be limited", arguments: [0, 1, 255, 256, 257, 600, 700])
  func limit(limit: UInt64) throws {
    var listing = TraceListing()
    listing.limit = limit
    let records = plainRecords(600)
    try listing.list(directory.container(records), to: directory.file("text"))
    var reader = try TextTraceReader(path: directory.file("text"))
    let delivery = DMATraceTests.deliver(&reader)
    #expect(delivery.records == Array(records.prefix(Int(limit))))
    #expect(delivery.error == nil)
  }
}
