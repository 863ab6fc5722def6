import Hardware
import PageTables

@testable import Translation

/// A pipeline whose requesters go through different stages: 1 and 2 through both, with an address space each over one second stage (domain 7);
/// 3 through the first alone (domain 8); 4 through that second stage alone.
final class StagedPipeline {
  /// How much higher a guest sees its tables than they lie.
  static let displacement: UInt64 = 1 << 36
  /// A frame that no table is allocated in.
  static let spareFrame = PhysicalAddress(0x10_0000 + (1 << 24))
  static let both: ClosedRange<UInt32> = 1...2

  let physical: PhysicalMemory
  let second: PageTableBuilder<VTdSecondStage>
  /// First-stage tables by requester.
  let first: [UInt32: PageTableBuilder<X86FirstStage>]
  private var resolver: FixedResolver
  private var pipeline: Pipeline
  private let formats: (first: UnsafeMutablePointer<X86FirstStage>, second: UnsafeMutablePointer<VTdSecondStage>)
  private let storage = OwnedStorage()

  /// A pipeline that takes no time, without limits to its IOTLB and without caches that shorten walks, as changed.
  init(
    levels: UInt8 = 4, accessedDirty: Bool = false, presetsFlags: Bool = true, _ change: (inout TranslationParameters) -> Void = { _ in }
  ) throws {
    let region = MemoryRegion(start: PhysicalAddress(0x10_0000), length: 1 << 25)
    physical = try PhysicalMemory(regions: [region])
    let host = TableMemory(MemoryRegion(start: region.start, length: 1 << 24), in: physical.view)
    let second = try PageTableBuilder(VTdSecondStage(levels: 4, accessedDirty: accessedDirty), in: host)
    let guest = TableMemory(of: host, displacement: Self.displacement) { frame in
      do throws(PageTableError) {
        try second.map(
          GuestPhysicalAddress(frame.rawValue + Self.displacement), to: frame, length: 4096, permissions: .readWrite, largestPageLog2: 12)
        return true
      } catch { return false }
    }
    self.second = second
    let firstFormat = X86FirstStage(levels: levels)
    first = [
      1: try PageTableBuilder(firstFormat, in: guest), 2: try PageTableBuilder(firstFormat, in: guest),
      3: try PageTableBuilder(firstFormat, in: host),
    ]
    formats = (storage.array(1, of: firstFormat), storage.array(1, of: second.format))
    var parameters = TranslationParameters()
    parameters.iotlb.geometry = .unlimited
    parameters.iotlb.latency = .zero
    parameters.pagingStructureCaches = .none
    parameters.memory.latency = .zero
    parameters.walkers = 0
    change(&parameters)
    pipeline = Pipeline(parameters, memory: physical.view)
    resolver = FixedResolver(format: UnsafePointer(formats.second), root: second.root)
    for (requester, builder) in first {
      let isNested = Self.both.contains(requester)
      resolver.contexts[requester] = TranslationContext(
        stages: isNested ? .nested : .first, domain: isNested ? 7 : 8, addressSpace: requester * 10,
        firstStage: .x86(UnsafePointer(formats.first)),
        firstStageRoot: GuestPhysicalAddress(builder.root.rawValue + (isNested ? Self.displacement : 0)),
        secondStage: isNested ? .vtd(UnsafePointer(formats.second)) : nil, secondStageRoot: second.root, guestAddressWidth: 48,
        secondStageKeepsFlags: accessedDirty)
    }
    resolver.contexts[4] = TranslationContext(
      stages: .second, domain: 7, addressSpace: 40, secondStage: .vtd(UnsafePointer(formats.second)), secondStageRoot: second.root)
  }

  /// Maps a page of the first stage, with its flags set.
  func map(
    _ input: UInt64, to output: UInt64, length: UInt64 = 4096, _ permissions: Permissions = .readWrite, by requester: UInt32 = 1,
    dirty: Bool = true
  ) throws {
    let flags = X86FirstStage.EntryBits.accessed | (dirty ? X86FirstStage.EntryBits.dirty : 0)
    try first[requester]?.map(
      IOVirtualAddress(input), to: GuestPhysicalAddress(output), length: length, permissions: permissions, leafBits: flags)
  }

  /// Maps pages of the second stage.
  func back(_ guest: UInt64, by output: UInt64, length: UInt64 = 4096, _ permissions: Permissions = .readWrite) throws {
    try second.map(GuestPhysicalAddress(guest), to: PhysicalAddress(output), length: length, permissions: permissions)
  }

