import Hardware
import PageTables

@testable import Translation

/// Requesters with a second stage each, found after a fixed time, as plain as a resolver can be.
struct FixedResolver: ContextResolver, ~Copyable {
  let checksOutputBeforeRights = true
  let rewalksOnDenial = false
  /// How long resolving takes.
  var time = SimTime.zero
  /// How many requests were resolved.
  var resolutions = 0
  /// What every requester is resolved to, but for its domain, which is its own number.
  var stages = ContextStages.second
  var reportsFaults = true
  var forcesSnoop = false
  /// What requests are admitted as, unless they are translated.
  var admission: Admission?
  var fault: TranslationFault?
  /// Whole contexts of requesters that have their own.
  var contexts: [UInt32: TranslationContext] = [:]
  let format: UnsafePointer<VTdSecondStage>
  var root = PhysicalAddress(0)
  let context = UniqueBox(TranslationContext(stages: .second, domain: 0, addressSpace: 0))

  mutating func admit(_ request: TranslationRequest) -> Admission {
    admission ?? .translate(context: UInt64(request.requester.rawValue))
  }

  mutating func resolve(
    _ request: TranslationRequest, at time: inout SimTime, through port: UnsafeMutablePointer<MemoryPort>
  ) -> Resolution {
    resolutions += 1
    time += self.time
    if let fault { return .fault(fault) }
    context.pointer.pointee =
      contexts[request.requester.rawValue]
      ?? TranslationContext(
        stages: stages, domain: request.requester.rawValue, addressSpace: 0, secondStage: stages == .second ? .vtd(format) : nil,
        secondStageRoot: root, reportsFaults: reportsFaults, forcesSnoop: forcesSnoop)
    return .context(UnsafePointer(context.pointer))
  }

  func demand(_ request: TranslationRequest) -> WalkDemand { WalkDemand(request.access) }

  /// 100 and the walk's status, 1000 more if it ended at the top entry, 2000 more if the first stage ended it, 4000 more if the second did while
  /// the first was walked.
  func fault(_ failure: WalkFailure, stages: ContextStages, request: TranslationRequest) -> UInt16 {
    let stage: UInt16 = failure.stage == .first ? 2000 : failure.stage == .secondForTable ? 4000 : 0
    return 100 + UInt16(failure.status.rawValue) + (failure.isTopEntry ? 1000 : 0) + stage
  }
}

/// A pipeline in front of tables in memory, with requests of a fixed resolver.
final class PipelineUnderTest {
  /// Different from one another, so that no sum can be mistaken for another.
  enum Latency {
    static let iotlb = SimTime(nanoseconds: 3)
    static let configuration = SimTime(nanoseconds: 7)
    static let pagingStructure = SimTime(nanoseconds: 11)
    static let memory = SimTime(nanoseconds: 100)
    /// A request that finds nothing cached and reads four levels.
    static let miss = iotlb + configuration + pagingStructure + memory * 4
  }

  let physical: PhysicalMemory
  let builder: PageTableBuilder<VTdSecondStage>
  var resolver: FixedResolver
  private var pipeline: Pipeline
  private let tables: TableMemory
  private let format: UnsafeMutablePointer<VTdSecondStage>

  /// A pipeline with the latencies above, unlimited walkers and bandwidth, no paging-structure caches, as changed.
  init(
    _ format: VTdSecondStage = VTdSecondStage(levels: 4), _ change: (inout TranslationParameters) -> Void = { _ in }
  ) throws {
    let region = MemoryRegion(start: PhysicalAddress(0x10_0000), length: 1 << 24)
    physical = try PhysicalMemory(regions: [region])
    tables = TableMemory(region, in: physical.view)
    builder = try PageTableBuilder(format, in: tables)
    var parameters = TranslationParameters()
    parameters.iotlb.latency = Latency.iotlb
    parameters.pagingStructureCaches = .none
    parameters.pagingStructureCaches.latency = Latency.pagingStructure
    parameters.walkers = 0
    parameters.memory.latency = Latency.memory
    change(&parameters)
    pipeline = Pipeline(parameters, memory: physical.view)
    self.format = .allocate(capacity: 1)
    self.format.initialize(to: format)
    resolver = FixedResolver(time: Latency.configuration, format: self.format, root: builder.root)
  }

