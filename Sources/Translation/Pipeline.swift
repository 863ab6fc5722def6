import Hardware
import PageTables

/// The way of a request through an IOMMU: ingress, IOTLB, context, paging-structure caches, walk, fill, response.
///
/// One code path, timed or not: with every latency zero and every resource unlimited it is a functional model. Time is laid over it by
/// reservation; a walk's fills land when it is done, before the first request that arrives then or later.
@frozen public struct Pipeline: ~Copyable {
  /// What happened at the IOTLB.
  public var iotlbCounters = CacheCounters()
  /// The walks made.
  public var walks: UInt64 = 0
  /// The table entries read by walks.
  public var walkReads: UInt64 = 0
  /// The caches of second-stage upper-level entries.
  public var secondStageCaches: PagingStructureCaches

  @usableFromInline var iotlb: IOTLB
  @usableFromInline var missStatus = MissStatus()
  @usableFromInline var walkers: ServerPool
  @usableFromInline var ingress: SlotCalendar
  @usableFromInline let iotlbLatency: SimTime
  @usableFromInline let pagingStructureLatency: SimTime
  @usableFromInline let memory: MemoryView
  @usableFromInline let portBox: UniqueBox<MemoryPort>
  @usableFromInline let port: UnsafeMutablePointer<MemoryPort>

  /// A pipeline with empty caches in front of `memory`.
  public init(_ parameters: TranslationParameters, memory: MemoryView) {
    self.memory = memory
    iotlb = IOTLB(parameters.iotlb)
    iotlbLatency = parameters.iotlb.latency
    secondStageCaches = PagingStructureCaches(parameters.pagingStructureCaches)
    pagingStructureLatency = parameters.pagingStructureCaches.latency
    walkers = ServerPool(servers: parameters.walkers)
    ingress = SlotCalendar(slot: parameters.ingressInterval)
    portBox = UniqueBox(MemoryPort(parameters.memory))
    port = portBox.pointer
  }

  /// The way to memory.
  @inlinable public var memoryPort: UnsafeMutablePointer<MemoryPort> { port }

  // MARK: Requests

  /// Translates a request that arrives at `now`; arrivals must come in the order of their times.
  @inlinable public mutating func translate<Resolver: ContextResolver & ~Copyable>(
    _ request: TranslationRequest, at now: SimTime, resolver: inout Resolver
  ) -> TranslationResponse {
    let start = ingress.reserve(at: now)
    if missStatus.nextDone <= start { finishWalks(until: start) }
    var response = TranslationResponse(.hit)
    response.latency.queueing = start - now
    let context: UInt64
    switch resolver.admit(request) {
    case .translate(let tag): context = tag
    case .bypass:
      response.outcome = .bypass
      response.address = PhysicalAddress(request.address.rawValue)
      response.rights = .all
      return response
    case .interrupt:
      response.outcome = .interrupt
      return response
    case .fault(let fault):
      response.outcome = .miss
      response.fault = fault
      return response
    }
    response.latency.iotlb = iotlbLatency
    iotlbCounters.lookups &+= 1
    let demand = resolver.demand(request)
    if let entry = iotlb.lookup(request.address, context: context), serves(entry, demand) {
      iotlbCounters.hits &+= 1
      answer(&response, request, demand, from: entry, resolver: resolver)
      return response
    }
    miss(&response, request, demand, context: context, at: start + iotlbLatency, resolver: &resolver)
    return response
  }

  // A copy that is not known to be dirty cannot serve a write, because the leaf must be marked first.
  @inlinable func serves(_ entry: IOTLBEntry, _ demand: WalkDemand) -> Bool {
    !entry.flags.contains(.writeNeedsWalk) || demand.dirty == .leave
  }

  @inlinable func answer<Resolver: ContextResolver & ~Copyable>(
    _ response: inout TranslationResponse, _ request: TranslationRequest, _ demand: WalkDemand, from entry: IOTLBEntry,
    resolver: borrowing Resolver
  ) {
    response.address = entry.output(request.address)
    response.pageSizeLog2 = entry.sizeLog2
    response.rights = entry.rights
    response.snoop = entry.flags.contains(.snoop)
    if !entry.rights.isSuperset(of: demand.rights) {
      refuse(&response, request, .permission, entry, resolver: resolver)
    } else if entry.flags.contains(.checksOutput), InterruptAddressRange.contains(response.address) {
      refuse(&response, request, .forbiddenOutput, entry, resolver: resolver)
    }
  }

