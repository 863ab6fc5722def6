import Hardware
import PageTables
import Testing

/// Every bit of a first-stage entry at every level, by the tables of VT-d rev 5.10 section 9.6.
@Suite struct X86FirstStageTests {
  typealias Bits = X86FirstStage.EntryBits

  /// A kind of entry: what stands at a level, with an aligned address below every host address width.
  struct Kind: Sendable, CustomTestStringConvertible {
    let level: UInt8
    let isLeaf: Bool
    var testDescription: String { "\(isLeaf ? "leaf" : "table") at level \(level)" }

    /// An entry of the kind with P and no other bit but those that make it so.
    var entry: UInt64 { 0x8000_0000 | Bits.present | (isLeaf && level > 1 ? Bits.pageSize : 0) }
    var expected: EntryClass { isLeaf ? .leaf : .table }

    static let all = (1...3).map { Kind(level: $0, isLeaf: true) } + (2...5).map { Kind(level: $0, isLeaf: false) }
  }

  static let units: [X86FirstStage.Features] = [
    .init(), .init(hostAddressWidth: 46), .init(hostAddressWidth: 39), .init(hostAddressWidth: 36, pages1G: false),
  ]

  /// What the manual says of a bit that is set in an entry of a kind beside those that make it so.
  static func isReserved(_ bit: Int, in kind: Kind, _ features: X86FirstStage.Features) -> Bool {
    switch bit {
    case 7: kind.level > 3
    case 13...51:
      bit >= Int(features.hostAddressWidth) || (kind.isLeaf && kind.level == 2 && bit < 21) || (kind.isLeaf && kind.level == 3 && bit < 30)
    default: false
    }
  }

  @Test("A reserved bit makes an entry malformed, any other leaves it what it is", arguments: Kind.all, units)
  func everyBit(kind: Kind, features: X86FirstStage.Features) {
    if kind.isLeaf, kind.level == 3, !features.pages1G { return }
    let format = X86FirstStage(levels: 5, features: features)
    #expect(format.classify(kind.entry, level: kind.level) == kind.expected)
    for bit in 1...63 {
      if bit == 7, !kind.isLeaf, kind.level <= 3 { continue }
      let expected: EntryClass = Self.isReserved(bit, in: kind, features) ? .malformed : kind.expected
      #expect(format.classify(kind.entry | 1 << UInt64(bit), level: kind.level) == expected, "bit \(bit)")
    }
  }

  @Test("Every bit that a kind of entry does not reserve may be set at once", arguments: Kind.all, units)
  func ignoredTogether(kind: Kind, features: X86FirstStage.Features) {
    if kind.isLeaf, kind.level == 3, !features.pages1G { return }
    var entry = kind.entry
    for bit in 0...63 where bit != 7 && !Self.isReserved(bit, in: kind, features) { entry |= 1 << UInt64(bit) }
    #expect(X86FirstStage(levels: 5, features: features).classify(entry, level: kind.level) == kind.expected)
  }

