import Compression
import Hardware
import Testing

@testable import DMATrace

@Suite struct TraceReaderTests {
  private let directory = TemporaryDirectory()

  private static let header = TraceHeader(
    source: "a test\nof two lines, with a \\ and a \r", clock: "none", licence: "CC0-1.0", recordCount: 1000, mappings: .complete,
    endpoints: [
      TraceEndpoint(requester: RequesterID(bus: 0, device: 3, function: 0), name: "NVMe controller: fast"),
      TraceEndpoint(requester: RequesterID(0x1_0020), unit: 2, name: ""),
    ],
    notes: [TraceNote(key: "tool", value: " = é "), TraceNote(key: "tool", value: "")])

  @Test("Header and records come back exactly, whatever the size of the blocks", arguments: [1, 7, 256, 999, 1000, 1001, 65_536])
  func roundTrip(blockRecords: Int) throws {
    let records = variedRecords(1000)
    let path = try directory.container(records, header: Self.header, blockRecords: blockRecords)
    var reader = try TraceReader(path: path)
    let facts = (reader.header, reader.recordCount, reader.blockCount, reader.blockRecords)
    #expect(facts == (Self.header, 1000, (1000 + blockRecords - 1) / blockRecords, blockRecords))
    let delivery = deliver(&reader)
    #expect(delivery.records == records)
    #expect(delivery.error == nil && delivery.damage == nil)
  }

  @Test("A trace without records is a trace")
  func empty() throws {
    var reader = try TraceReader(path: directory.container([]))
    #expect(deliver(&reader).records.isEmpty)
    let facts = (reader.recordCount, reader.blockCount)
    #expect(facts == (0, 0))
  }

  @Test("zstd alone decompresses the file to header and blocks, and its frames have no gap")
  func plainZstd() throws {
    let path = try directory.container(plainRecords(1000), blockRecords: 300)
    let reader = try TraceReader(path: path)
    var file = try DecompressedFile(path: path)
    let buffer = ByteBuffer(capacity: 1 << 20)
    var size = 0
    while true {
      let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[size...]))
      if count == 0 { break }
      size += count
    }
    let text = String(decoding: buffer.bytes[..<size].prefix(12), as: UTF8.self)
    #expect(text == "dmatrace 1\ns")
    let blocks = (0..<4).compactMap { reader.block($0) }
    #expect(blocks.map(\.firstRecord) == [0, 300, 600, 900])
    #expect(zip(blocks, blocks.dropFirst()).allSatisfy { $0.byteOffset + UInt64($0.compressedSize) == $1.byteOffset })
    #expect(size > blocks.reduce(0) { $0 + $1.contentSize })
    #expect(reader.block(4) == nil)
  }

  @Test("Reading goes on at any record", arguments: [0, 1, 99, 100, 101, 255, 256, 257, 998, 999, 1000])
  func seek(record: UInt64) throws {
    let records = variedRecords(1000)
    var reader = try TraceReader(path: directory.container(records, blockRecords: 100))
    _ = try reader.nextBatch()
    try reader.seek(toRecord: record)
    let position = reader.position
    #expect(position == record)
    #expect(deliver(&reader).records == Array(records[Int(record)...]))
    let end = reader.position
    #expect(end == 1000)
  }

  @Test("There is no seeking behind the end")
  func seekTooFar() throws {
    var reader = try TraceReader(path: directory.container(plainRecords(10)))
    let error = #expect(throws: TraceError.self) { try reader.seek(toRecord: 11) }
    #expect(error?.code == .invalidArgument)
  }

  @Test(
    "Seeking to a time finds the first record at or after it", arguments: [0, 1, 9_999, 10_000, 10_001, 2_990_000, 9_990_000, 9_990_001])
  func seekToTime(time: UInt64) throws {
    let records = plainRecords(1000)
    var reader = try TraceReader(path: directory.container(records, blockRecords: 30))
    let expected = records.firstIndex { $0.time.rawValue >= time } ?? records.count
    #expect(try reader.seek(toTime: SimTime(rawValue: time)) == UInt64(expected))
    #expect(deliver(&reader).records == Array(records[expected...]))
  }

  @Test("Seeking to a time that many records share finds the first of them")
  func seekToSharedTime() throws {
    let records = [0, 5, 5, 5, 5, 5, 9].map { TraceRecord(time: SimTime(rawValue: $0), operation: .read) }
    var reader = try TraceReader(path: directory.container(records, blockRecords: 2))
    #expect(try reader.seek(toTime: SimTime(rawValue: 5)) == 1)
  }

  @Test("The content hash depends on the records alone")
  func contentHash() throws {
    func hash(_ records: [TraceRecord], _ header: TraceHeader, level: Int) throws -> UInt64? {
      try TraceReader(path: directory.container(records, header: header, level: level)).contentHash
    }
    let records = plainRecords(5000)
    let first = try hash(records, TraceHeader(), level: 1)
    #expect(first != nil)
    #expect(try hash(records, TraceHeader(source: "another", clock: "x"), level: 19) == first)
    var changed = records
    changed[4000].length += 1
    #expect(try hash(changed, TraceHeader(), level: 1) != first)
  }

  @Test("A uniform trace over 262,144 pages takes no more than 4 bytes a record")
  func size() throws {
    var workload = Workload(.uniform, records: 100_000)
    workload.pages = 262_144
    var generator = try TraceGenerator(workload)
    var writer = try TraceWriter(path: directory.file("uniform"), header: generator.header)
    #expect(try writer.finish(with: &generator) == 100_000)
    #expect(try bytes(of: directory.file("uniform")).count < 400_000)
  }
}
