import Hardware
import Testing
import VTdArchitecture

@testable import Inspection

@Suite("Linux log") struct LinuxLogTests {
  static func decode(_ lines: String...) -> [Decoding] { DecoderTests.decoder.log(lines) }

  @Test(
    "Every form that the fault line has had is read",
    arguments: [
      (
        "[    0.960486] kernel: DMAR: [DMA Read NO_PASID] Request device [0x00:0x02.0] fault addr 0x7c346000 [fault reason 0x06] PTE Read access is not set",
        "00:02.0: read without PASID at 0x7c346000: fault 06h, no read permission"
      ),
      (
        "DMAR: [DMA Write PASID 0x2] Request device [6a:01.0] fault addr 0x7fe0c9943000 [fault reason 0x3a] SM: Non-zero reserved field",
        "6a:01.0: write with PASID 0x2 at 0x7fe0c9943000: fault 3Ah, a reserved bit of the root entry is set"
      ),
      (
        "DMAR: [DMA Read] Request device [00:02.0] PASID ffffffff fault addr 9c000000 [fault reason 12] non-zero reserved fields in PTE",
        "00:02.0: read without PASID at 0x9c000000: fault 0Ch, a reserved bit of a second-stage entry is set"
      ),
      (
        "DMAR: [DMA Read] Request device [00:02.0] PASID 5 fault addr 9c000000 [fault reason 113] ...",
        "00:02.0: read with PASID 0x5 at 0x9c000000: fault 71h, a first-stage entry is not present"
      ),
      (
        "DMAR:[DMA Write] Request device [0000:03:1f.7] fault addr ffe00000 [fault reason 05] PTE Write access is not set",
        "03:1f.7: write without PASID at 0xffe00000: fault 05h, no write permission"
      ),
      (
        "DMAR: [INTR-REMAP] Request device [f0:1f.0] fault index 0x19 [fault reason 0x26] Blocked an interrupt request",
        "f0:1f.0: interrupt with index 25: fault 26h, the requester may not use the interrupt entry"
      ),
      (
        "DMAR: [INTR-REMAP] Request device [[f0:1f.0] fault index 19 [fault reason 38] Blocked an interrupt request",
        "f0:1f.0: interrupt with index 25: fault 26h, the requester may not use the interrupt entry"
      ),
    ])
  func faults(line: String, summary: String) throws {
    let decodings = Self.decode(line)
    #expect(decodings.count == 1)
    let decoding = try #require(decodings.first)
    #expect(decoding.summary == summary)
    #expect(decoding.source == line)
    #expect(decoding.warnings.isEmpty)
    for name in ["T2", "PRIV", "EXE", "AT"] { #expect(decoding[name] == nil, "the line doesn't tell \(name)") }
  }

  @Test("A decimal reason is pointed out")
  func decimal() {
    let notes = Self.decode("DMAR: [DMA Read] Request device [00:02.0] fault addr 0 [fault reason 12] x").first?.notes ?? []
    #expect(notes.contains("the kernel wrote the reason as decimal 12: 0Ch"))
    let none = Self.decode("DMAR: [DMA Read] Request device [00:02.0] fault addr 0 [fault reason 06] x").first?.notes ?? []
    #expect(!none.contains { $0.contains("decimal") })
  }

  @Test("The reason can be in the next line, and is missed if it is not")
  func twoLines() {
    let fault = "DMAR:[DMA Read] Request device [03:00.0] fault addr ffe00000 "
    let complete = Self.decode(fault, "DMAR:[fault reason 06] PTE Read access is not set")
    #expect(complete.map(\.summary) == ["03:00.0: read without PASID at 0xffe00000: fault 06h, no read permission"])
    for lines in [[fault], [fault, "something else"]] {
      #expect(DecoderTests.decoder.log(lines).map(\.warnings) == [["the line that names the reason is missing"]])
    }
  }

  @Test(
    "What is not quite a fault line is none",
    arguments: [
      "DMAR: [DMA Read] Request device [00:02] fault addr 0 [fault reason 06]",
      "DMAR: [DMA Read] Request device [00:20.0] fault addr 0 [fault reason 06]",
      "DMAR: [DMA Read] Request device [00:02.9] fault addr 0 [fault reason 06]",
      "DMAR: [DMA Read] Request device [100:02.0] fault addr 0 [fault reason 06]",
      "DMAR: [DMA Read] Request device [00:02.0] fault addr [fault reason 06]",
      "DMAR: [DMA Copy] Request device [00:02.0] fault addr 0 [fault reason 06]", "DMAR: IOMMU enabled", "", "Request device [",
      "DMAR: DRHD: handling fault status reg", "pte level: 6, pte value: 0x0", "pasid table entry[8]: 0x0", "QI HEAD: x qw0 = 0x1",
      "dmar0: reg_base_addr fed90000 ver 1:0 cap", "VT-d detected Invalidation Queue Error: Reason",
    ])
  func noFault(line: String) {
    #expect(Self.decode(line).isEmpty)
  }

  @Test("A unit's line gives its registers, and where they break the rules")
  func unit() {
    let decodings = Self.decode("DMAR: dmar0: reg_base_addr fed90000 ver 4:0 cap 1c0000c40660462 ecap 49e2ff0505e")
    #expect(decodings.map(\.name) == ["VER", "CAP", "ECAP"])
    #expect(decodings.first?["MAX"] == 4)
    #expect(decodings[1]["FRO"] == 0x40)
    #expect(decodings[1].fields.first { $0.name == "FRO" }?.reading == "0x400")
    #expect(decodings[1].fields.first { $0.name == "NFR" }?.reading == "1 register")
    #expect(decodings[2]["NEST"] == 1)
    #expect(decodings[2].notes.contains { $0.contains("ECAP.NEST: must be 0 because ECAP.SMTS is 0") })
  }

  @Test(
    "Status, queue errors, descriptors and page requests are read",
    arguments: [
      ("DMAR: DRHD: handling fault status reg 3", "fsts", ["PFO": 1, "PPF": 1]),
      ("DMAR: VT-d detected Invalidation Queue Error: Reason 4", "iqercd", ["IQEI": 4]),
      ("DMAR: VT-d detected Invalidation Time-out Error: SID 300", "iqercd", ["ITESID": 0x300]),
      ("DMAR: VT-d detected Invalidation Completion Error: SID ffff", "iqercd", ["ICESID": 0xFFFF]),
      ("DMAR: QI HEAD: IOTLB Invalidation qw0 = 0x700e2, qw1 = 0x0", "descriptor", ["DID": 7, "DW": 1]),
      ("DMAR: QI PRIOR: Invalidation Wait qw0 = 0x200000025, qw1 = 0x1000", "descriptor", ["STDATA": 2, "SW": 1]),
      ("dmar0: Invalid page request: 503000101 7f00000010ff", "page-request", ["PASID": 5, "PRGI": 31]),
      ("DMAR: pasid dir entry: 0x0000000101c5d001", "pasid-directory", ["P": 1]),
      ("DMAR: root entry: 0x0000000101c5d001", "root", ["CTP": 0x101C5D]),
    ])
  func others(line: String, kind: String, fields: [String: UInt64]) throws {
    let decoding = try #require(Self.decode(line).first)
    #expect(decoding.kind == kind)
    for (name, value) in fields { #expect(decoding[name] == value, "\(name)") }
  }

  @Test("A dump in scalable mode is followed to first-stage entries")
  func scalableDump() {
    var lines = [
      "DMAR: scalable mode root entry: hi 0x0000000102ff5001, low 0x0000000102ff4001",
      "DMAR: context entry: hi 0x0000000000000000, low 0x0000000102ff2001", "DMAR: pasid dir entry: 0x0000000101c5d001",
    ]
    for (index, word) in ["41", "1800001", "101c5b010", "0", "0", "0", "0", "0"].enumerated() {
      lines.append("DMAR: pasid table entry[\(index)]: 0x\(word)")
    }
    lines.append("DMAR: pte level: 4, pte value: 0x0000000101c5a003")
    let decodings = DecoderTests.decoder.log(lines)
    #expect(decodings.map(\.kind) == ["scalable-root", "scalable-context", "pasid-directory", "pasid-entry", "fs-pml4"])
    #expect(decodings.allSatisfy { $0.warnings.isEmpty })
    #expect(decodings[3].source?.split(separator: "\n").count == 8)
  }

  @Test("A dump in legacy mode is followed to second-stage entries, and a cut PASID entry is still shown")
  func legacyDump() {
    let legacy = Self.decode(
      "root entry: 0x0000000102ff4001", "context entry: hi 0x0000000000000102, low 0x0000000102ff2001",
      "pte level: 2, pte value: 0x0000000000200083")
    #expect(legacy.map(\.kind) == ["root", "context", "ss-pd"])
    #expect(legacy.last?.notes.isEmpty ?? false)
    let cut = Self.decode("pasid table entry[0]: 0x101", "pasid table entry[1]: 0x1")
    #expect(cut.map(\.kind) == ["pasid-entry"])
    #expect(cut.first?.words == [0x101, 1])
    #expect(Self.decode("pte level: 1, pte value: 0x1003").first?.notes.first?.hasPrefix("taken for second stage") ?? false)
  }

  @Test("A line of a log can be given in words")
  func words() throws {
    let line = "DMAR: [DMA Read NO_PASID] Request device [03:00.0] fault addr 0x100000 [fault reason 0x71] SM: x"
    #expect(try DecoderTests.decode(line).kind == "log-fault")
  }
}
