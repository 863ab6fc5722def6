import Hardware
import Testing

@testable import DMATrace

@Suite struct TraceGeneratorTests {
  private func generate(_ workload: Workload) throws -> [TraceRecord] {
    var generator = try TraceGenerator(workload)
    return deliver(&generator).records
  }

  private static func workload(_ pattern: Workload.Pattern, records: UInt64, pages: UInt64 = 32) -> Workload {
    var workload = Workload(pattern, records: records)
    workload.pages = pages
    return workload
  }

  private static let patterns: [Workload.Pattern] = [.uniform, .sequential, .zipf(exponentHundredths: 99)]

  @Test("The same seed gives the same trace, another seed another one", arguments: patterns)
  func determinism(pattern: Workload.Pattern) throws {
    var workload = Self.workload(pattern, records: 1000)
    let first = try generate(workload)
    #expect(try generate(workload) == first)
    workload.seed = 2
    #expect(try generate(workload) != first)
  }

  @Test("The first records of a seed never change")
  func golden() throws {
    let uniform = try generate(Self.workload(.uniform, records: 3))
    #expect(uniform.map(\.address.rawValue) == [0x1_0001_2940, 0x1_0001_F6C0, 0x1_0000_E480])
    #expect(uniform.map(\.operation) == [.write, .read, .write])
    let zipf = try generate(Self.workload(.zipf(exponentHundredths: 100), records: 3))
    #expect(zipf.map(\.address.rawValue) == [0x1_0000_AE40, 0x1_0000_15C0, 0x1_0001_5D80])
  }

  @Test("Accesses stay in the working set, aligned to their size, at constant distance in time", arguments: patterns)
  func form(pattern: Workload.Pattern) throws {
    var workload = Self.workload(pattern, records: 5000, pages: 7)
    workload.pageSizeLog2 = PageSizeLog2.size2M
    workload.base = IOVirtualAddress(0x40_0000)
    workload.accessSize = 256
    workload.interval = SimTime(picoseconds: 1234)
    let records = try generate(workload)
    #expect(records.count == 5000)
    for (index, record) in records.enumerated() {
      #expect(record.time.rawValue == UInt64(index) * 1234)
      #expect(record.length == 256)
      #expect(record.address.rawValue % 256 == 0)
      #expect((0x40_0000..<0x40_0000 + 7 * 0x20_0000).contains(record.address.rawValue))
      #expect(record.requester == RequesterID(bus: 0, device: 1, function: 0))
    }
  }

  @Test("Uniform accesses reach every page about equally often, and every place in a page")
  func uniform() throws {
    let records = try generate(Self.workload(.uniform, records: 64_000, pages: 64))
    var pages = [Int](repeating: 0, count: 64)
    var offsets = [Int](repeating: 0, count: 64)
    for record in records {
      pages[Int((record.address.rawValue - 1 << 32) >> 12)] += 1
      offsets[Int(record.address.pageOffset(12) / 64)] += 1
    }
    // 1000 on average, with a standard deviation of 31.
    #expect(pages.allSatisfy { (850...1150).contains($0) })
    #expect(offsets.allSatisfy { (850...1150).contains($0) })
  }

  @Test("Reads have the share that is asked for", arguments: patterns, [0, 1, 30, 100] as [UInt64])
  func reads(pattern: Workload.Pattern, percent: UInt64) throws {
    var workload = Self.workload(pattern, records: 10_000)
    workload.readPercent = percent
    let reads = try generate(workload).filter { $0.operation == .read }.count
    let spread = percent % 100 == 0 ? 0 : 200
    #expect(abs(reads - Int(percent) * 100) <= spread)
  }

  @Test("Sequential accesses run through the working set and begin again, each requester for itself")
  func sequential() throws {
    var workload = Self.workload(.sequential, records: 600, pages: 2)
    workload.requesters = 2
    let records = try generate(workload)
    for (index, record) in records.enumerated() {
      #expect(record.requester == RequesterID(UInt32(index % 2 + 1) << 3))
      #expect(record.address.rawValue == 1 << 32 + UInt64(index / 2 % 128) * 64)
    }
  }

  @Test("Requesters are drawn about equally often, and have ids of their own")
  func requesters() throws {
    var workload = Self.workload(.uniform, records: 32_000)
    workload.requesters = 32
    var counts: [RequesterID: Int] = [:]
    for record in try generate(workload) { counts[record.requester, default: 0] += 1 }
    #expect(counts.count == 32)
    #expect(counts[RequesterID(bus: 0, device: 1, function: 0)] != nil && counts[RequesterID(bus: 1, device: 0, function: 0)] != nil)
    #expect(counts.values.allSatisfy { (850...1150).contains($0) })
  }

  @Test("Random intervals have the mean that is asked for")
  func intervals() throws {
    var workload = Self.workload(.uniform, records: 10_001)
    workload.isIntervalRandom = true
    let records = try generate(workload)
    let steps = zip(records.dropFirst(), records).map { $0.time.rawValue - $1.time.rawValue }
    #expect(steps.allSatisfy { $0 <= 20_000 })
    #expect((9_800...10_200).contains(steps.reduce(0, +) / 10_000))
  }

  @Test(
    "A workload that cannot be is refused with the reason",
    arguments: [
      (changed { $0.pages = 0 }, "0 pages, expected 1 to 35184371040256, which end below 2^57"),
      (changed { $0.pages = 1 << 46 }, "70368744177664 pages, expected 1 to 35184371040256, which end below 2^57"),
      (changed { $0.pageSizeLog2 = 13 }, "page size 2^13, expected 4k, 2m or 1g"),
      (changed { $0.requesters = 0 }, "0 requesters, expected 1 to 8191"),
      (changed { $0.requesters = 8192 }, "8192 requesters, expected 1 to 8191"),
      (changed { $0.readPercent = 101 }, "101 percent of reads, expected 0 to 100"),
      (changed { $0.accessSize = 0 }, "accesses of 0 bytes, expected a power of two no larger than a page"),
      (changed { $0.accessSize = 48 }, "accesses of 48 bytes, expected a power of two no larger than a page"),
      (changed { $0.accessSize = 8192 }, "accesses of 8192 bytes, expected a power of two no larger than a page"),
      (changed { $0.interval = .never }, "5 accesses 18446744073709551.615 ns apart take too long"),
      (changed { $0.pattern = .zipf(exponentHundredths: 401) }, "Zipf exponent of 401 hundredths, expected 0 to 400"),
      (
        changed { $0 = workload(.zipf(exponentHundredths: 99), records: 5, pages: 1 << 25) },
        "33554432 pages, expected at most 16777216 for zipf"
      ),
    ])
  func objections(workload: Workload, message: String) {
    let error = #expect(throws: TraceError.self) { try TraceGenerator(workload).header }
    #expect(error?.code == .invalidArgument)
    #expect(error?.message == message)
  }

  private static func changed(_ change: (inout Workload) -> Void) -> Workload {
    var workload = workload(.uniform, records: 5)
    change(&workload)
    return workload
  }
}
