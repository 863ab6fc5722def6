import Hardware
import Testing

@testable import DMATrace

@Suite struct TraceRecordTests {
  @Test("A record fits into a cache line")
  func size() { #expect(MemoryLayout<TraceRecord>.stride <= 64) }

  @Test("A PASID of 0 is not the same as none", arguments: [nil, PASID(0), PASID(1), PASID.maximum])
  func pasid(pasid: PASID?) {
    var record = TraceRecord(operation: .read, pasid: pasid)
    #expect(record.pasid == pasid)
    record.pasid = PASID(7)
    record.pasid = pasid
    #expect(record == TraceRecord(operation: .read, pasid: pasid))
  }

  @Test("Reads, writes, AtomicOps and their translated kin are accesses, nothing else is")
  func accesses() {
    let accesses = TraceOperation.allCases.filter(\.isAccess)
    #expect(accesses == [.read, .write, .atomic, .translatedRead, .translatedWrite])
  }

  @Test("The numbers of operations and scopes, which files contain, are consecutive from 0")
  func rawValues() {
    #expect(TraceOperation.allCases.map { Int($0.rawValue) } == Array(0..<14))
    #expect(InvalidationScope.allCases.map { Int($0.rawValue) } == Array(0..<18))
  }

  @Test("A record that a trace cannot hold is refused with the reason")
  func objections() {
    let late = TraceRecord(time: SimTime(rawValue: 1 << 63), operation: .read)
    #expect(late.objection(after: 0) == "time_ps is 9223372036854775808, expected at most 9223372036854775807")
    let early = TraceRecord(time: SimTime(rawValue: 4), operation: .read)
    #expect(early.objection(after: 5) == "time goes back from 5 ps to 4 ps; times must not decrease")
    let long = TraceRecord(operation: .read, length: 1 << 31)
    #expect(long.objection(after: 0) == "an access of 2147483648 bytes, expected at most 1073741824")
    #expect(TraceRecord(operation: .map, length: 1 << 31).objection(after: 0) == nil)
    let odd = TraceRecord(operation: .map, permissions: Permissions(rawValue: 8))
    #expect(odd.objection(after: 0) == "permissions is 8, expected at most 7")
  }
}
