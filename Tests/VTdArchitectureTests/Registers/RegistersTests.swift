import Hardware
import Testing

@testable import VTdArchitecture

@Suite struct RegistersTests {
  /// Every optional register at once.
  static let everything = RegisterIdentity([
    "VER": 0x60, "CAP": 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 0x58 << 24 | 1 << 40 | 1 << 61 | 1 << 55,
    "ECAP": .max & ~(0x3FF << 8) | 0x50 << 8, "PERFCAP": 4 | 3 << 24, "PERFCFGOFF": 0x600, "PERFFRZOFF": 0xB00, "PERFOVFOFF": 0xB08,
    "REVISION": 2,
  ])

  @Test("The registers of a unit don't overlap", arguments: SampleUnit.all)
  func layout(unit: UnitIdentity) throws {
    let file = try RegisterFile(Registers.all, identity: unit.registerIdentity(), size: 4096)
    #expect(file.read(offset: 0x08, size: 8) == unit.capabilities.rawValue)
    #expect(file.read(offset: 0x10, size: 8) == unit.extended.rawValue)
    #expect(file.isImplemented(unit.capabilities.faultRecordingOffset) == true)
    #expect(file.isImplemented(unit.extended.iotlbRegisterOffset + 12) == true)
  }

  @Test("A field lies inside its register, and no two fields of a register share a bit")
  func fields() {
    for register in Registers.all {
      var used: Set<Int> = []
      for field in register.fields {
        #expect(field.bits.upperBound < register.width, "\(register.name).\(field.name)")
        #expect(used.isDisjoint(with: field.bits), "\(register.name).\(field.name)")
        used.formUnion(field.bits)
      }
    }
  }

  @Test(
    "Software can change exactly the bits the specification gives it",
    arguments: [
      ("VER", 0, 0), ("CAP", 0, 0), ("ECAP", 0, 0), ("GSTS", 0, 0), ("RTADDR", 0xFFFF_FFFF_FFFF_FC80, 0), ("FSTS", 0, 0x71),
      ("FECTL", 0x8000_0000, 0), ("FEDATA", 0xFFFF, 0), ("FEADDR", 0xFFFF_FFFC, 0), ("FEUADDR", 0xFFFF_FFFF, 0),
      ("AFLOG", 0xFFFF_FFFF_FFFF_FE00, 0), ("PMEN", 0x8000_0000, 0), ("IQH", 0, 0), ("IQT", 0x7_FFF0, 0),
      ("IQA", 0xFFFF_FFFF_FFFF_F807, 0), ("ICS", 0, 1), ("IECTL", 0x8000_0000, 0), ("IQERCD", 0, 0), ("IRTA", 0xFFFF_FFFF_FFFF_F80F, 0),
      ("PQH", 0x7_FFE0, 0), ("PQT", 0x7_FFE0, 0), ("PQA", 0xFFFF_FFFF_FFFF_F007, 0), ("PRS", 0, 3), ("PECTL", 0x8000_0000, 0),
      ("MTRRCAP", 0, 0), ("MTRRDEF", 0xCFF, 0), ("MTRR_FIX16K_A0000", .max, 0), ("PERFINTRSTS", 0, 1), ("PERFINTRCTL", 0x8000_0000, 0),
      ("PERFCFG", 0x0FFF_FFFF_0000_0F06, 0), ("PERFOVF", 0, .max), ("ECRSP", 0, 0), ("VCRSP", 0, 0),
    ] as [(String, UInt64, UInt64)])
  func access(name: String, writable: UInt64, clearable: UInt64) throws {
    let register = try #require(Registers.named(name))
    func mask(_ chosen: (FieldAccess) -> Bool) -> UInt64 {
      UInt64(register.mask(part: 0, for: Self.everything, where: chosen))
        | UInt64(register.mask(part: 1, for: Self.everything, where: chosen)) << 32
    }
    #expect(mask { $0 == .readWrite } == writable)
    #expect(mask { $0 == .writeOneToClear } == clearable)
  }

