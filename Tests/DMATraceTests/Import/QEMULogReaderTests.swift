import Hardware
import Testing

@testable import DMATrace

@Suite struct QEMULogReaderTests {
  private let directory = TemporaryDirectory()

  private func deliver(log: String, allowTruncated: Bool = false) throws -> (Delivery, ImportSummary?) {
    try deliver(path: directory.make("log", log), allowTruncated: allowTruncated)
  }

  private func deliver(path: String, allowTruncated: Bool = false) -> (Delivery, ImportSummary?) {
    do throws(TraceError) {
      var reader = try QEMULogReader(path: path, allowTruncated: allowTruncated)
      let delivery = DMATraceTests.deliver(&reader)
      return (delivery, reader.summary)
    } catch {
      return (Delivery(error: error), nil)
    }
  }

  /// The records of a log, as lines of the text form without times.
  private func text(_ log: String) throws -> [String] {
    let (delivery, _) = try deliver(log: log)
    if let error = delivery.error { return [error.message] }
    var writer = try TextTraceWriter(path: directory.file("text"), header: TraceHeader())
    try delivery.records.withUnsafeBufferPointer { try writer.append($0) }
    try writer.finish()
    let body = try lines(of: directory.file("text")).drop { !$0.isEmpty }.dropFirst().dropLast()
    return body.map { String($0.drop { $0 != " " }.dropFirst()) }
  }

