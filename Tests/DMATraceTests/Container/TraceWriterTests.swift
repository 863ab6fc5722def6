import Foundation
import Hardware
import Testing

@testable import DMATrace

@Suite struct TraceWriterTests {
  private let directory = TemporaryDirectory()

  /// What making a writer with the given arguments and writing a record fails with.
  private func failure(
    _ path: String, _ header: TraceHeader = TraceHeader(), level: Int = 3, blockRecords: Int = 10, record: TraceRecord? = nil
  ) -> TraceError? {
    do throws(TraceError) {
      var writer = try TraceWriter(path: path, header: header, level: level, blockRecords: blockRecords)
      if let record { try writer.append(record) }
      try writer.finish()
      return nil
    } catch {
      return error
    }
  }

  @Test("A trace that is not finished leaves nothing behind, and what was there stays")
  func abandoned() throws {
    let path = try directory.make("kept", "old")
    do {
      var writer = try TraceWriter(path: path, header: TraceHeader(), blockRecords: 10)
      for record in plainRecords(100) { try writer.append(record) }
    }
    #expect(directory.names == ["kept"])
    #expect(try bytes(of: path) == Array("old".utf8))
  }

  @Test("A record that cannot follow is refused with its number, and the ones before stay")
  func refusal() throws {
    var writer = try TraceWriter(path: directory.file("trace"), header: TraceHeader(), blockRecords: 10)
    try writer.append(TraceRecord(time: SimTime(rawValue: 10), operation: .read))
    let error = #expect(throws: TraceError.self) { try writer.append(TraceRecord(time: SimTime(rawValue: 9), operation: .read)) }
    #expect(error?.code == .invalidRecord)
    #expect(error?.record == 1)
    try writer.finish()
    #expect(deliver(container: directory.file("trace")).records.count == 1)
  }

  @Test("Arguments out of range are refused")
  func arguments() {
    let path = directory.file("trace")
    #expect(failure(path, level: 0)?.message == "compression level 0, expected 1 to 19")
    #expect(failure(path, blockRecords: 0)?.message == "0 records per block, expected 1 to 65536")
    #expect(failure(path, blockRecords: 65_537)?.message == "65537 records per block, expected 1 to 65536")
    let note = TraceHeader(notes: [TraceNote(key: "a=b", value: "")])
    #expect(failure(path, note)?.message == "note with key 'a=b', expected a key without '='")
    #expect(failure(path, TraceHeader(recordCount: 3))?.message == "header says 3 records, 0 were written")
    #expect(directory.names.isEmpty)
  }

  @Test("A file that cannot be created or filled is an error that names it")
  func unwritable() throws {
    #expect(failure(directory.file("no/such/place"))?.code == .unwritable)
    #expect(failure(directory.path)?.message == "is a directory, expected a file")
    // The device is reached through a link, so that a writer gone wrong replaces the link and not the device.
    let device = directory.file("full")
    try FileManager.default.createSymbolicLink(atPath: device, withDestinationPath: "/dev/full")
    let full = failure(device, record: TraceRecord(operation: .read))
    #expect(full?.code == .unwritable)
    #expect(full?.description == "\(device): byte 0: No space left on device")
  }
}