  @Test(
    "Write-only fields take every bit the specification gives them and read 0",
    arguments: [
      ("GCMD", 0xFF80_0000, 0), ("CCMD", 0x3_FFFF_0000, 0xE000_0000_0000_FFFF), ("IVA", 0xFFFF_FFFF_FFFF_F07F, 0),
      ("ECMD", 0xFFFF_FFFF_FFFF_00FF, 0), ("VCMD", 0xFFFF_FFFF_FFFF_00FF, 0), ("IOTLB", 0, 0xB003_FFFF_0000_0000),
    ] as [(String, UInt64, UInt64)])
  func writeOnly(name: String, writeOnly: UInt64, readWrite: UInt64) throws {
    let register = try #require(Registers.named(name))
    var file = try RegisterFile(Registers.all, identity: Self.everything, size: 4096)
    let offset = try #require(register.offsets(for: Self.everything).first)
    if register.width == 32 {
      file.write(offset: offset, size: 4, value: .max)
      #expect(UInt64(file[dword: offset]) == writeOnly)
      #expect(file.read(offset: offset, size: 4) == 0)
    } else {
      file.write(offset: offset, size: 8, value: .max)
      #expect(file[qword: offset] == writeOnly | readWrite)
      #expect(file.read(offset: offset, size: 8) & writeOnly == 0)
    }
  }

  @Test(
    "Registers lie where the specification has them",
    arguments: [
      ("VER", 0x000, 32), ("CAP", 0x008, 64), ("ECAP", 0x010, 64), ("GCMD", 0x018, 32), ("GSTS", 0x01C, 32), ("RTADDR", 0x020, 64),
      ("CCMD", 0x028, 64), ("FSTS", 0x034, 32), ("FECTL", 0x038, 32), ("FEDATA", 0x03C, 32), ("FEADDR", 0x040, 32), ("FEUADDR", 0x044, 32),
      ("AFLOG", 0x058, 64), ("PMEN", 0x064, 32), ("PLMBASE", 0x068, 32), ("PLMLIMIT", 0x06C, 32), ("PHMBASE", 0x070, 64),
      ("PHMLIMIT", 0x078, 64), ("IQH", 0x080, 64), ("IQT", 0x088, 64), ("IQA", 0x090, 64), ("ICS", 0x09C, 32), ("IECTL", 0x0A0, 32),
      ("IEDATA", 0x0A4, 32), ("IEADDR", 0x0A8, 32), ("IEUADDR", 0x0AC, 32), ("IQERCD", 0x0B0, 64), ("IRTA", 0x0B8, 64), ("PQH", 0x0C0, 64),
      ("PQT", 0x0C8, 64), ("PQA", 0x0D0, 64), ("PRS", 0x0DC, 32), ("PECTL", 0x0E0, 32), ("PEUADDR", 0x0EC, 32), ("MTRRCAP", 0x100, 64),
      ("MTRR_FIX4K_F8000", 0x170, 64), ("MTRR_PHYSBASE", 0x180, 64), ("PERFCAP", 0x300, 64), ("PERFCNTROFF", 0x31C, 32),
      ("PERFINTRUADDR", 0x334, 32), ("PERFEVNTCAP", 0x380, 64), ("ECMD", 0x400, 64), ("ECEO", 0x408, 64), ("ECRSP", 0x410, 64),
      ("ECCAP", 0x430, 64), ("IVA", 0x500, 64), ("IOTLB", 0x508, 64), ("FRCD", 0x580, 128), ("VCMD", 0xE00, 64), ("VCRSP", 0xE10, 64),
      ("VCCAP", 0xE30, 64),
    ] as [(String, UInt64, Int)])
  func offsets(name: String, offset: UInt64, width: Int) throws {
    let register = try #require(Registers.named(name))
    #expect(register.offsets(for: Self.everything).first == offset)
    #expect(register.width == width)
  }

  @Test("The event controls are masked after reset", arguments: ["FECTL", "IECTL", "PECTL", "PERFINTRCTL"])
  func eventReset(name: String) { #expect(Registers.named(name)?.reset == 0x8000_0000) }

  @Test("A unit without page requests, memory types or performance counters lacks their registers")
  func absent() {
    let identity = SampleUnit.emulated.registerIdentity()
    for name in ["PQH", "PRS", "PECTL", "MTRRCAP", "PERFCAP", "ECMD", "VCMD", "PMEN", "PLMBASE", "AFLOG"] {
      #expect(Registers.named(name)?.offsets(for: identity) == [], "\(name)")
    }
  }
}