  @Test("An access has the full address of its lookup, and is preceded by its attachment and its map, once")
  func accesses() throws {
    let lines = try text(
      """
      vtd_iotlb_page_update IOTLB page update sid 0x18 iova 0xffffe002 slpte 0x1be8003 domain 0x5
      vtd_dmar_translate dev 00:03.00 iova 0xffffe000 -> gpa 0x1be8000 mask 0xfff
      vtd_iotlb_page_hit IOTLB page hit sid 0x18 iova 0xffffe040 slpte 0x1be8003 domain 0x5
      vtd_dmar_translate dev 00:03.00 iova 0xffffe000 -> gpa 0x1be8000 mask 0xfff
      vtd_dmar_translate dev 00:03.00 iova 0xffffe000 -> gpa 0x1be8000 mask 0xfff

      """)
    #expect(
      lines == [
        "attach requester=00:03.0 domain=5",
        "map address=0xffffe000 length=4096 physical=0x1be8000 permissions=rw- domain=5",
        "read requester=00:03.0 address=0xffffe002 length=1 physical=0x1be8002",
        "read requester=00:03.0 address=0xffffe040 length=1 physical=0x1be8040",
        // Without a lookup line, the page is all that is known.
        "read requester=00:03.0 address=0xffffe000 length=1 physical=0x1be8000",
      ])
  }

  @Test("A page that permits only writing is written", arguments: [("1", "r--", "read"), ("2", "-w-", "write"), ("3", "rw-", "read")])
  func direction(bits: String, permissions: String, operation: String) throws {
    let lines = try text(
      "vtd_iotlb_page_hit IOTLB page hit sid 0x18 iova 0x2010 slpte 0x700\(bits) domain 0x5\n"
        + "vtd_dmar_translate dev 00:03.00 iova 0x2000 -> gpa 0x7000 mask 0xfff\n")
    #expect(lines.dropFirst().first == "map address=0x2000 length=4096 physical=0x7000 permissions=\(permissions) domain=5")
    #expect(lines.last == "\(operation) requester=00:03.0 address=0x2010 length=1 physical=0x7010")
  }

  @Test("A page is mapped again when its target or its permissions change, and when a page of another size has replaced it")
  func remapping() throws {
    func access(_ iova: String, _ gpa: String, _ bits: Int, _ mask: String) -> String {
      "vtd_iotlb_page_update IOTLB page update sid 0x18 iova 0x\(iova) slpte 0x\(bits) domain 0x5\n"
        + "vtd_dmar_translate dev 00:03.00 iova 0x\(iova) -> gpa 0x\(gpa) mask 0x\(mask)\n"
    }
    let small = ("200000", "7000", 3, "fff")
    let steps: [(String, String, Int, String)] = [
      small, small, ("200000", "8000", 3, "fff"), ("200000", "8000", 1, "fff"), ("200000", "400000", 3, "1fffff"),
      ("200000", "8000", 1, "fff"), ("200000", "400000", 3, "1fffff"), ("200000", "400000", 3, "1fffff"),
      ("0", "40000000", 3, "3fffffff"), ("200000", "400000", 3, "1fffff"),
    ]
    let maps = try text(steps.map(access).joined()).filter { $0.hasPrefix("map") }
    #expect(
      maps == [
        "map address=0x200000 length=4096 physical=0x7000 permissions=rw- domain=5",
        "map address=0x200000 length=4096 physical=0x8000 permissions=rw- domain=5",
        "map address=0x200000 length=4096 physical=0x8000 permissions=r-- domain=5",
        "map address=0x200000 length=2097152 physical=0x400000 permissions=rw- domain=5",
        "map address=0x200000 length=4096 physical=0x8000 permissions=r-- domain=5",
        "map address=0x200000 length=2097152 physical=0x400000 permissions=rw- domain=5",
        "map length=1073741824 physical=0x40000000 permissions=rw- domain=5",
        "map address=0x200000 length=2097152 physical=0x400000 permissions=rw- domain=5",
      ])
  }

  @Test("A requester is attached again when its domain changes")
  func domains() throws {
    let lines = try text(
      """
      vtd_iotlb_page_hit IOTLB page hit sid 0x20 iova 0x2000 slpte 0x7003 domain 0x5
      vtd_dmar_translate dev 00:04.00 iova 0x2000 -> gpa 0x7000 mask 0xfff
      vtd_iotlb_page_hit IOTLB page hit sid 0x20 iova 0x2000 slpte 0x7003 domain 0xffff
      vtd_dmar_translate dev 00:04.00 iova 0x2000 -> gpa 0x7000 mask 0xfff

      """)
    #expect(lines.filter { $0.hasPrefix("attach") } == ["attach requester=00:04.0 domain=5", "attach requester=00:04.0 domain=65535"])
    #expect(lines.filter { $0.hasPrefix("map") }.count == 2)
  }

  @Test("Lookups of two requesters that interleave belong to their own translations")
  func interleaving() throws {
    let lines = try text(
      """
      vtd_iotlb_page_hit IOTLB page hit sid 0x20 iova 0x2004 slpte 0x7003 domain 0x6
      vtd_iotlb_page_hit IOTLB page hit sid 0x18 iova 0x2008 slpte 0x9003 domain 0x5
      vtd_dmar_translate dev 00:04.00 iova 0x2000 -> gpa 0x7000 mask 0xfff
      vtd_dmar_translate dev 00:03.00 iova 0x2000 -> gpa 0x9000 mask 0xfff

      """)
    #expect(
      lines.filter { $0.hasPrefix("read") } == [
        "read requester=00:04.0 address=0x2004 length=1 physical=0x7004", "read requester=00:03.0 address=0x2008 length=1 physical=0x9008",
      ])
  }

  @Test("An address that is passed through is attached as such, though older logs print the source in decimal behind 0x")
  func passThrough() throws {
    let lines = try text(
      """
      vtd_translate_pt source id 0x24, iova 0x5000
      vtd_dmar_translate dev 00:03.00 iova 0x5000 -> gpa 0x5000 mask 0xfff
      vtd_iotlb_page_hit IOTLB page hit sid 0x18 iova 0x2008 slpte 0x9003 domain 0x5
      vtd_dmar_translate dev 00:03.00 iova 0x2000 -> gpa 0x9000 mask 0xfff
      vtd_dmar_translate dev 00:03.00 iova 0x6000 -> gpa 0x6000 mask 0xfff

      """)
    #expect(
      lines == [
        "attach requester=00:03.0 attributes=pass-through domain=65536",
        "read requester=00:03.0 address=0x5000 length=1 physical=0x5000",
        "attach requester=00:03.0 domain=5", "map address=0x2000 length=4096 physical=0x9000 permissions=rw- domain=5",
        "read requester=00:03.0 address=0x2008 length=1 physical=0x9008",
        "attach requester=00:03.0 attributes=pass-through domain=65536",
        "read requester=00:03.0 address=0x6000 length=1 physical=0x6000",
      ])
  }

  @Test("A log of translations alone gives each requester a domain of its own")
  func translationsOnly() throws {
    let lines = try text(
      """
      vtd_dmar_translate dev 00:03.00 iova 0x2000 -> gpa 0x9000 mask 0xfff
      vtd_dmar_translate dev 00:03.00 iova 0x3000 -> gpa 0x3000 mask 0xfff

      """)
    #expect(
      lines == [
        "attach requester=00:03.0 domain=131096", "map address=0x2000 length=4096 physical=0x9000 permissions=rw- domain=131096",
        "read requester=00:03.0 address=0x2000 length=1 physical=0x9000",
        "map address=0x3000 length=4096 physical=0x3000 permissions=rw- domain=131096",
        "read requester=00:03.0 address=0x3000 length=1 physical=0x3000",
      ])
  }

  @Test("A page fault unmaps what would have permitted the access; a fault of the context entry detaches")
  func faults() throws {
    let mapped = """
      vtd_iotlb_page_hit IOTLB page hit sid 0x18 iova 0x2000 slpte 0x7001 domain 0x5
      vtd_dmar_translate dev 00:03.00 iova 0x2000 -> gpa 0x7000 mask 0xfff

      """
    func fault(_ line: String) throws -> [String] { Array(try text(mapped + line + "\n").dropFirst(3)) }
    let unmap = "unmap address=0x2000 length=4096 domain=5"
    #expect(
      try fault("vtd_dmar_fault sid 0x18 fault 6 addr 0x2010 write 0") == [unmap, "read requester=00:03.0 address=0x2010 length=1"])
    #expect(try fault("vtd_dmar_fault sid 0x18 fault 5 addr 0x2010 write 1") == ["write requester=00:03.0 address=0x2010 length=1"])
    #expect(
      try fault("vtd_dmar_fault sid 0x18 fault 2 addr 0x2010 write 1")
        == ["detach requester=00:03.0 domain=5", "write requester=00:03.0 address=0x2010 length=1"])
    #expect(
      try fault("vtd_dmar_fault sid 0x20 fault 6 addr 0x8010 write 0") == [
        "attach requester=00:04.0 domain=131104", "unmap address=0x8000 length=4096 domain=131104",
        "read requester=00:04.0 address=0x8010 length=1",
      ])
    // What the fault unmapped is mapped again before it is used again.
    let again = try text(mapped + "vtd_dmar_fault sid 0x18 fault 6 addr 0x2010 write 0\n" + mapped)
    #expect(again.suffix(2).first == "map address=0x2000 length=4096 physical=0x7000 permissions=r-- domain=5")
  }

  @Test("A table walk maps and unmaps, in the domain that older logs print in decimal behind 0x")
  func pageWalk() throws {
    func walk(_ domain: String, before: String = "") throws -> String? {
      try text(before + "vtd_page_walk_one domain 0x\(domain) iova 0x200000 -> gpa 0x400000 mask 0x1fffff perm 3\n").last
    }
    let map = "map address=0x200000 length=2097152 physical=0x400000 permissions=rw- domain="
    #expect(try walk("16") == map + "16")
    #expect(try walk("1a") == map + "26")
    // Only one of the two readings is a domain of the log.
    let lookup = "vtd_iotlb_page_hit IOTLB page hit sid 0x18 iova 0x2000 slpte 0x7003 domain 0x16\n"
    #expect(try walk("16", before: lookup) == map + "22")
    #expect(
      try text("vtd_page_walk_one domain 0x5 iova 0x3000 -> gpa 0x0 mask 0xfff perm 0\n") == ["unmap address=0x3000 length=4096 domain=5"])
  }

  @Test("Events of other kinds and other lines are counted and passed over")
  func passedOver() throws {
    let (delivery, summary) = try deliver(
      log: """
        qemu-system-x86_64: warning: something
        vtd_inv_desc_iec granularity 0x1 index 0x3 mask 0x0
        vtd_inv_desc_wait_sw wait invalidate status write addr 0x1052c04 data 0x2
        vtd_inv_desc_iec granularity 0x1 index 0x4 mask 0x0
        vtd_inv_desc_iotlb_global iotlb invalidate global

        Booting
        """ + "\n")
    #expect(delivery.records.count == 1)
    #expect(summary?.lines == 7)
    #expect(summary?.events == ["vtd_inv_desc_iotlb_global": 1])
    #expect(summary?.otherEvents == ["vtd_inv_desc_iec": 2, "vtd_inv_desc_wait_sw": 1])
    #expect(summary?.otherLines == 3)
    #expect(summary?.records == [.invalidate: 1])
  }

  @Test(
    "A line of a known event that is cut off or out of range is an error with its number",
    arguments: [
      "vtd_dmar_translate dev 00:03.00 iova 0xffffe000 -> gpa 0x1be8000 mask", "vtd_dmar_translate dev 00:03.00 iova 0xffffe000 -> gpa",
      "vtd_dmar_translate dev 00:03.00 iova 0xffffe000 -> gpa 0x1be8000 mask 0xff", "vtd_dmar_translate",
      "vtd_dmar_translate dev 00:03.08 iova 0xffffe000 -> gpa 0x1be8000 mask 0xfff",
      "vtd_dmar_translate dev 00:03.00 iova 0xffffe000 -> gpa 0x1be8000 mask 0xffffffffffffffff",
      "vtd_dmar_translate dev 00:03.00 iova 0xfffffffffffffffff -> gpa 0x1be8000 mask 0xfff",
      "vtd_iotlb_page_hit IOTLB page hit sid 0x18 iova 0xffffe040 slpte 0x1be8003 domain 0x",
      "vtd_iotlb_page_hit IOTLB page hit sid 0x18 iova 0xffffe040 slpte 0x1be8003 domain 0x5@1795212125.402",
      "vtd_inv_desc_iotlb_domain iotlb invalidate whole domain 0x5vtd_inv_desc",
      "vtd_iotlb_page_hit IOTLB page hit sid 0x18 iova 0xffffe040 slpte 0x1be8003 domain 0x10000",
      "vtd_inv_desc_iotlb_pages iotlb invalidate domain 0x5 addr 0xffffd000 mask 0x34", "1189@1795212125.4019", "1189@1795212125.401913:",
      "1189@17952121", "1189@99999999999999.000000:vtd_iotlb_reset x", "vtd_iotlb_page_update 12.345 pid=7 sid=0x18 addr=0x1000 slpte=0x3",
    ])
  func malformed(line: String) throws {
    let stamp = line.contains("99999999999999") ? "1@5.000000:" : ""
    let (delivery, _) = try deliver(log: "\(stamp)vtd_inv_desc_iotlb_global\n\(line)\n", allowTruncated: true)
    #expect(delivery.error?.code == .malformed)
    #expect(delivery.error?.line == 2)
  }

  @Test("A log that ends in the middle of a line is an error, unless that is allowed")
  func truncation() throws {
    let log = "vtd_inv_desc_iotlb_global iotlb invalidate global\nvtd_inv_desc_iotlb_domain iotlb invalidate whole domain 0x1"
    let (strict, _) = try deliver(log: log)
    #expect(strict.error?.code == .truncated)
    #expect(strict.error?.message == "log ends in the middle of line 2")
    let (lenient, _) = try deliver(log: log, allowTruncated: true)
    #expect(lenient.error == nil)
    #expect(lenient.records.count == 1)
    #expect(lenient.damage == strict.error)
  }

  @Test("A log without VT-d events is refused, and one of the SMMU model by name")
  func otherLogs() throws {
    let (other, _) = try deliver(log: "pci_update_mappings_add d=0x1\n")
    #expect(other.error?.code == .notATrace)
    let (smmu, _) = deliver(path: fixture("qemu-simpletrace-smmuv3.txt"))
    #expect(smmu.error?.code == .unsupported)
  }
}