  /// Where a guest finds the first-stage table of a level on the way to an address.
  func guestTable(_ level: UInt8, for input: UInt64, by requester: UInt32 = 1) -> UInt64 {
    guard let builder = first[requester] else { return 0 }
    var table = builder.root.rawValue + Self.displacement
    for current in (level..<builder.format.rootLevel).reversed() where table >= Self.displacement {
      let place = PhysicalAddress(table - Self.displacement)
        .advanced(by: builder.format.entryOffset(IOVirtualAddress(input), level: current + 1))
      table = (physical.view.read64(place) ?? 0) & X86FirstStage.EntryBits.address
    }
    return table
  }

  /// A request, and its answer once all that it fills is filled.
  @discardableResult
  func request(_ address: UInt64, _ access: AccessKind = .read, by requester: UInt32 = 1, at nanoseconds: UInt64 = 0) -> TranslationResponse
  {
    let response = requestWithoutFill(address, access, by: requester, at: nanoseconds)
    pipeline.finishWalks(until: response.completion)
    return response
  }

  /// A request, and its answer while what it fills is still under way.
  func requestWithoutFill(
    _ address: UInt64, _ access: AccessKind = .read, by requester: UInt32 = 1, at nanoseconds: UInt64 = 0
  ) -> TranslationResponse {
    var response = TranslationResponse()
    pipeline.translate(
      TranslationRequest(access, at: IOVirtualAddress(address), by: RequesterID(requester)), at: SimTime(nanoseconds: nanoseconds),
      resolver: &resolver, into: &response)
    return response
  }

  /// Lets every walk under way fill the caches.
  func finish() { pipeline.finishWalks(until: .never) }

  /// The reads of a request that the IOTLB cannot serve.
  func reads(_ address: UInt64, by requester: UInt32 = 1) -> UInt16 {
    pipeline.invalidateTranslations { _, _ in true }
    return request(address, by: requester).memoryReads
  }

  /// What the tables say now: the physical address, or none; no flag is changed that a cached copy of the walk would not have.
  func truth(_ address: UInt64, _ access: AccessKind, by requester: UInt32) -> UInt64? {
    var probe = NoProbe()
    let input = IOVirtualAddress(address)
    let demand = WalkDemand(access)
    if requester == 4 {
      let walk = Walker.walk(
        second.format, from: WalkStart(table: second.root, level: 4), for: input, demand: demand, in: physical.view, probe: &probe)
      return walk.status == .translated ? walk.page.rawValue + input.pageOffset(second.format.entrySizeLog2(level: walk.level)) : nil
    }
    guard let builder = first[requester] else { return nil }
    let root = builder.root
    if requester == 3 {
      let walk = Walker.walk(
        builder.format, from: WalkStart(table: root, level: builder.format.rootLevel), for: input, demand: demand, in: physical.view,
        probe: &probe)
      return walk.status == .translated ? walk.page.rawValue + input.pageOffset(builder.format.entrySizeLog2(level: walk.level)) : nil
    }
    let stage = NestedStage(second.format, root: second.root, addressWidth: 48, keepsFlags: second.format.updatesFlags)
    let walk = NestedWalker.walk(
      builder.format, from: WalkStart(table: GuestPhysicalAddress(root.rawValue + Self.displacement), level: builder.format.rootLevel),
      through: stage, for: input, demand: demand, in: physical.view, probe: &probe)
    return walk.status == .translated ? walk.page.rawValue + input.pageOffset(walk.sizeLog2) : nil
  }

  // MARK: Invalidation, as the descriptors of VT-d have it

  /// Everything of a domain.
  func invalidate(domain: UInt32) {
    pipeline.invalidateTranslations { _, entry in entry.domain == domain }
    pipeline.invalidateFirstStageTables { other, _ in other == domain }
    pipeline.invalidateSecondStageTables { $0 == domain }
    pipeline.invalidateTableTranslations { $0 == domain }
  }

  /// Second-stage inputs of a domain.
  func invalidate(domain: UInt32, secondStageInputs range: ClosedRange<UInt64>, leafOnly: Bool) {
    pipeline.invalidateTranslations(of: range) { _, entry in entry.domain == domain }
    pipeline.invalidateTranslations { _, entry in entry.domain == domain && entry.stages != .second }
    pipeline.invalidateFirstStageTables { other, _ in other == domain }
    pipeline.invalidateTableTranslations(of: range) { $0 == domain }
    if !leafOnly { pipeline.invalidateSecondStageTables(of: range) { $0 == domain } }
  }

  /// First-stage inputs of an address space.
  func invalidate(domain: UInt32, addressSpace: UInt32, _ range: ClosedRange<UInt64>?, leafOnly: Bool) {
    pipeline.invalidateTranslations(of: range) { _, entry in entry.domain == domain && entry.addressSpace == addressSpace }
    if !leafOnly { pipeline.invalidateFirstStageTables(of: range) { $0 == domain && $1 == addressSpace } }
  }

  func withPipeline<Result>(_ body: (inout Pipeline) -> Result) -> Result { body(&pipeline) }
  var counters: CacheCounters { pipeline.iotlbCounters }
}