  @inlinable @inline(never) func refuse<Resolver: ContextResolver & ~Copyable>(
    _ response: inout TranslationResponse, _ request: TranslationRequest, _ status: WalkStatus, _ entry: IOTLBEntry,
    resolver: borrowing Resolver
  ) {
    let code = resolver.fault(status, isTopEntry: false, rights: entry.rights, stages: entry.stages, request: request)
    response.fault = TranslationFault(code: code, isReported: !entry.flags.contains(.silentFaults))
  }

  // MARK: Misses

  @inlinable mutating func miss<Resolver: ContextResolver & ~Copyable>(
    _ response: inout TranslationResponse, _ request: TranslationRequest, _ demand: WalkDemand, context: UInt64, at now: SimTime,
    resolver: inout Resolver
  ) {
    if let walk = missStatus.find(request.address, context: context), serves(walk.pointee.entry, demand),
      walk.pointee.entry.rights.isSuperset(of: demand.rights)
    {
      iotlbCounters.merges &+= 1
      response.outcome = .merge
      response.latency.merge = max(walk.pointee.done, now) - now
      answer(&response, request, demand, from: walk.pointee.entry, resolver: resolver)
      return
    }
    iotlbCounters.misses &+= 1
    response.outcome = .miss
    var time = now
    switch resolver.resolve(request, at: &time, through: port) {
    case .fault(let fault):
      response.latency.configuration = time - now
      response.fault = fault
    case .context(let resolved):
      response.latency.configuration = time - now
      translate(&response, request, demand, context: context, resolved, at: time, resolver: resolver)
    }
  }

  @inlinable mutating func translate<Resolver: ContextResolver & ~Copyable>(
    _ response: inout TranslationResponse, _ request: TranslationRequest, _ demand: WalkDemand, context: UInt64,
    _ resolved: TranslationContext, at now: SimTime, resolver: borrowing Resolver
  ) {
    switch resolved.secondStage {
    case .none:
      // Pass-through: nothing to walk, nothing worth an entry.
      response.address = PhysicalAddress(request.address.rawValue)
      response.rights = .all
      response.snoop = resolved.forcesSnoop
    case .vtd(let format, let root):
      walkSecondStage(format, root, &response, request, demand, context: context, resolved, at: now, resolver: resolver)
    }
  }

  @inlinable mutating func walkSecondStage<Format: PageTableFormat, Resolver: ContextResolver & ~Copyable>(
    _ format: Format, _ root: PhysicalAddress, _ response: inout TranslationResponse, _ request: TranslationRequest,
    _ demand: WalkDemand, context: UInt64, _ resolved: TranslationContext, at now: SimTime, resolver: borrowing Resolver
  ) {
    let grant = walkers.reserve(at: now) ?? ServerPool.Grant(server: 0, start: now)
    response.latency.walkerWait = grant.start - now
    // Second-stage upper-level entries are shared by everybody in the domain.
    let tableContext = UInt64(resolved.domain)
    let top = WalkStart(table: root, level: format.rootLevel)
    let start = secondStageCaches.deepest(format, from: top, for: request.address, context: tableContext)
    var probe = TimedProbe(from: grant.start + pagingStructureLatency, through: port)
    let walk: Walk<PhysicalAddress> = Walker.walk(
      format, from: start, for: request.address, demand: demand, in: memory, probe: &probe)
    walkers.release(grant.server, at: probe.time)
    walks &+= 1
    walkReads &+= UInt64(probe.reads)
    response.memoryReads = probe.reads
    response.latency.memory = probe.time - grant.start
    response.rights = walk.rights
    guard walk.status == .translated else {
      let code = resolver.fault(
        walk.status, isTopEntry: walk.level == format.rootLevel, rights: walk.rights, stages: resolved.stages, request: request)
      response.fault = TranslationFault(code: code, isReported: resolved.reportsFaults)
      return
    }
    let size = format.entrySizeLog2(level: walk.level)
    let entry = IOTLBEntry(
      page: walk.page, domain: resolved.domain, addressSpace: resolved.addressSpace, rights: walk.rights, sizeLog2: size,
      flags: flags(of: walk, format, resolved, sizeLog2: size), stages: resolved.stages)
    response.address = entry.output(request.address)
    response.pageSizeLog2 = size
    response.snoop = entry.flags.contains(.snoop)
    missStatus.begin(
      MissStatus.Walk(
        address: request.address, context: context, done: probe.time, entry: entry, tableContext: tableContext,
        descents: probe.descents, descentCount: secondStageCaches.isPresent ? probe.descentCount : 0))
  }

