import Hardware
import Testing
import VTdArchitecture

@testable import VTd

@Suite struct ProtectedMemoryTests {
  static func unit(cap: UInt64 = SampleUnit.legacyCapabilities) throws -> UnitUnderTest {
    let unit = try UnitUnderTest(cap: cap)
    unit.write(RegisterOffset.protectedLowMemoryBase, 0x40_0000)
    unit.write(RegisterOffset.protectedLowMemoryLimit, 0x60_0000)
    unit.write(RegisterOffset.protectedHighMemoryBase, 0x1_0000_0000, size: 8)
    unit.write(RegisterOffset.protectedHighMemoryLimit, 0x1_0000_0000, size: 8)
    return unit
  }

  @Test("The regions are protected while PMEN is set, and the status follows")
  func enable() throws {
    let unit = try Self.unit()
    #expect(!unit.translation.protectedMemory.covers(PhysicalAddress(0x40_0000), count: 1))
    unit.write(RegisterOffset.protectedMemoryEnable, 1 << 31)
    #expect(unit.read(RegisterOffset.protectedMemoryEnable) == 0x8000_0001)
    #expect(unit.translation.protectedMemory.covers(PhysicalAddress(0x40_0000), count: 1))
    unit.write(RegisterOffset.protectedMemoryEnable, 0)
    #expect(unit.read(RegisterOffset.protectedMemoryEnable) == 0)
    #expect(!unit.translation.protectedMemory.covers(PhysicalAddress(0x40_0000), count: 1))
  }

  @Test(
    "A region reaches to the end of its limit's block",
    arguments: [
      (0x3F_FFFF, 1, false), (0x3F_FFFF, 2, true), (0x7F_FFFF, 1, true), (0x80_0000, 1, false), (0xFFFF_FFFF, 1, false),
      (0x1_0000_0000, 1, true), (0x1_001F_FFFF, 1, true), (0x1_0020_0000, 8, false), (0, .max, true), (.max, .max, false),
    ] as [(UInt64, UInt64, Bool)])
  func extent(address: UInt64, count: UInt64, covered: Bool) throws {
    let unit = try Self.unit()
    unit.write(RegisterOffset.protectedMemoryEnable, 1 << 31)
    #expect(unit.translation.protectedMemory.covers(PhysicalAddress(address), count: count) == covered)
  }

  @Test("A limit below its base, or a missing capability, protects nothing")
  func none() throws {
    let unit = try Self.unit()
    unit.write(RegisterOffset.protectedLowMemoryLimit, 0x20_0000)
    unit.write(RegisterOffset.protectedMemoryEnable, 1 << 31)
    #expect(!unit.translation.protectedMemory.covers(PhysicalAddress(0x40_0000), count: 1))
    let without = try Self.unit(cap: SampleUnit.legacyCapabilities & ~0x60)
    without.write(RegisterOffset.protectedMemoryEnable, 1 << 31)
    #expect(without.read(RegisterOffset.protectedMemoryEnable) == 0)
    #expect(!without.translation.protectedMemory.covers(PhysicalAddress(0), count: .max))
  }
}
