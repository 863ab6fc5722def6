import Hardware
import PageTables
import Testing

/// Every bit of a second-stage entry at every level, by the tables of VT-d rev 5.10 sections 9.8 to 9.10.
@Suite struct VTdSecondStageTests {
  typealias Bits = VTdSecondStage.EntryBits

  /// A kind of entry: what stands at a level, with an aligned address below every host address width.
  struct Kind: Sendable, CustomTestStringConvertible {
    let level: UInt8
    let isLeaf: Bool
    var testDescription: String { "\(isLeaf ? "leaf" : "table") at level \(level)" }

    /// An entry of the kind with R only and no other bit but those that make it so.
    var entry: UInt64 { 0x8000_0000 | Bits.read | (isLeaf && level > 1 ? Bits.pageSize : 0) }
    var expected: EntryClass { isLeaf ? .leaf : .table }

    static let all =
      (1...3).map { Kind(level: $0, isLeaf: true) } + (2...5).map { Kind(level: $0, isLeaf: false) }
  }

  /// A unit's capabilities as far as they decide on reserved bits.
  struct Unit: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let features: VTdSecondStage.Features

    static let full = Unit(testDescription: "HAW 52, SC", features: .init())
    static let all = [
      full, Unit(testDescription: "HAW 52, no SC", features: .init(snoopControl: false)),
      Unit(testDescription: "HAW 46, SC", features: .init(hostAddressWidth: 46)),
      Unit(testDescription: "HAW 39, no SC", features: .init(hostAddressWidth: 39, snoopControl: false)),
      Unit(testDescription: "HAW 36, 2M only", features: .init(hostAddressWidth: 36, pages1G: false)),
    ]
  }

  /// What the manual says of a bit that is set in an entry of a kind beside those that make it so.
  static func isReserved(_ bit: Int, in kind: Kind, _ features: VTdSecondStage.Features) -> Bool {
    switch bit {
    case 7: kind.level > 3
    case 11: kind.isLeaf ? !features.snoopControl : true
    case 12...51:
      bit >= Int(features.hostAddressWidth) || (kind.isLeaf && kind.level == 2 && bit < 21) || (kind.isLeaf && kind.level == 3 && bit < 30)
    case 62: true
    default: false
    }
  }

  @Test("A reserved bit makes an entry malformed, any other leaves it what it is", arguments: Kind.all, Unit.all)
  func everyBit(kind: Kind, unit: Unit) {
    if kind.isLeaf, kind.level == 3, !unit.features.pages1G { return }
    let format = VTdSecondStage(levels: 5, features: unit.features)
    #expect(format.classify(kind.entry, level: kind.level) == kind.expected)
    for bit in 0...63 {
      let entry = kind.entry | 1 << UInt64(bit)
      let turnsIntoLeaf = bit == 7 && !kind.isLeaf && kind.level <= 3
      if turnsIntoLeaf { continue }
      let expected: EntryClass = Self.isReserved(bit, in: kind, unit.features) ? .malformed : kind.expected
      #expect(format.classify(entry, level: kind.level) == expected, "bit \(bit)")
    }
  }

  @Test("Every bit that a kind of entry does not reserve may be set at once", arguments: Kind.all, Unit.all)
  func ignoredTogether(kind: Kind, unit: Unit) {
    if kind.isLeaf, kind.level == 3, !unit.features.pages1G { return }
    var entry = kind.entry
    for bit in 0...63 where bit != 7 && !Self.isReserved(bit, in: kind, unit.features) { entry |= 1 << UInt64(bit) }
    #expect(VTdSecondStage(levels: 5, features: unit.features).classify(entry, level: kind.level) == kind.expected)
  }

  @Test("An entry is plain if it is a table whose flags are as they must be", arguments: Unit.all, [true, false])
  func plainTables(unit: Unit, accessedDirty: Bool) {
    let format = VTdSecondStage(levels: 5, features: unit.features, accessedDirty: accessedDirty)
    for level in 2...5 as ClosedRange<UInt8> {
      for base in [0, Bits.read, Bits.write, 3, 3 | Bits.accessed, Bits.read | Bits.pageSize] as [UInt64] {
        for bit in 0...63 {
          let entry = base | 1 << UInt64(bit)
          let isPlain = format.classify(entry, level: level) == .table && format.updated(entry, isLeaf: false, dirty: false) == entry
          #expect(format.isPlainTable(entry) == isPlain, "\(String(entry, radix: 16)) at level \(level)")
        }
      }
    }
  }

  @Test("An entry with R=W=0 is not present whatever else is set", arguments: UInt8(1)...5)
  func notPresent(level: UInt8) {
    let format = VTdSecondStage(levels: 5, features: .init(hostAddressWidth: 39, pages2M: false, pages1G: false, snoopControl: false))
    #expect(format.classify(~3, level: level) == .notPresent)
    for bit in 2...63 { #expect(format.classify(1 << UInt64(bit), level: level) == .notPresent, "bit \(bit)") }
  }

  @Test("One of R and W is enough to be present", arguments: Kind.all)
  func present(kind: Kind) {
    let format = VTdSecondStage(levels: 5)
    for rights in 1...3 as ClosedRange<UInt64> { #expect(format.classify(kind.entry & ~3 | rights, level: kind.level) == kind.expected) }
  }

  @Test("PS is reserved at levels 4 and 5, ignored at level 1")
  func pageSize() {
    let format = VTdSecondStage(levels: 5)
    for level in 1...5 as ClosedRange<UInt8> {
      let expected: EntryClass = level <= 3 ? .leaf : .malformed
      #expect(format.classify(Bits.pageSize | Bits.read, level: level) == expected, "level \(level)")
    }
  }

  @Test("A page size that the unit lacks makes PS reserved", arguments: [(false, false), (true, false), (false, true), (true, true)])
  func pageSizes(pages2M: Bool, pages1G: Bool) {
    let format = VTdSecondStage(levels: 4, features: .init(pages2M: pages2M, pages1G: pages1G))
    #expect(format.classify(Bits.pageSize | Bits.write, level: 2) == (pages2M ? .leaf : .malformed))
    #expect(format.classify(Bits.pageSize | Bits.write, level: 3) == (pages1G ? .leaf : .malformed))
    #expect((1...5).map { format.allowsLeaf(level: $0) } == [true, pages2M, pages1G, false, false])
    #expect(format.leafLevel(sizeLog2: 21) == (pages2M ? 2 : nil))
    #expect(format.leafLevel(sizeLog2: 30) == (pages1G ? 3 : nil))
    #expect(format.leafLevel(sizeLog2: 39) == nil)
  }

  @Test("Address bits from the host address width up to 51 are reserved in every kind of entry", arguments: 32...52, Kind.all)
  func hostAddressWidth(width: Int, kind: Kind) {
    let format = VTdSecondStage(levels: 5, features: .init(hostAddressWidth: UInt8(width)))
    for bit in 31...51 {
      let entry = kind.entry | 1 << UInt64(bit)
      #expect(format.classify(entry, level: kind.level) == (bit < width ? kind.expected : .malformed), "bit \(bit)")
    }
  }

  @Test("Bit 62 of a leaf is a hint where it is transient mapping", arguments: UInt8(1)...3)
  func transientMapping(level: UInt8) {
    let format = VTdSecondStage(levels: 4, features: .init(transientMapping: true))
    #expect(format.classify(Kind(level: level, isLeaf: true).entry | Bits.transientMapping, level: level) == .leaf)
  }

  @Test("Bit 62 of a table entry is reserved, transient mapping or not", arguments: UInt8(2)...5, [true, false])
  func transientMappingInTable(level: UInt8, transientMapping: Bool) {
    let format = VTdSecondStage(levels: 5, features: .init(transientMapping: transientMapping))
    #expect(format.classify(Kind(level: level, isLeaf: false).entry | Bits.transientMapping, level: level) == .malformed)
  }

  @Test("The address of an entry is bits 51:12, whatever else is set", arguments: UInt8(1)...5)
  func addresses(level: UInt8) {
    let format = VTdSecondStage(levels: 5)
    let table: PhysicalAddress = format.nextTable(.max, level: level)
    let page: PhysicalAddress = format.pageBase(.max, level: level)
    #expect(table == PhysicalAddress(0x000F_FFFF_FFFF_F000))
    #expect(page == PhysicalAddress(0x000F_FFFF_FFFF_F000))
  }

  @Test("R and W give rights to every privilege, and execution is not controlled", arguments: UInt64(1)...3)
  func rights(bits: UInt64) {
    let format = VTdSecondStage(levels: 4)
    let expected: Permissions = [bits[bit: 0] ? .read : [], bits[bit: 1] ? .write : [], .execute]
    for level in 1...4 as ClosedRange<UInt8> {
      let rights = format.rights(bits | 0xFFFF_FFFF_FFFF_FFFC, level: level)
      #expect(rights.permissions(privileged: true) == expected)
      #expect(rights.permissions(privileged: false) == expected)
    }
  }

  @Test("A and D are set only where flags are updated, D only in a leaf that is written")
  func flags() {
    let still = VTdSecondStage(levels: 4)
    let updating = VTdSecondStage(levels: 4, accessedDirty: true)
    for dirty in [false, true] {
      for isLeaf in [false, true] { #expect(still.updated(0x1003, isLeaf: isLeaf, dirty: dirty) == 0x1003) }
    }
    #expect(updating.updated(0x1003, isLeaf: false, dirty: false) == 0x1103)
    #expect(updating.updated(0x1003, isLeaf: false, dirty: true) == 0x1103)
    #expect(updating.updated(0x1003, isLeaf: true, dirty: false) == 0x1103)
    #expect(updating.updated(0x1003, isLeaf: true, dirty: true) == 0x1303)
    #expect(updating.updated(0x1303, isLeaf: true, dirty: false) == 0x1303)
    #expect(!still.needsDirtyUpdate(0x1003))
    #expect(updating.needsDirtyUpdate(0x1103))
    #expect(!updating.needsDirtyUpdate(0x1303))
  }

  @Test("Flags can be updated only if walks are coherent")
  func coherence() {
    #expect(VTdSecondStage(levels: 4, accessedDirty: true, coherent: true).canUpdate)
    #expect(!VTdSecondStage(levels: 4, accessedDirty: true, coherent: false).canUpdate)
  }

  @Test("SNP of a leaf asks for snooping")
  func snoop() {
    let format = VTdSecondStage(levels: 4)
    #expect(format.forcesSnoop(Bits.snoop | Bits.read))
    #expect(!format.forcesSnoop(~Bits.snoop))
  }
}

@Suite struct InterruptAddressRangeTests {
  @Test(
    "The interrupt range is FEE0_0000 to FEEF_FFFF",
    arguments: [
      (0xFEDF_FFFF, false), (0xFEE0_0000, true), (0xFEE1_2345, true), (0xFEEF_FFFF, true), (0xFEF0_0000, false), (0, false),
      (0x1_FEE0_0000, false), (0xFFFF_FFFF_FEE0_0000, false),
    ] as [(UInt64, Bool)])
  func contains(address: UInt64, isInside: Bool) {
    #expect(InterruptAddressRange.contains(PhysicalAddress(address)) == isInside)
    #expect(VTdSecondStage(levels: 4).forbids(PhysicalAddress(address)) == isInside)
  }

  @Test(
    "A page overlaps the interrupt range if it shares an address with it",
    arguments: [
      (0xFEDF_F000, 12, false), (0xFEE0_0000, 12, true), (0xFEEF_F000, 12, true), (0xFEF0_0000, 12, false), (0xFEC0_0000, 21, false),
      (0xFEE0_0000, 21, true), (0xFF00_0000, 21, false), (0xC000_0000, 30, true), (0x8000_0000, 30, false), (0x1_0000_0000, 30, false),
    ] as [(UInt64, UInt8, Bool)])
  func overlaps(base: UInt64, sizeLog2: UInt8, expected: Bool) {
    #expect(InterruptAddressRange.overlaps(PhysicalAddress(base), sizeLog2: sizeLog2) == expected)
    #expect(VTdSecondStage(levels: 4).forbids(overlapping: PhysicalAddress(base), sizeLog2: sizeLog2) == expected)
  }
}
