import Hardware
import PageTables

/// Four-level second-stage tables on the way to one address, a frame each, whose entries tests write word by word.
struct TablePath {
  typealias Bits = VTdSecondStage.EntryBits

  /// The address that the path leads to.
  static let input = IOVirtualAddress(0x1234_5678_9ABC)
  /// What its 4 KiB page is mapped to.
  static let page = PhysicalAddress(0x7_7777_7000)

  let physical: PhysicalMemory
  var format: VTdSecondStage

  /// Tables that map the page readable and writable.
  init(_ format: VTdSecondStage = VTdSecondStage(levels: 4)) throws {
    physical = try PhysicalMemory()
    self.format = format
    for level in 1...4 as ClosedRange<UInt8> { physical.addFrame(Self.table(level)) }
    for level in 2...4 as ClosedRange<UInt8> { self[level] = Self.table(level - 1).rawValue | 3 }
    self[1] = Self.page.rawValue | 3
  }

  /// The table of a level.
  static func table(_ level: UInt8) -> PhysicalAddress { PhysicalAddress(0x10_0000 + UInt64(level) << 12) }
  /// Where the entry of a level lies.
  func place(_ level: UInt8) -> PhysicalAddress { Self.table(level).advanced(by: format.entryOffset(Self.input, level: level)) }

  /// The entry of a level.
  subscript(level: UInt8) -> UInt64 {
    get { physical.view.read64(place(level)) ?? 0 }
    nonmutating set { physical.view.write64(place(level), newValue) }
  }

  /// Walks to the page.
  func walk(
    _ demand: WalkDemand = WalkDemand(.read), from start: WalkStart<PhysicalAddress> = WalkStart(table: table(4), level: 4),
    probe: inout RecordingProbe
  ) -> Walk<PhysicalAddress> {
    Walker.walk(format, from: start, for: Self.input, demand: demand, in: physical.view, probe: &probe)
  }

  /// Walks to the page for an access.
  func walk(_ kind: AccessKind = .read) -> Walk<PhysicalAddress> {
    var probe = RecordingProbe()
    return walk(WalkDemand(kind), probe: &probe)
  }
}
