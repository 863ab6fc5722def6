import Hardware
import PageTables
import Testing
import VTdArchitecture

@testable import Inspection

@Suite("Layouts of paging entries") struct PagingLayoutTests {
  @Test("Reserved bits of second-stage entries are those that make a walk fail", arguments: [36, 46, 52], [true, false])
  func secondStageAgreesWithWalk(width: Int, snoopControl: Bool) {
    var extended = ExtendedCapabilities(rawValue: .max)
    extended.rawValue[bit: 7] = snoopControl
    let identity = VTdVocabulary(capabilities: .init(rawValue: .max), extended: extended, hostAddressWidth: width).identity
    let format = VTdSecondStage(
      levels: 5, features: VTdSecondStage.Features(hostAddressWidth: UInt8(width), snoopControl: snoopControl))
    var random = SplitMix64(seed: 7)
    for level in 1...5 as ClosedRange<UInt8> {
      for _ in 0..<400 {
        // Few bits at a time: with many, nearly every entry has a reserved one.
        let entry = random.next() & random.next() & random.next() & random.next() & random.next() | 1
        let isLeaf = SecondStageEntry.isLeaf(entry, level: level)
        let layout = SecondStageEntry.layout(level: level, isLeaf: isLeaf, hostAddressWidth: width)
        let isSound = layout.decode([entry], identity: identity).reservedBits.isEmpty
        #expect((format.classify(entry, level: level) != .malformed) == isSound, "level \(level), 0x\(String(entry, radix: 16))")
      }
    }
  }

  static let layouts: [StructureDeclaration] =
    (1...5 as ClosedRange<UInt8>).flatMap { level in
      [true, false].flatMap {
        [SecondStageEntry.layout(level: level, isLeaf: $0), FirstStageEntry.layout(level: level, isLeaf: $0)]
      }
    }
    + [true, false].flatMap {
      [
        InterruptMessageLayout.address(isRemappable: $0), InterruptMessageLayout.data(isRemappable: $0),
        InterruptRemappingEntry.layout(isPosted: $0),
      ]
    }

  @Test("Fields lie inside the structure, and share bits only if they belong to different revisions")
  func disjoint() {
    let identity = VTdVocabulary().identity
    for layout in Self.layouts {
      var taken = Set<Int>()
      for field in layout.fields where field.condition.holds(for: identity) {
        #expect(field.bits.upperBound < layout.width)
        for bit in field.bits { #expect(taken.insert(bit).inserted, "\(layout.name): \(field.name)") }
      }
    }
  }

  @Test(
    "First-stage reserved bits",
    arguments: [
      (1, 0x000F_FFFF_FFFF_FFFF, true), (2, 0x0000_0000_0020_1FFF, true), (2, 0x0000_0000_0000_2081, false), (3, 0x4000_0081, true),
      (3, 0x2000_0081, false), (4, 0x81, false), (5, 0x81, false), (4, 0x7FF0_0000_0000_0F7F, true),
    ] as [(UInt8, UInt64, Bool)])
  func firstStage(level: UInt8, entry: UInt64, isSound: Bool) {
    let layout = FirstStageEntry.layout(level: level, isLeaf: FirstStageEntry.isLeaf(entry, level: level))
    #expect(layout.decode([entry], identity: VTdVocabulary().identity).reservedBits.isEmpty == isSound)
  }

  @Test("Without 1 GiB pages PS is reserved at level 3")
  func noLargePages() {
    let identity = VTdVocabulary(capabilities: .init(rawValue: 0)).identity
    let layout = FirstStageEntry.layout(level: 3, isLeaf: true)
    #expect(layout.decode([0x81], identity: identity).reservedBits == [7])
    #expect(layout.decode([0x01], identity: identity).reservedBits.isEmpty)
  }
}