  @Test("An entry with P=0 is not present whatever else is set", arguments: UInt8(1)...5)
  func notPresent(level: UInt8) {
    let format = X86FirstStage(levels: 5, features: .init(hostAddressWidth: 39, pages1G: false))
    #expect(format.classify(~1, level: level) == .notPresent)
    for bit in 1...63 { #expect(format.classify(1 << UInt64(bit), level: level) == .notPresent, "bit \(bit)") }
  }

  @Test("PS is reserved at levels 4 and 5, PAT at level 1")
  func pageSize() {
    let format = X86FirstStage(levels: 5)
    for level in 1...5 as ClosedRange<UInt8> {
      #expect(format.classify(Bits.pageSize | Bits.present, level: level) == (level <= 3 ? .leaf : .malformed), "level \(level)")
    }
  }

  @Test("2 MiB leaves are always there, 1 GiB leaves by capability", arguments: [false, true])
  func pageSizes(pages1G: Bool) {
    let format = X86FirstStage(levels: 4, features: .init(pages1G: pages1G))
    #expect(format.classify(Bits.pageSize | Bits.present, level: 2) == .leaf)
    #expect(format.classify(Bits.pageSize | Bits.present, level: 3) == (pages1G ? .leaf : .malformed))
    #expect((1...5).map { format.allowsLeaf(level: $0) } == [true, true, pages1G, false, false])
  }

  @Test("An entry is plain if it is a table whose flags are as they must be", arguments: units, [true, false])
  func plainTables(features: X86FirstStage.Features, extendedAccessed: Bool) {
    let format = X86FirstStage(levels: 5, features: features, extendedAccessed: extendedAccessed)
    let ready = Bits.present | Bits.accessed | Bits.extendedAccessed
    for level in 2...5 as ClosedRange<UInt8> {
      for base in [0, Bits.present, ready, ready & ~Bits.extendedAccessed, ready & ~Bits.accessed, ready | Bits.pageSize] {
        for bit in 0...63 {
          let entry = base | 1 << UInt64(bit)
          let isPlain = format.classify(entry, level: level) == .table && format.updated(entry, isLeaf: false, dirty: false) == entry
          #expect(format.isPlainTable(entry) == isPlain, "\(String(entry, radix: 16)) at level \(level)")
        }
      }
    }
  }

  @Test("The page of a leaf begins at a multiple of its size, its PAT bit aside", arguments: [(1, 12), (2, 21), (3, 30)] as [(UInt8, Int)])
  func pageBase(level: UInt8, size: Int) {
    let page: PhysicalAddress = X86FirstStage(levels: 4).pageBase(.max, level: level)
    #expect(page.rawValue == UInt64.mask(bits: size...51))
  }

  /// R/W, U/S, WPE, and the rights: privileged first.
  static let combinations: [(bits: UInt64, writeProtect: Bool, rights: AccessRights)] = [
    (0, true, [.privilegedRead, .privilegedExecute]),
    (2, true, [.privilegedRead, .privilegedWrite, .privilegedExecute]),
    (4, true, [.privilegedRead, .privilegedExecute, .unprivilegedRead, .unprivilegedExecute]),
    (6, true, .all),
    (0, false, [.privilegedRead, .privilegedWrite, .privilegedExecute]),
    (2, false, [.privilegedRead, .privilegedWrite, .privilegedExecute]),
    (4, false, [.privilegedRead, .privilegedWrite, .privilegedExecute, .unprivilegedRead, .unprivilegedExecute]),
    (6, false, .all),
  ]

  @Test("U/S=0 leaves user requests nothing, R/W=0 binds privileged ones only with WPE", arguments: combinations.indices, UInt8(1)...5)
  func rights(index: Int, level: UInt8) {
    let (bits, writeProtect, rights) = Self.combinations[index]
    let format = X86FirstStage(levels: 5, writeProtect: writeProtect)
    // XD is ignored by default.
    #expect(format.effectiveRights(format.rights(bits | ~6, level: level)) == rights)
    #expect(format.effectiveRights(rights) == rights)
  }

  @Test("What entries grant does not depend on WPE, so that requesters may share caches of tables", arguments: combinations.indices)
  func rightsWithoutWriteProtect(index: Int) {
    let bits = Self.combinations[index].bits
    #expect(X86FirstStage(levels: 4, writeProtect: false).rights(bits, level: 2) == X86FirstStage(levels: 4).rights(bits, level: 2))
  }

  @Test("With NXE, XD takes execution from everybody", arguments: combinations.indices)
  func executeDisable(index: Int) {
    let (bits, writeProtect, rights) = Self.combinations[index]
    let format = X86FirstStage(levels: 4, writeProtect: writeProtect, executeRules: .noExecute)
    #expect(format.effectiveRights(format.rights(bits | 1, level: 1)) == rights)
    let disabled = format.effectiveRights(format.rights(bits | 1 | Bits.executeDisable, level: 1))
    #expect(disabled == rights.subtracting([.privilegedExecute, .unprivilegedExecute]))
  }

  @Test("With SMEP, privileged requests execute nothing from pages that are open to user requests")
  func supervisorMode() {
    let format = X86FirstStage(levels: 4, executeRules: .supervisorMode)
    #expect(format.effectiveRights(.all) == AccessRights.all.subtracting(.privilegedExecute))
    let supervisor: AccessRights = [.privilegedRead, .privilegedExecute]
    #expect(format.effectiveRights(supervisor) == supervisor)
  }

  @Test("A is always set, EA along with it if it is kept, D in a leaf that is written")
  func flags() {
    let plain = X86FirstStage(levels: 4)
    let extended = X86FirstStage(levels: 4, extendedAccessed: true)
    #expect(plain.updated(0x1001, isLeaf: false, dirty: false) == 0x1021)
    #expect(plain.updated(0x1001, isLeaf: false, dirty: true) == 0x1021)
    #expect(plain.updated(0x1001, isLeaf: true, dirty: false) == 0x1021)
    #expect(plain.updated(0x1001, isLeaf: true, dirty: true) == 0x1061)
    #expect(extended.updated(0x1001, isLeaf: false, dirty: true) == 0x1421)
    #expect(extended.updated(0x1001, isLeaf: true, dirty: true) == 0x1461)
    #expect(plain.updated(0x1061, isLeaf: true, dirty: false) == 0x1061)
    #expect(plain.needsDirtyUpdate(0x1021))
    #expect(!plain.needsDirtyUpdate(0x1061))
    #expect(plain.canUpdate)
    #expect(!X86FirstStage(levels: 4, coherent: false).canUpdate)
  }

  @Test(
    "Addresses are canonical if all bits from the highest translated one up are equal",
    arguments: [
      (4, 0x7FFF_FFFF_FFFF, true), (4, 0x8000_0000_0000, false), (4, 0xFFFF_7FFF_FFFF_FFFF, false), (4, 0xFFFF_8000_0000_0000, true),
      (4, .max, true), (5, 0x8000_0000_0000, true), (5, 0xFF_FFFF_FFFF_FFFF, true), (5, 0x100_0000_0000_0000, false),
      (5, 0xFEFF_FFFF_FFFF_FFFF, false), (5, 0xFF00_0000_0000_0000, true),
    ] as [(UInt8, UInt64, Bool)])
  func canonical(levels: UInt8, address: UInt64, isCanonical: Bool) {
    #expect(X86FirstStage(levels: levels).covers(IOVirtualAddress(address)) == isCanonical)
  }

  @Test("Entries that are built are what they are meant to be, open to user requests unless told otherwise", arguments: UInt8(1)...3)
  func built(level: UInt8) {
    var format = X86FirstStage(levels: 4)
    let leaf = format.leafEntry(PhysicalAddress(0x4000_0000), level: level, permissions: .readWrite)
    #expect(leaf == 0x4000_0007 | (level > 1 ? Bits.pageSize : 0))
    #expect(format.classify(leaf, level: level) == .leaf)
    #expect(format.leafEntry(PhysicalAddress(0x4000_0000), level: level, permissions: .read) == leaf & ~Bits.write)
    format.buildsUserPages = false
    #expect(format.leafEntry(PhysicalAddress(0x4000_0000), level: level, permissions: .readWrite) == leaf & ~Bits.user)
    #expect(format.tableEntry(GuestPhysicalAddress(0x5000), level: level + 1) == 0x5007)
    var marked = X86FirstStage(levels: 4, extendedAccessed: true)
    marked.buildsMarkedEntries = true
    let flags = Bits.accessed | Bits.extendedAccessed
    #expect(marked.tableEntry(GuestPhysicalAddress(0x5000), level: level + 1) == 0x5007 | flags)
    #expect(marked.leafEntry(PhysicalAddress(0x4000_0000), level: level, permissions: .readWrite) == leaf | flags | Bits.dirty)
    #expect(marked.leafEntry(PhysicalAddress(0x4000_0000), level: level, permissions: .read) == leaf & ~Bits.write | flags)
    let strict = X86FirstStage(levels: 4, executeRules: .noExecute)
    #expect(strict.leafEntry(PhysicalAddress(0x4000_0000), level: level, permissions: .readWrite) == leaf | Bits.executeDisable)
    #expect(strict.leafEntry(PhysicalAddress(0x4000_0000), level: level, permissions: [.read, .write, .execute]) == leaf)
  }

  @Test("PAT moves where the size of the leaf puts it when a leaf is split")
  func split() {
    let format = X86FirstStage(levels: 4)
    let flags = Bits.present | Bits.write | Bits.accessed | Bits.dirty | Bits.executeDisable
    #expect(format.splitEntry(flags | Bits.pageSize | Bits.largePageAttribute, level: 3) == flags | Bits.pageSize | Bits.largePageAttribute)
    #expect(format.splitEntry(flags | Bits.pageSize | Bits.largePageAttribute, level: 2) == flags | Bits.pageAttribute)
    #expect(format.splitEntry(flags | Bits.pageSize, level: 2) == flags)
  }
}
