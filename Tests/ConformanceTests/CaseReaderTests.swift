import Compression
import Foundation
import Hardware
import Testing
import VTdArchitecture

@testable import Conformance

@Suite struct CaseReaderTests {
  /// The file with the given lines, read to its end.
  private func read(_ lines: String...) throws -> [ConformanceCase] {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("cases-\(UUID().uuidString).jsonl")
    try lines.joined(separator: "\n").write(to: url, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: url) }
    var reader = try CaseReader(path: url.path)
    var cases: [ConformanceCase] = []
    while let next = try reader.next() { cases.append(next) }
    return cases
  }

  static let iommu = """
    {"id":"a","arch":"vtd","category":"c-d","trust":"check","notes":["n"],"config":{"ram":"0x0-0xfffff,0x100000000-0x1000fffff",\
    "iommu_options":"device-iotlb=on,stale-tm=on","ident":{"VER":"0x10","CAP":"0x80d2008c222f0606","ECAP":"0xf00f4e"}},\
    "memory":[{"addr":"0x1000","u64":["0x1","0xffffffffffffffff"]}],"mmio_writes":[{"offset":"0x20","size":8,"value":"0x1000"}],\
    "steps":[{"op":"mmio_read","offset":"0x34","size":4,"expect":{"value":"0x2"}},{"op":"mem_write","addr":"0x8","u64":["0x5"]},\
    {"op":"mem_read","addr":"0x8","n":1,"expect":{"u64":["0x5"]}},\
    {"op":"dma","rid":"0x20","dir":"write","iova":"0xff8","len":16,"data":"000102030405060708090a0b0c0d0e0f","impl_defined":true,\
    "expect":{"status":"fault","landed_before_fault":["0x2ff8"],"fault":{"fsts":"0x2","frcd_lo":"0x1000","frcd_hi":"0x8000000500000020",\
    "reason":"0x5","sid":"0x20","fi":"0x1000","type":"write","pp":0,"pasid":"0x0","arch_reason":["0x85","0x79"]}}},\
    {"op":"dma","rid":"0x28","dir":"read","iova":"0x0","len":2,"expect":{"status":"ok","pa":"0x3000","data":"0aff"}}]}
    """

  @Test("What a line is, its content says")
  func kinds() throws {
    let cases = try read(
      Self.iommu, SmallTables.bare(queries: ""), SmallTables.scalable(queries: ""), SmallEntry.text, #"{"id":"v","kind":"ste_vector"}"#,
      #"{"id":"s","arch":"smmuv3","category":"s1-random","trust":"ok"}"#)
    let names = cases.map { test in
      switch test {
      case .iommu(let test): "iommu \(test.header.category)"
      case .pageTable(let test): "table \(test.kind)"
      case .entry(let test): "entry \(test.requester)"
      case .unmodelled(let header): "unmodelled \(header.category)"
      }
    }
    #expect(names == ["iommu c-d", "table bare", "table secondStage", "entry 00:04.0", "unmodelled ste_vector", "unmodelled s1-random"])
  }

  @Test("A whole-IOMMU case is read with everything in it")
  func iommuCase() throws {
    guard case .iommu(let test) = try read(Self.iommu)[0] else { throw Missing() }
    #expect(test.header == CaseHeader(id: "a", category: "c-d", trust: .check, concernsTables: false))
    #expect(test.identity.capabilities.rawValue == 0x80D2_008C_222F_0606)
    #expect(test.identity.hostAddressWidth == 48)
    #expect(test.hasTransientMapping)
    #expect(test.regions.map(\.length) == [0x10_0000, 0x10_0000])
    #expect(test.memory == [IOMMUCase.MemoryWords(address: PhysicalAddress(0x1000), words: [1, .max])])
    #expect(test.setUp == [IOMMUCase.RegisterWrite(offset: 0x20, size: 8, value: 0x1000)])
    #expect(test.steps[0] == .registerRead(IOMMUCase.RegisterRead(offset: 0x34, size: 4, observed: 2)))
    guard case .access(let write) = test.steps[3], case .access(let load) = test.steps[4] else { throw Missing() }
    #expect(write.requester == RequesterID(0x20) && write.kind == .write && write.data == Array(0...15))
    #expect(write.isImplementationDefined && !write.observed.completed && write.observed.landed == [PhysicalAddress(0x2FF8)])
    #expect(write.observed.fault?.record?.reason == .noWrite)
    #expect(write.observed.fault?.architecturalReasons == [.scalableNoWrite, .secondStageNotPresent])
    #expect(load.observed == IOMMUCase.Observation(completed: true, pieces: [PhysicalAddress(0x3000)], data: [10, 255]))
  }

  @Test("A page-table case is read with everything in it")
  func pageTableCase() throws {
    let queries = """
      {"a":"0x5fff","r":"hit","pa":"0x200fff","sz":"0x1000","lv":1,"p":"w","d":1,"snp":0},{"a":"0x7000","r":"miss"},\
      {"a":"0x8000000000000000","r":"range","pasid":7,"sid":"0x99"},{"a":"0x0","r":"fault","code":"0x51","by":"rule","name":"n"}
      """
    guard case .pageTable(let test) = try read(SmallTables.scalable(queries: queries))[0] else { throw Missing() }
    #expect(test.hostAddressWidth == 39 && test.registers?.rootTable == 0x1400)
    #expect(test.blocks[7].runs == [PageTableCase.Run(index: 5, count: 2, first: 0x20_0003, step: 0x1000)])
    #expect(test.blocks[7].runs[0].words == [0x20_0003, 0x20_1003])
    let mapping = PageTableCase.Mapping(output: 0x20_0FFF, pageSizeLog2: 12, level: 1, permissions: .write, dirty: true, snoop: false)
    #expect(test.queries.map(\.expected) == [.hit(mapping), .miss, .range, .fault(.directoryNotPresent)])
    #expect(test.queries[1].requester == RequesterID(0x20) && test.queries[1].pasid == nil)
    #expect(test.queries[2].requester == RequesterID(0x99) && test.queries[2].pasid == PASID(7))
  }

  @Test(
    "A line that is no case is an error with the place and what was expected",
    arguments: [
      ("", "not JSON", "expected a case, that is a JSON object on one line"),
      ("", "[1]", "expected a case, that is a JSON object on one line"),
      ("", #"{"kind":"vtd_ss"}"#, "id: expected a string"),
      ("", #"{"id":"x","kind":"new"}"#, "kind: expected a known kind of case, found new"),
      ("", #"{"id":"x","arch":"riscv","category":"c","trust":"ok"}"#, "arch: expected vtd or smmuv3, found riscv"),
      (#""trust":"check""#, #""trust":"maybe""#, "trust: expected ok, check or qemu, found maybe"),
      (#""addr":"0x8","n":1"#, #""addr":"0x9","n":1"#, "steps[2].addr: expected a multiple of 8"),
      (#""n":1"#, #""n":2"#, "steps[2].expect.u64: expected as many words as n says"),
      (#""size":8"#, #""size":3"#, "mmio_writes[0].size: expected 4 or 8, found 3"),
      (#""value":"0x2""#, #""value":"2""#, "steps[0].expect.value: expected a hexadecimal string of at most 64 bits, found 2"),
      (
        #""0xffffffffffffffff""#, #""0x1ffffffffffffffff""#,
        "memory[0].u64: expected a hexadecimal string of at most 64 bits, found 0x1ffffffffffffffff"
      ),
      (#""len":16"#, #""len":1000000"#, "steps[3].len: expected 1 to 4096, found 1000000"),
      (#""data":"00"#, #""data":"zz"#, "steps[3].data: expected hexadecimal digits"),
      (#""op":"mem_read""#, #""op":"nap""#, "steps[2].op: expected a known step, found nap"),
      (#""0x0-0xfffff,"#, #""0xfffff-0x0,"#, "config.ram: expected ranges of memory as in 0x0-0x7fffffff, found 0xfffff-0x0"),
    ])
  func defects(old: String, new: String, message: String) throws {
    let line = old.isEmpty ? new : Self.iommu.replacingOccurrences(of: old, with: new)
    let error = #expect(throws: ConformanceError.self) { try read("", line) }
    guard case .malformed(_, let number, let found)? = error else { throw Missing() }
    #expect(number == 2 && found == message)
  }

  @Test(
    "An entry with the wrong number of words or an unknown field is an error",
    arguments: [
      (#""words":["0x49","#, #""words":["#, "words: expected 8 words"),
      (#""PGTT""#, #""PTT""#, "fields.PTT: expected a field of a PASID table entry"),
      (#""DID":7"#, #""DID":-7"#, "fields.DID: expected a value that is not negative"),
      (#""lo""#, #""middle""#, "ctx.root_half: expected lo or hi, found middle"),
    ])
  func damagedEntry(old: String, new: String, message: String) throws {
    let line = SmallEntry.text.replacingOccurrences(of: old, with: new)
    let error = #expect(throws: ConformanceError.self) { try read(line) }
    guard case .malformed(_, 1, let found)? = error else { throw Missing() }
    #expect(found == message)
  }

  @Test(
    "Damaged memory of a page-table case is an error, whatever its numbers",
    arguments: [
      ("[5,2,", "[-1,2,"), ("[5,2,", "[511,2,"), ("[5,2,", "[0,9223372036854775807,"), ("\"0x13000\",4096", "\"0x13001\",4096"),
      ("\"0x13000\",4096", "\"0x13000\",9223372036854775807"), ("\"0x13000\",4096", "\"0xfffffffffffff000\",4096"),
      ("\"0x13000\",4096,[[5", "\"0x13000\",4096,[[\"5\""),
    ])
  func damagedMemory(old: String, new: String) throws {
    let line = SmallTables.scalable(queries: "").replacingOccurrences(of: old, with: new)
    let error = #expect(throws: ConformanceError.self) { try read(line) }
    #expect(error?.description.contains("mem[7]: expected") == true)
  }

  @Test("A directory, a missing file and damaged compressed data are errors of the file")
  func unreadable() throws {
    let directory = FileManager.default.temporaryDirectory
    let damaged = directory.appendingPathComponent("damaged-\(UUID().uuidString).jsonl.zst")
    try Data([0x28, 0xB5, 0x2F, 0xFD, 0, 1, 2, 3, 4, 5, 6, 7]).write(to: damaged)
    defer { try? FileManager.default.removeItem(at: damaged) }
    for path in [directory.path, directory.appendingPathComponent("no-such-file").path, damaged.path] {
      let error = #expect(throws: ConformanceError.self) {
        var reader = try CaseReader(path: path)
        while try reader.next() != nil {}
      }
      guard case .unreadable(let cause)? = error else { throw Missing() }
      #expect(cause.path == path)
    }
  }

  private struct Missing: Error {}
}
