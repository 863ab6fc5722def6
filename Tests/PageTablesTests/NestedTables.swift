import Hardware
import PageTables

/// First-stage tables in a guest's memory over second-stage tables, both on the way to one address; tests change entries word by word.
struct NestedTables {
  typealias First = X86FirstStage.EntryBits
  typealias Second = VTdSecondStage.EntryBits

  /// What is translated.
  static let input = IOVirtualAddress(0x1234_5678_9ABC)
  /// The guest page of 4 KiB that the first stage gives it, at the same offset in any larger page.
  static let guestPage = GuestPhysicalAddress(0x5_5678_9000)
  /// The frame that the second stage gives that.
  static let page = PhysicalAddress(0x7_7777_7000)
  /// How much higher a guest sees its tables than they lie.
  static let displacement: UInt64 = 1 << 36

  let physical: PhysicalMemory
  var first: PageTableBuilder<X86FirstStage>
  let second: PageTableBuilder<VTdSecondStage>
  var stage: NestedStage<VTdSecondStage>

  /// Tables that permit everything, with first-stage flags set unless told otherwise.
  ///
  /// - Parameters:
  ///   - firstPageLog2: The size of the first stage's page.
  ///   - secondPageLog2: The size of the second stage's page under it; tables lie in pages of 4 KiB.
  init(
    _ firstFormat: X86FirstStage = X86FirstStage(levels: 4), over secondFormat: VTdSecondStage = VTdSecondStage(levels: 4),
    firstPageLog2: UInt8 = 12, secondPageLog2: UInt8 = 12, rules: NestedRules = [], addressWidth: UInt8 = 39, presetsFlags: Bool = true
  ) throws {
    let region = MemoryRegion(start: PhysicalAddress(0x10_0000), length: 1 << 22)
    physical = try PhysicalMemory(regions: [region])
    let host = TableMemory(region, in: physical.view)
    let second = try PageTableBuilder(secondFormat, in: host)
    let guest = TableMemory(of: host, displacement: Self.displacement) { frame in
      do throws(PageTableError) {
        try second.map(
          GuestPhysicalAddress(frame.rawValue + Self.displacement), to: frame, length: 4096, permissions: .readWrite, largestPageLog2: 12)
        return true
      } catch { return false }
    }
    first = try PageTableBuilder(firstFormat, in: guest)
    self.second = second
    stage = NestedStage(
      secondFormat, root: second.root, addressWidth: addressWidth, keepsFlags: secondFormat.updatesFlags, rules: rules)
    try first.map(
      Self.input.alignedDown(firstPageLog2), to: Self.guestPage.alignedDown(firstPageLog2), length: 1 << UInt64(firstPageLog2),
      permissions: .readWrite, largestPageLog2: firstPageLog2)
    try second.map(
      Self.guestPage.alignedDown(secondPageLog2), to: Self.page.alignedDown(secondPageLog2), length: 1 << UInt64(secondPageLog2),
      permissions: .readWrite, largestPageLog2: secondPageLog2)
    if presetsFlags { presetFlags() }
  }

  /// Sets A, EA and D in every first-stage entry.
  func presetFlags() {
    for level in firstLevels { self[first: level] |= First.accessed | First.extendedAccessed | (level == leafLevel ? First.dirty : 0) }
  }

  var root: GuestPhysicalAddress { GuestPhysicalAddress(first.root.rawValue + Self.displacement) }
  /// The level of the first stage's leaf.
  var leafLevel: UInt8 { first.lookup(Self.input).level }
  /// The levels of the first stage that a walk reads, from the root down.
  var firstLevels: [UInt8] { (leafLevel...first.format.rootLevel).reversed() }

  /// Where the first-stage table of a level lies in the guest's memory.
  func table(_ level: UInt8) -> GuestPhysicalAddress {
    var table = root
    for current in (level..<first.format.rootLevel).reversed() {
      let place = PhysicalAddress(table.rawValue - Self.displacement)
        .advanced(by: first.format.entryOffset(Self.input, level: current + 1))
      table = first.format.nextTable(physical.view.read64(place) ?? 0, level: current + 1)
    }
    return table
  }

  /// Where the first-stage entry of a level lies in the guest's memory.
  func guestPlace(_ level: UInt8) -> GuestPhysicalAddress {
    table(level).advanced(by: first.format.entryOffset(Self.input, level: level))
  }

  /// Where the first-stage entry of a level lies.
  func place(first level: UInt8) -> PhysicalAddress { PhysicalAddress(guestPlace(level).rawValue - Self.displacement) }

  /// Where the second-stage entry of a level for a guest address lies.
  func place(second level: UInt8, for address: GuestPhysicalAddress) -> PhysicalAddress {
    var table = second.root
    for current in (level..<second.format.rootLevel).reversed() {
      let place = table.advanced(by: second.format.entryOffset(address, level: current + 1))
      table = second.format.nextTable(physical.view.read64(place) ?? 0, level: current + 1)
    }
    return table.advanced(by: second.format.entryOffset(address, level: level))
  }

  /// The first-stage entry of a level.
  subscript(first level: UInt8) -> UInt64 {
    get { physical.view.read64(place(first: level)) ?? 0 }
    nonmutating set { physical.view.write64(place(first: level), newValue) }
  }

  /// The second-stage entry of a level for a guest address.
  subscript(second level: UInt8, address: GuestPhysicalAddress) -> UInt64 {
    get { physical.view.read64(place(second: level, for: address)) ?? 0 }
    nonmutating set { physical.view.write64(place(second: level, for: address), newValue) }
  }

  /// Walks both stages.
  func walk(
    _ demand: WalkDemand, from start: WalkStart<GuestPhysicalAddress>? = nil, probe: inout RecordingProbe
  ) -> NestedWalk {
    NestedWalker.walk(
      first.format, from: start ?? WalkStart(table: root, level: first.format.rootLevel), through: stage, for: Self.input, demand: demand,
      in: physical.view, probe: &probe)
  }

  /// Walks both stages for an access.
  func walk(_ kind: AccessKind = .read, privileged: Bool = false) -> NestedWalk {
    var probe = RecordingProbe()
    return walk(WalkDemand(kind, privileged: privileged), probe: &probe)
  }

  /// Why a walk for an access fails.
  func failure(_ kind: AccessKind = .read, privileged: Bool = false) -> WalkFailure {
    walk(kind, privileged: privileged).failure(firstRootLevel: first.format.rootLevel, secondRootLevel: second.format.rootLevel)
  }

  /// The reads of a walk.
  func reads(_ kind: AccessKind = .read) -> Int {
    var probe = RecordingProbe()
    _ = walk(WalkDemand(kind), probe: &probe)
    return probe.reads
  }
}
