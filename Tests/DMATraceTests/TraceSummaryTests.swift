import Hardware
import Testing

@testable import DMATrace

@Suite struct TraceSummaryTests {
  @Test("Counts, times and addresses are those of the records")
  func counts() throws {
    let directory = TemporaryDirectory()
    let (nvme, nic) = (RequesterID(bus: 0, device: 4, function: 0), RequesterID(bus: 0, device: 3, function: 0))
    let records = [
      TraceRecord(time: SimTime(rawValue: 5), operation: .attach, requester: nvme, domain: TraceDomain(6)),
      TraceRecord(time: SimTime(rawValue: 5), operation: .map, address: .init(0x1000), length: 4096, domain: TraceDomain(6)),
      TraceRecord(time: SimTime(rawValue: 6), operation: .read, requester: nvme, address: .init(0x1040), length: 64),
      TraceRecord(time: SimTime(rawValue: 7), operation: .write, requester: nic, pasid: PASID(3), address: .init(0x9000), length: 10),
      TraceRecord(time: SimTime(rawValue: 8), operation: .translatedWrite, requester: nvme, address: .init(0x1010), length: 6),
      TraceRecord(time: SimTime(rawValue: 8), operation: .atomic, requester: nvme, address: .init(0x1080), length: 8),
      TraceRecord(time: SimTime(rawValue: 9), operation: .invalidate, scope: .domain, domain: TraceDomain(7)),
      TraceRecord(time: SimTime(rawValue: 9), operation: .marker, value: 1),
    ]
    var reader = try TraceReader(path: directory.container(records))
    let summary = try TraceSummary(of: &reader)
    #expect(summary.records == 8)
    #expect(summary.accesses == 4)
    #expect(summary.count(of: .read) == 1 && summary.count(of: .marker) == 1 && summary.count(of: .unmap) == 0)
    #expect((summary.firstTime, summary.lastTime) == (SimTime(rawValue: 5), SimTime(rawValue: 9)))
    #expect((summary.pasidCount, summary.domainCount) == (1, 2))
    #expect(
      summary.requesters == [
        TraceSummary.Requester(
          requester: nic, accesses: 1, writes: 1, bytes: 10, lowestAddress: .init(0x9000), highestAddress: .init(0x9000)),
        TraceSummary.Requester(
          requester: nvme, accesses: 3, writes: 1, atomics: 1, bytes: 78, others: 1, lowestAddress: .init(0x1010),
          highestAddress: .init(0x1080)),
      ])
  }
}