  deinit { format.deallocate() }

  /// A pipeline that takes no time at all and caches without limit, as changed.
  static func untimed(
    _ format: VTdSecondStage = VTdSecondStage(levels: 4), _ change: (inout TranslationParameters) -> Void = { _ in }
  ) throws -> PipelineUnderTest {
    let machine = try PipelineUnderTest(format) { parameters in
      parameters.iotlb.geometry = .unlimited
      parameters.iotlb.latency = .zero
      parameters.pagingStructureCaches = .none
      parameters.memory.latency = .zero
      change(&parameters)
    }
    machine.resolver.time = .zero
    return machine
  }

  func map(
    _ input: UInt64, to output: UInt64, length: UInt64 = 0x1000, _ permissions: Permissions = .readWrite, leafBits: UInt64 = 0
  ) throws {
    try builder.map(
      IOVirtualAddress(input), to: PhysicalAddress(output), length: length, permissions: permissions, leafBits: leafBits)
  }

  /// Writes the entry of a level on the way to an address, the tables above it being there.
  func write(_ entry: UInt64, at level: UInt8, for input: UInt64) {
    var table = builder.root
    var place = table
    for current in (level...builder.format.rootLevel).reversed() {
      place = table.advanced(by: builder.format.entryOffset(IOVirtualAddress(input), level: current))
      table = builder.format.nextTable(physical.view.read64(place) ?? 0, level: current)
    }
    physical.view.write64(place, entry)
  }

  /// A request and its answer; times in nanoseconds.
  @discardableResult
  func request(_ address: UInt64, _ access: AccessKind = .read, by requester: UInt32 = 1, at nanoseconds: UInt64 = 0) -> TranslationResponse
  {
    request(address, access, by: requester, at: SimTime(nanoseconds: nanoseconds))
  }

  @discardableResult
  func request(_ address: UInt64, _ access: AccessKind = .read, by requester: UInt32 = 1, at time: SimTime) -> TranslationResponse {
    var response = TranslationResponse()
    let request = TranslationRequest(access, at: IOVirtualAddress(address), by: RequesterID(requester))
    pipeline.translate(request, at: time, resolver: &resolver, into: &response)
    return response
  }

  /// Forgets a domain's translations of a range, as an invalidation at a time does.
  func invalidate(_ range: ClosedRange<UInt64>? = nil, domain: UInt32 = 1, at time: SimTime = .zero) {
    pipeline.finishWalks(until: time)
    pipeline.invalidateTranslations(of: range) { _, entry in entry.domain == domain }
  }

  func invalidateTables(_ range: ClosedRange<UInt64>? = nil, domain: UInt32 = 1, at time: SimTime = .zero) {
    pipeline.finishWalks(until: time)
    pipeline.invalidateSecondStageTables(of: range) { $0 == domain }
  }

  /// Lets every walk fill the caches that is done by a time in nanoseconds.
  func advance(to nanoseconds: UInt64) { pipeline.finishWalks(until: SimTime(nanoseconds: nanoseconds)) }

  var counters: CacheCounters { pipeline.iotlbCounters }
  var walks: UInt64 { pipeline.walks }
  var walkReads: UInt64 { pipeline.walkReads }
  var memoryReads: UInt64 { pipeline.memoryPort.pointee.reads }
  var memoryUpdates: UInt64 { pipeline.memoryPort.pointee.updates }
  func tableCounters(_ level: UInt8) -> CacheCounters { pipeline.caches.pointee.second.counters[Int(level) - 2] }
}