  @inlinable func flags<Format: PageTableFormat>(
    of walk: Walk<PhysicalAddress>, _ format: Format, _ resolved: TranslationContext, sizeLog2: UInt8
  ) -> IOTLBEntry.Flags {
    var flags: IOTLBEntry.Flags = []
    if format.needsDirtyUpdate(walk.entry) { flags.insert(.writeNeedsWalk) }
    if resolved.forcesSnoop || format.forcesSnoop(walk.entry) { flags.insert(.snoop) }
    if !resolved.reportsFaults { flags.insert(.silentFaults) }
    if sizeLog2 > 12, format.forbids(overlapping: walk.page, sizeLog2: sizeLog2) { flags.insert(.checksOutput) }
    return flags
  }

  // MARK: Fills

  /// Lets every walk that is done by `time` fill the caches.
  @inlinable @inline(never) public mutating func finishWalks(until time: SimTime) {
    while missStatus.nextDone <= time, missStatus.count > 0 {
      guard let walk = missStatus.finishNext() else { continue }
      iotlb.insert(walk.address, context: walk.context, walk.entry)
      iotlbCounters.fills &+= 1
      if walk.descentCount > 0 { fillTables(walk) }
    }
    iotlbCounters.evictions = iotlb.evictions
  }

  @usableFromInline mutating func fillTables(_ walk: MissStatus.Walk) {
    for index in 0..<walk.descentCount {
      let descent = walk.descents[index]
      secondStageCaches.insert(
        level: descent.level, tag: walk.address.pageNumber(3 + 9 * descent.level), context: walk.tableContext,
        PagingStructureEntry(
          table: descent.table, domain: walk.entry.domain, addressSpace: walk.entry.addressSpace, rights: descent.rights))
    }
  }

  // MARK: Invalidation

  /// Forgets translations, and walks under way, that `matches` accepts by context tag and entry; if a range is given, those that translate
  /// any of it.
  public mutating func invalidateTranslations(
    of range: ClosedRange<UInt64>? = nil, where matches: (_ context: UInt64, _ entry: IOTLBEntry) -> Bool
  ) {
    let removed: Int
    if let range {
      removed = iotlb.removeAll(translating: range, where: matches)
    } else {
      removed = iotlb.removeAll(where: matches)
    }
    let cancelled = missStatus.cancelAll { walk in
      let base = walk.address.alignedDown(walk.entry.sizeLog2).rawValue
      let last = base | UInt64.mask(width: Int(walk.entry.sizeLog2))
      let covered = range.map { $0.lowerBound <= last && base <= $0.upperBound } ?? true
      return covered && matches(walk.context, walk.entry)
    }
    iotlbCounters.invalidations += UInt64(removed + cancelled)
  }

  /// Forgets second-stage upper-level entries, and what walks under way have found of them, that `matches` accepts; if a range is given, those
  /// that cover any of it.
  public mutating func invalidateSecondStageTables(
    of range: ClosedRange<UInt64>? = nil, where matches: (PagingStructureEntry) -> Bool
  ) {
    secondStageCaches.removeAll(covering: range, where: matches)
    missStatus.forgetTables(covering: range, where: matches)
  }

  /// Starts all counters again, and keeps what the caches hold.
  public mutating func resetCounters() {
    iotlbCounters = CacheCounters()
    walks = 0
    walkReads = 0
    port.pointee.reads = 0
    port.pointee.updates = 0
  }
}
