import Hardware
import Testing

@testable import DMATrace

/// What devices can ask, as people write it.
@Suite struct DeviceRequestTextTests {
  private let directory = TemporaryDirectory()

  @Test(
    "Every request of a device has a line of its own, and the line means that request",
    arguments: [
      ("0 read requester=00:03.0 address=0x1000", TraceRecord(operation: .read, length: 0)),
      (
        "0 read requester=00:03.0 pasid=0x5 address=0x1000 length=64 attributes=privileged+execute",
        TraceRecord(operation: .read, pasid: PASID(5), length: 64, attributes: [.privileged, .execute])
      ),
      ("0 atomic requester=00:03.0 address=0x1000 length=8", TraceRecord(operation: .atomic, length: 8)),
      (
        "0 translated-write requester=00:03.0 address=0x1000 length=64 physical=0x7000 attributes=no-snoop+relaxed-order",
        TraceRecord(
          operation: .translatedWrite, length: 64, physical: PhysicalAddress(0x7000), attributes: [.noSnoop, .relaxedOrder])
      ),
      (
        "0 translation-request requester=00:03.0 pasid=0x5 address=0x1000 length=4096 attributes=no-write",
        TraceRecord(operation: .translationRequest, pasid: PASID(5), length: 4096, attributes: .noWrite)
      ),
      (
        "0 page-request requester=00:03.0 pasid=0x5 address=0x1000 permissions=rw- attributes=last group=511",
        TraceRecord(operation: .pageRequest, pasid: PASID(5), permissions: .readWrite, attributes: .last, group: 511)
      ),
      (
        "0 page-request requester=00:03.0 pasid=0x5 address=0x1000 permissions=--x attributes=privileged+last group=1",
        TraceRecord(operation: .pageRequest, pasid: PASID(5), permissions: .execute, attributes: [.privileged, .last], group: 1)
      ),
      // A stop marker.
      (
        "0 page-request requester=00:03.0 pasid=0x5 address=0x1000 attributes=last",
        TraceRecord(operation: .pageRequest, pasid: PASID(5), attributes: .last)
      ),
    ] as [(String, TraceRecord)])
  func lines(line: String, expected: TraceRecord) throws {
    var expected = expected
    expected.requester = RequesterID(bus: 0, device: 3, function: 0)
    expected.address = IOVirtualAddress(0x1000)
    let path = try directory.make("text", "dmatrace 1\n\n\(line)\n")
    var reader = try TextTraceReader(path: path)
    #expect(DMATraceTests.deliver(&reader).records == [expected])
    let container = try directory.container([expected])
    #expect(DMATraceTests.deliver(container: container).records == [expected])
    var listing = TraceListing()
    try listing.list(container, to: directory.file("again"))
    #expect(try lines(of: directory.file("again")).contains(line))
    listing.format = .csv
    try listing.list(container, to: directory.file("csv"))
    var table = try CSVTraceReader(path: directory.file("csv"))
    #expect(DMATraceTests.deliver(&table).records == [expected])
  }

  private func lines(of path: String) throws -> [String] { try DMATraceTests.lines(of: path) }
}
