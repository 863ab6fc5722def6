import Hardware
import Testing
import VTdArchitecture

@testable import Inspection

@Suite("VT-d structures") struct VTdStructureTests {
  @Test(
    "Fields have the values that the layouts give",
    arguments: [
      ("fault-record deadb000 e000007d0000fedc", ["FI": 0xDEADB, "SID": 0xFEDC, "FR": 0x7D, "AT": 2, "T1": 1, "T2": 0, "F": 1]),
      ("fault-record 0 8123457180000108", ["SID": 0x108, "FR": 0x71, "PV": 0x12345, "PP": 1, "T1": 0, "AT": 0]),
      ("descriptor 11 0", ["TYPE": 1, "G": 1]), ("descriptor 000300f800050031 0", ["SID": 0xF8, "FM": 3, "DID": 5, "G": 3]),
      ("descriptor 00000000000700f2 0000000000200049", ["DID": 7, "DW": 1, "DR": 1, "AM": 9, "IH": 1, "ADDR": 0x200]),
      ("descriptor 0300030000000003 0000000000011001", ["SID": 0x300, "PFSIDH": 0x30, "S": 1, "ADDR": 0x11]),
      ("descriptor 0000004010000014 0", ["IIDX": 0x40, "IM": 2, "G": 1]),
      ("descriptor 00000000000000d5 0", ["IF": 1, "FN": 1, "PD": 1, "SW": 0]),
      ("descriptor 0000000500010036 00007f0000001000 0 0", ["PASID": 5, "DID": 1, "ADDR": 0x7_F000_0001]),
      ("descriptor 0000000500010017 0", ["PASID": 5, "DID": 1, "G": 1]),
      ("descriptor 0300000503000008 7ffffffffffff800", ["SID": 0x300, "PASID": 5, "S": 1, "GI": 0, "MIP": 0]),
      ("descriptor 0000000503001019 00000000000000f8", ["RID": 0x300, "PP": 1, "RC": 1, "PRGI": 0x1F, "LPIG": 0]),
      ("page-request 0000000503000101 00007f00000010ff", ["RID": 0x300, "PASID": 5, "RDR": 1, "WRR": 1, "LPIG": 1, "PRGI": 0x1F]),
      ("pasid-entry 50289", ["PGTT": 2, "AW": 2, "SSADE": 1, "SSPTPTR": 0x50]),
      ("pasid-entry 41 800001 60011", ["PGTT": 1, "DID": 1, "PWSNP": 1, "SRE": 1, "WPE": 1, "FSPM": 0, "FSPTPTR": 0x60]),
      ("scalable-context 10e1d", ["DTE": 1, "PASIDE": 1, "PRE": 1, "PDTS": 7, "PASIDDIRPTR": 0x10]),
    ])
  func goldenVectors(line: String, fields: [String: UInt64]) throws {
    let decoding = try DecoderTests.decode(line)
    for (name, value) in fields { #expect(decoding[name] == value, "\(name)") }
    #expect(decoding.warnings.isEmpty)
  }

  @Test(
    "One line says it all",
    arguments: [
      ("00000000000700e2 0", "IOTLB and paging structures: domain 7"),
      ("00000000000700f2 0000000000200049", "IOTLB: domain 7, 0x200000 to 0x3fffff"),
      ("000300f800050031 0", "context cache: 00:1f.0, all functions, domain 5 (legacy mode)"),
      ("0300030000000003 0000000000011001", "device-TLB of 03:00.0: 0x10000 to 0x13fff"),
      ("0000004010000014 0", "interrupt entry cache: 4 entries from index 64"),
      ("0000000200000025 0000000000001000", "wait for the descriptors before, write 0x2 to 0x1000"),
      ("00000000000000d5 0", "wait for the descriptors before, raise an event, fence, drain page requests"),
      ("0000000500010026 0", "IOTLB and paging structures: domain 1, PASID 0x5"),
      ("0000000000000037 0", "PASID cache: all"),
      ("0300000503000008 7ffffffffffff800", "device-TLB of 03:00.0: PASID 0x5, all addresses"),
      ("0000000503001019 00000000000000fc", "answer to 03:00.0 with PASID 0x5, group 31: invalid request"),
      ("page-request 0000000503000101 0000000000000004", "stop marker of 03:00.0 with PASID 0x5"),
      ("page-request 03000001 00007f0000001002", "03:00.0 without PASID asks for 0x7f0000001000 to write, group 0"),
      ("fault-record 0 8123457180000108", "01:01.0: write with PASID 0x12345 at 0x0: fault 71h, a first-stage entry is not present"),
      ("root 10001 0", "context table at 0x10000"), ("context 10005 102", "4-level second stage at 0x10000, domain 1, device-TLB"),
      ("context 9 103", "pass-through, domain 1"),
      ("scalable-root 10001 0", "devices 0 to 15: context table at 0x10000; devices 16 to 31: not present"),
      ("pasid-entry 41 800001 60011", "4-level first stage at 0x60000, domain 1"),
      ("pasid-entry 500c9 1 60004", "5-level first stage at 0x60000 (guest physical) over 4-level second stage at 0x50000, domain 1"),
      ("pasid-entry 101", "pass-through, domain 0"), ("pasid-entry 100", "not present: nothing but P and FPD counts"),
      ("ss-pd 800000000020008b", "2 MiB page at 0x200000, rw"), ("ss-pt 5001", "4 KiB page at 0x5000, r-"),
      ("ss-pd 5003", "next table at 0x5000, rw"), ("ss-pml4 4", "not present: R and W are 0, nothing else counts"),
      ("fs-pdpt 40000087", "1 GiB page at 0x40000000, rw user"), ("fs-pml4 5001", "next table at 0x5000, r- supervisor"),
      ("fs-pt 2", "not present: P is 0, nothing else counts"),
      ("msi-address fee00418 2", "interrupt with index 34 of the remapping table"),
      ("msi-address fee01000 4031", "interrupt to destination 1, vector 49"), ("reason 1", "the root entry is not present"),
    ])
  func summaries(line: String, summary: String) throws {
    #expect(try DecoderTests.decode(line).summary == summary)
  }

  @Test(
    "Reserved bits that are set, and what a unit refuses, are warned of",
    arguments: [
      ("root 10801 0", "reserved bit 11 is set"), ("root 10001 30", "reserved bits 69:68 are set"),
      ("root 10801 0", "fault 0Ah: a reserved bit of the root entry is set"), ("context 10001 104", "fault 03h"),
      ("context 10001 200000000000102", "reserved bit 121 is set"), ("scalable-context 10011", "fault 43h"),
      ("pasid-entry 61 1 60000", "reserved bit 5 is set"), ("pasid-entry 1 1", "fault 5Bh"),
      ("pasid-entry 41 1 10000000060000", "reserved bit 180 is set"), ("ss-pml4 5083", "reserved bit 7 is set"),
      ("ss-pd 4000000000005003", "reserved bit 62 is set"), ("ss-pd 5083", "reserved bits 12, 14 are set"),
      ("fs-pml5 5081", "reserved bit 7"),
      ("fs-pd 2081", "reserved bit 13 is set"), ("descriptor 12 80", "reserved bit 71 is set"), ("descriptor 2 0", "IQEI 3, invalid type"),
      ("descriptor f 0", "IQEI 3, invalid type"), ("descriptor 112 0", "IQEI 4, reserved field"), ("page-request 2 0", "type 2"),
      ("msi-address 1000 0", "no interrupt"), ("reason 99", "no revision has fault reason 99h"), ("irte 4001", "reserved bit 14 is set"),
      ("CAP 2000", "reserved bit 13 is set"), ("fault-record 0 800000ff00000000", "no revision has fault reason FFh"),
    ])
  func warnings(line: String, warning: String) throws {
    let decoding = try DecoderTests.decode(line)
    #expect(decoding.warnings.contains { $0.contains(warning) }, "\(decoding.warnings)")
  }

  @Test("What the unit lacks, the host's address width included, is reserved")
  func capabilities() throws {
    let small = Decoder([VTdVocabulary(capabilities: .init(rawValue: 0x200), extended: .init(rawValue: 0x2), hostAddressWidth: 36)])
    #expect(try small.decode(["root", "1000000001", "0"]).first?.warnings.first == "reserved bit 36 is set")
    #expect(try small.decode(["ss-pt", "1000000801"]).first?.warnings == ["reserved bits 11, 36 are set"])
    #expect(try small.decode(["descriptor", "3", "0"]).first?.warnings.last?.contains("IQEI 3") ?? false)
    #expect(try small.decode(["context", "10005", "101"]).first?.warnings.last?.contains("fault 03h") ?? false)
  }

  @Test("A revision has its own fields")
  func revisions() throws {
    let old = Decoder([VTdVocabulary(revision: .revision3)])
    #expect(try old.decode(["pasid-entry", "61", "1", "60002"]).first?["ERE"] == 1)
    #expect(try DecoderTests.decode("pasid-entry 61 1 60002")["ERE"] == nil)
  }

  @Test("An entry that is not present has no reserved bits", arguments: ["root ffe 0", "ss-pd 4000000000000000", "fs-pt fffffffffffffffe"])
  func notPresent(line: String) throws {
    let decoding = try DecoderTests.decode(line)
    #expect(!decoding.isPresent && decoding.warnings.isEmpty)
  }

  @Test("A fault reason names each condition, how each kind of request is answered, and whether it can be suppressed")
  func reasons() throws {
    let notes = try DecoderTests.decode("reason 3").notes
    #expect(notes.count == 3)
    #expect(
      notes.first == """
        LCT.4.1: the context entry's width is not supported; recorded unless FPD is set; untranslated, translated: unsupported request; \
        translation request: completer abort
        """)
    #expect(try DecoderTests.decode("reason 8").notes.first?.contains("always recorded") ?? false)
    #expect(try DecoderTests.decode("reason 2a").notes.first?.contains("(only 5.10)") ?? false)
  }

  @Test("The message of an event is explained in its registers")
  func eventMessages() throws {
    #expect(
      try DecoderTests.decode("FEADDR fee0500c").notes == ["an interrupt to destination 5 (bits 7:0 of it), logical, redirection hint"])
    #expect(try DecoderTests.decode("PEDATA 4124").notes == ["vector 36, delivery mode lowest priority"])
    #expect(try DecoderTests.decode("IEADDR 1000").notes == ["an address outside FEEx_xxxxh raises no interrupt"])
    #expect(try DecoderTests.decode("FEUADDR 1").notes.isEmpty)
  }
}
