import Hardware
import PageTables
import Testing

/// Levels, widths and index bits of second-stage tables (VT-d rev 5.10 section 3.7).
@Suite struct VTdSecondStageGeometryTests {
  @Test("Tables have 3, 4 or 5 levels for 39, 48 or 57 bits", arguments: [(3, 39), (4, 48), (5, 57)] as [(UInt8, UInt8)])
  func levels(levels: UInt8, width: UInt8) {
    let format = VTdSecondStage(levels: levels)
    #expect(format.rootLevel == levels)
    #expect(format.addressWidth == width)
    #expect(format.covers(IOVirtualAddress((1 << UInt64(width)) - 1)))
    #expect(!format.covers(IOVirtualAddress(1 << UInt64(width))))
    #expect(!format.covers(IOVirtualAddress(.max)))
  }

  @Test("A number of levels that no table has is taken to the nearest", arguments: [(0, 3), (2, 3), (6, 5), (255, 5)] as [(UInt8, UInt8)])
  func nearestLevels(levels: UInt8, taken: UInt8) {
    #expect(VTdSecondStage(levels: levels).rootLevel == taken)
  }

  @Test(
    "Nine bits of the input index a table of each level",
    arguments: [(1, 12...20), (2, 21...29), (3, 30...38), (4, 39...47), (5, 48...56)] as [(UInt8, ClosedRange<Int>)])
  func index(level: UInt8, bits: ClosedRange<Int>) {
    let format = VTdSecondStage(levels: 5)
    #expect(format.entryCount(level: level) == 512)
    #expect(format.entrySizeLog2(level: level) == UInt8(bits.lowerBound))
    for bit in 0...63 {
      let expected: UInt64 = bits.contains(bit) ? 8 << UInt64(bit - bits.lowerBound) : 0
      #expect(format.entryOffset(IOVirtualAddress(1 << UInt64(bit)), level: level) == expected, "bit \(bit)")
    }
    #expect(format.entryOffset(IOVirtualAddress(.max), level: level) == 511 * 8)
  }

  /// A number of levels and the level of a leaf.
  struct Shape: Sendable, CustomTestStringConvertible {
    let levels: UInt8
    let leaf: UInt8
    var testDescription: String { "\(levels) levels, leaf at \(leaf)" }
    static let all = (3...5).flatMap { levels in (1...3).map { Shape(levels: levels, leaf: $0) } }
  }

  @Test("A walk reads one entry a level, at the index that the input's bits give, down to the leaf", arguments: Shape.all)
  func walk(shape: Shape) throws {
    let memory = try PhysicalMemory()
    let format = VTdSecondStage(levels: shape.levels)
    // A different index at every level, and tables at the top of a 52-bit address space.
    let indices: [UInt64] = [0x1A5, 0x0C3, 0x13C, 0x155, 0x0F1]
    func table(_ level: UInt8) -> PhysicalAddress { PhysicalAddress(0x000F_FFF0_0000_0000 + UInt64(level) << 12) }
    var input: UInt64 = 0xABC
    var expected: [RecordingProbe.Event] = []
    for level in (1...shape.levels).reversed() {
      input |= indices[Int(level) - 1] << UInt64(format.entrySizeLog2(level: level))
      guard level >= shape.leaf else { continue }
      let place = table(level).advanced(by: indices[Int(level) - 1] * 8)
      memory.addFrame(place)
      expected.append(.read(place, level: level))
      if level > shape.leaf {
        memory.view.write64(place, format.tableEntry(table(level - 1), level: level))
        expected.append(.descended(level: level, table(level - 1), .all))
      } else {
        memory.view.write64(place, format.leafEntry(PhysicalAddress(0x5_4000_0000), level: level, permissions: .readWrite))
      }
    }

    var probe = RecordingProbe()
    let walk: Walk<PhysicalAddress> = Walker.walk(
      format, from: WalkStart(table: table(shape.levels), level: shape.levels), for: IOVirtualAddress(input), demand: WalkDemand(.read),
      in: memory.view, probe: &probe)
    #expect(probe.events == expected)
    #expect(walk.status == .translated)
    #expect(walk.level == shape.leaf)
    #expect(walk.page == PhysicalAddress(0x5_4000_0000))
  }

  @Test("What the format writes, it reads back", arguments: Shape.all)
  func roundTrip(shape: Shape) {
    let format = VTdSecondStage(levels: shape.levels)
    let table = PhysicalAddress(0x000F_EDCB_A987_6000)
    let entry = format.tableEntry(table, level: 2)
    #expect(format.classify(entry, level: 2) == .table)
    #expect(format.nextTable(entry, level: 2) as PhysicalAddress == table)
    #expect(format.rights(entry, level: 2).isSuperset(of: AccessRights(both: .readWrite)))
    let page = PhysicalAddress(0x000F_EDC0_0000_0000)
    for permissions in [.read, .write, .readWrite] as [Permissions] {
      let leaf = format.leafEntry(page, level: shape.leaf, permissions: permissions)
      #expect(format.classify(leaf, level: shape.leaf) == .leaf)
      #expect(format.pageBase(leaf, level: shape.leaf) as PhysicalAddress == page)
      #expect(format.rights(leaf, level: shape.leaf).permissions(privileged: false).subtracting(.execute) == permissions)
    }
  }
}
