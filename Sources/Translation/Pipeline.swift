import Hardware
import PageTables

/// The way of a request through an IOMMU: ingress, IOTLB, context, paging-structure caches, walk, fill, response.
///
/// One code path, timed or not: with every latency zero and every resource unlimited it is a functional model. Time is laid over it by
/// reservation; a walk's fills land when it is done, before the first request that arrives then or later.
@frozen public struct Pipeline: ~Copyable {
  /// What happened at the IOTLB.
  public var iotlbCounters: CacheCounters {
    mutating get {
      counters.evictions = iotlb.evictions
      return counters
    }
  }
  /// The walks made.
  public var walks: UInt64 = 0
  /// The table entries read by walks.
  public var walkReads: UInt64 = 0
  /// The caches of second-stage upper-level entries.
  public var secondStageCaches: PagingStructureCaches

  @usableFromInline var counters = CacheCounters()
  @usableFromInline var iotlb: IOTLB
  @usableFromInline var missStatus = MissStatus()
  @usableFromInline var walkers: ServerPool
  @usableFromInline var ingress: SlotCalendar
  @usableFromInline let iotlbLatency: SimTime
  @usableFromInline let pagingStructureLatency: SimTime
  @usableFromInline let memory: MemoryView
  @usableFromInline let portBox: UniqueBox<MemoryPort>
  @usableFromInline let port: UnsafeMutablePointer<MemoryPort>
  @usableFromInline let storage = OwnedStorage()
  // The last walk: its result, when it was done, what it read, and the tables that it came to.
  @usableFromInline let walk: UnsafeMutablePointer<Walk<PhysicalAddress>>
  @usableFromInline var walkEnd = SimTime.zero
  @usableFromInline var walkMemoryReads: UInt16 = 0
  @usableFromInline var descentCount = 0
  @usableFromInline let descents: UnsafeMutablePointer<TimedProbe.Descent>

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
    walk = storage.array(uninitialized: 1)
    descents = storage.array(uninitialized: MissStatus.descentLimit)
  }

  /// The way to memory.
  @inlinable public var memoryPort: UnsafeMutablePointer<MemoryPort> { port }

  // MARK: Requests

  /// Translates a request that arrives at `now`, and writes the whole of `response`; arrivals must come in the order of their times.
  ///
  /// The response is written where the caller keeps it: copying one that has just been put together would make each walk wait for the one
  /// before.
  @inlinable @inline(__always) public mutating func translate<Resolver: ContextResolver & ~Copyable>(
    _ request: TranslationRequest, at now: SimTime, resolver: inout Resolver, into response: inout TranslationResponse
  ) {
    let start = ingress.reserve(at: now)
    if missStatus.nextDone <= start { finishWalks(until: start) }
    response.reset()
    response.latency.queueing = start - now
    response.completion = start
    let context: UInt64
    switch resolver.admit(request) {
    case .translate(let tag): context = tag
    case .bypass:
      response.outcome = .bypass
      response.address = PhysicalAddress(request.address.rawValue)
      response.rights = .all
      return
    case .interrupt:
      response.outcome = .interrupt
      return
    case .fault(let fault):
      response.outcome = .miss
      response.fault = fault
      return
    }
    response.latency.iotlb = iotlbLatency
    response.completion += iotlbLatency
    counters.lookups &+= 1
    let demand = resolver.demand(request)
    if let entry = iotlb.lookup(request.address, context: context), Self.serves(entry, demand),
      demand.isMet(by: entry.pointee.rights) || !resolver.rewalksOnDenial
    {
      counters.hits &+= 1
      Self.answer(&response, request, demand, from: entry, resolver: &resolver)
    } else {
      miss(&response, request, demand, context: context, resolver: &resolver)
    }
  }

  // A copy that is not known to be dirty cannot serve a write, because the leaf must be marked first.
  @inlinable static func serves(_ entry: UnsafePointer<IOTLBEntry>, _ demand: WalkDemand) -> Bool {
    !entry.pointee.flags.contains(.writeNeedsWalk) || !demand.marksDirty(entry.pointee.rights)
  }

  @inlinable static func answer<Resolver: ContextResolver & ~Copyable>(
    _ response: inout TranslationResponse, _ request: TranslationRequest, _ demand: WalkDemand, from entry: UnsafePointer<IOTLBEntry>,
    resolver: inout Resolver
  ) {
    let size = entry.pointee.sizeLog2
    let flags = entry.pointee.flags
    response.address = entry.pointee.page.advanced(by: request.address.pageOffset(size))
    response.pageSizeLog2 = size
    response.rights = entry.pointee.rights
    response.snoop = flags.contains(.snoop)
    let isDenied = !demand.isMet(by: entry.pointee.rights)
    if isDenied || flags.contains(.checksOutput) {
      let isForbidden = flags.contains(.checksOutput) && InterruptAddressRange.contains(response.address)
      if isForbidden, !isDenied || resolver.checksOutputBeforeRights {
        refuse(&response, request, .forbiddenOutput, entry, resolver: &resolver)
      } else if isDenied {
        refuse(&response, request, .permission, entry, resolver: &resolver)
      }
    }
  }

  @inlinable @inline(never) static func refuse<Resolver: ContextResolver & ~Copyable>(
    _ response: inout TranslationResponse, _ request: TranslationRequest, _ status: WalkStatus, _ entry: UnsafePointer<IOTLBEntry>,
    resolver: inout Resolver
  ) {
    let failure = WalkFailure(
      status: status, stage: entry.pointee.stages == .first ? .first : .second, isTopEntry: false, rights: entry.pointee.rights)
    let code = resolver.fault(failure, stages: entry.pointee.stages, request: request)
    response.fault = TranslationFault(code: code, isReported: !entry.pointee.flags.contains(.silentFaults))
  }

  // MARK: Misses

  @inlinable @inline(never) mutating func miss<Resolver: ContextResolver & ~Copyable>(
    _ response: inout TranslationResponse, _ request: TranslationRequest, _ demand: WalkDemand, context: UInt64,
    resolver: inout Resolver
  ) {
    let now = response.completion
    let bucket = missStatus.bucket(request.address, context: context)
    if let walk = missStatus.find(request.address, context: context, in: bucket) {
      let entry = MissStatus.entry(of: walk)
      if Self.serves(entry, demand), demand.isMet(by: entry.pointee.rights) {
        counters.merges &+= 1
        response.outcome = .merge
        response.completion = max(walk.pointee.done, now)
        response.latency.merge = response.completion - now
        Self.answer(&response, request, demand, from: entry, resolver: &resolver)
        return
      }
    }
    counters.misses &+= 1
    response.outcome = .miss
    var time = now
    let resolution = resolver.resolve(request, at: &time, through: port)
    response.latency.configuration = time - now
    response.completion = time
    switch resolution {
    case .fault(let fault): response.fault = fault
    case .context(let resolved): translate(&response, request, demand, context: context, bucket, resolved, resolver: &resolver)
    }
  }

  @inlinable @inline(__always) mutating func translate<Resolver: ContextResolver & ~Copyable>(
    _ response: inout TranslationResponse, _ request: TranslationRequest, _ demand: WalkDemand, context: UInt64,
    _ bucket: UInt32, _ resolved: UnsafePointer<TranslationContext>, resolver: inout Resolver
  ) {
    if let first = resolved.pointee.firstStage {
      walkFirstStage(first, &response, request, demand, context: context, bucket, resolved, resolver: &resolver)
      return
    }
    switch resolved.pointee.secondStage {
    case .none:
      // Pass-through: nothing to walk, nothing worth an entry.
      response.address = PhysicalAddress(request.address.rawValue)
      response.rights = .all
      response.snoop = resolved.pointee.forcesSnoop
    case .vtd(let format):
      walkSecondStage(format, &response, request, demand, context: context, bucket, resolved, resolver: &resolver)
    }
  }

  @inlinable @inline(__always) mutating func walkSecondStage<Format: PageTableFormat, Resolver: ContextResolver & ~Copyable>(
    _ format: UnsafePointer<Format>, _ response: inout TranslationResponse, _ request: TranslationRequest, _ demand: WalkDemand,
    context: UInt64, _ bucket: UInt32, _ resolved: UnsafePointer<TranslationContext>, resolver: inout Resolver
  ) {
    let now = response.completion
    let grant = walkers.reserve(at: now) ?? ServerPool.Grant(server: 0, start: now)
    response.latency.walkerWait = grant.start - now
    walkTables(of: format, resolved, for: request.address, demand: demand, at: grant.start)
    let done = walkEnd
    walkers.release(grant.server, at: done)
    response.memoryReads = walkMemoryReads
    response.latency.memory = done - grant.start
    response.completion = done
    response.rights = walk.pointee.rights
    guard walk.pointee.status == .translated else {
      let failure = walk.pointee.failure(stage: .second, rootLevel: format.pointee.rootLevel)
      let code = resolver.fault(failure, stages: resolved.pointee.stages, request: request)
      response.fault = TranslationFault(code: code, isReported: resolved.pointee.reportsFaults)
      return
    }
    let size = format.pointee.entrySizeLog2(level: walk.pointee.level)
    let flags = Self.flags(of: walk.pointee.entry, walk.pointee.page, format, resolved, sizeLog2: size)
    response.address = walk.pointee.page.advanced(by: request.address.pageOffset(size))
    response.pageSizeLog2 = size
    response.snoop = flags.contains(.snoop)
    let fill = missStatus.begin(request.address, context: context, in: bucket, until: done)
    fill.pointee.entry.page = walk.pointee.page
    fill.pointee.entry.domain = resolved.pointee.domain
    fill.pointee.entry.addressSpace = resolved.pointee.addressSpace
    fill.pointee.entry.rights = walk.pointee.rights
    fill.pointee.entry.sizeLog2 = size
    fill.pointee.entry.flags = flags
    fill.pointee.entry.stages = resolved.pointee.stages
    fill.pointee.tableContext = UInt64(resolved.pointee.domain)
    fill.pointee.descentCount = 0
    if descentCount > 0 { keepDescents(in: fill) }
  }

  @inlinable @inline(never) mutating func walkFirstStage<Resolver: ContextResolver & ~Copyable>(
    _ stage: FirstStage, _ response: inout TranslationResponse, _ request: TranslationRequest, _ original: WalkDemand,
    context: UInt64, _ bucket: UInt32, _ resolved: UnsafePointer<TranslationContext>, resolver: inout Resolver
  ) {
    guard case .x86(let format) = stage else { return }
    let demand = resolved.pointee.forcesPrivilege ? original.privileged : original
    let now = response.completion
    let grant = walkers.reserve(at: now) ?? ServerPool.Grant(server: 0, start: now)
    response.latency.walkerWait = grant.start - now
    var probe = TimedProbe(from: grant.start, through: port, noting: nil)
    var rights: AccessRights
    var failure: WalkFailure?
    var page = PhysicalAddress(rawValue: 0)
    var size: UInt8 = 0
    var needsDirty = false
    var snoop = resolved.pointee.forcesSnoop
    if case .vtd(let second) = resolved.pointee.secondStage {
      let nested = NestedStage(
        second.pointee, root: resolved.pointee.secondStageRoot, addressWidth: resolved.pointee.guestAddressWidth,
        keepsFlags: second.pointee.updatesFlags, rules: resolved.pointee.nestedRules)
      let walk = NestedWalker.walk(
        format.pointee, from: WalkStart(table: resolved.pointee.firstStageRoot, level: format.pointee.rootLevel), through: nested,
        for: request.address, demand: demand, in: memory, probe: &probe)
      rights = walk.rights
      page = walk.page
      size = walk.sizeLog2
      needsDirty = walk.needsDirtyUpdate
      snoop = snoop || walk.forcesSnoop
      if walk.status != .translated {
        failure = walk.failure(firstRootLevel: format.pointee.rootLevel, secondRootLevel: second.pointee.rootLevel)
      }
    } else {
      let walk = Walker.walk(
        format.pointee,
        from: WalkStart(table: PhysicalAddress(resolved.pointee.firstStageRoot.rawValue), level: format.pointee.rootLevel),
        for: request.address, demand: demand, in: memory, probe: &probe)
      rights = walk.rights
      page = walk.page
      size = format.pointee.entrySizeLog2(level: walk.level)
      needsDirty = format.pointee.needsDirtyUpdate(walk.entry)
      if walk.status != .translated { failure = walk.failure(stage: .first, rootLevel: format.pointee.rootLevel) }
    }
    if resolved.pointee.forcesPrivilege { rights = rights.ofPrivileged }
    let done = probe.time
    walkers.release(grant.server, at: done)
    walks &+= 1
    walkReads &+= UInt64(probe.reads)
    response.memoryReads = probe.reads
    response.latency.memory = done - grant.start
    response.completion = done
    response.rights = rights
    if var failure {
      if resolved.pointee.forcesPrivilege { failure.rights = failure.rights.ofPrivileged }
      let code = resolver.fault(failure, stages: resolved.pointee.stages, request: request)
      response.fault = TranslationFault(code: code, isReported: resolved.pointee.reportsFaults)
      return
    }
    response.address = page.advanced(by: request.address.pageOffset(size))
    response.pageSizeLog2 = size
    response.snoop = snoop
    let fill = missStatus.begin(request.address, context: context, in: bucket, until: done)
    fill.pointee.entry.page = page
    fill.pointee.entry.domain = resolved.pointee.domain
    fill.pointee.entry.addressSpace = resolved.pointee.addressSpace
    fill.pointee.entry.rights = rights
    fill.pointee.entry.sizeLog2 = size
    var flags: IOTLBEntry.Flags = []
    if needsDirty { flags.insert(.writeNeedsWalk) }
    if snoop { flags.insert(.snoop) }
    if !resolved.pointee.reportsFaults { flags.insert(.silentFaults) }
    if size > 12, InterruptAddressRange.overlaps(page, sizeLog2: size) { flags.insert(.checksOutput) }
    fill.pointee.entry.flags = flags
    fill.pointee.entry.stages = resolved.pointee.stages
    fill.pointee.tableContext = UInt64(resolved.pointee.domain)
    fill.pointee.descentCount = 0
  }

  /// Walks from where the paging-structure caches lead, and leaves the result in `walk` and beside it.
  ///
  /// On its own, so that the way down has the registers for itself.
  @inlinable @inline(never) mutating func walkTables<Format: PageTableFormat>(
    of format: UnsafePointer<Format>, _ resolved: UnsafePointer<TranslationContext>, for address: IOVirtualAddress, demand: WalkDemand,
    at time: SimTime
  ) {
    let format = format.pointee
    let top = WalkStart(table: resolved.pointee.secondStageRoot, level: format.rootLevel)
    // Second-stage upper-level entries are shared by everybody in the domain.
    let start = secondStageCaches.deepest(format, from: top, for: address, context: UInt64(resolved.pointee.domain))
    var probe = TimedProbe(
      from: time + pagingStructureLatency, through: port, noting: secondStageCaches.isPresent ? descents : nil)
    walk.pointee = Walker.walk(format, from: start, for: address, demand: demand, in: memory, probe: &probe)
    walks &+= 1
    walkReads &+= UInt64(probe.reads)
    walkMemoryReads = probe.reads
    walkEnd = probe.time
    descentCount = probe.descentCount
  }

  @usableFromInline mutating func keepDescents(in fill: UnsafeMutablePointer<MissStatus.Walk>) {
    missStatus.descents(of: UnsafePointer(fill)).update(from: descents, count: descentCount)
    fill.pointee.descentCount = UInt32(descentCount)
  }

  @inlinable @inline(__always) static func flags<Format: PageTableFormat>(
    of leaf: UInt64, _ page: PhysicalAddress, _ format: UnsafePointer<Format>, _ resolved: UnsafePointer<TranslationContext>,
    sizeLog2: UInt8
  ) -> IOTLBEntry.Flags {
    var flags: IOTLBEntry.Flags = []
    if format.pointee.needsDirtyUpdate(leaf) { flags.insert(.writeNeedsWalk) }
    if resolved.pointee.forcesSnoop || format.pointee.forcesSnoop(leaf) { flags.insert(.snoop) }
    if !resolved.pointee.reportsFaults { flags.insert(.silentFaults) }
    if sizeLog2 > 12, format.pointee.forbids(overlapping: page, sizeLog2: sizeLog2) { flags.insert(.checksOutput) }
    return flags
  }

  // MARK: Fills

  /// Lets every walk that is done by `time` fill the caches.
  @inlinable @inline(never) public mutating func finishWalks(until time: SimTime) {
    while missStatus.nextDone <= time, missStatus.count > 0 {
      guard let walk = missStatus.finishNext() else { continue }
      iotlb.insert(walk.pointee.address, context: walk.pointee.context, MissStatus.entry(of: walk))
      counters.fills &+= 1
      if walk.pointee.descentCount > 0 { fillTables(walk) }
    }
  }

  @usableFromInline mutating func fillTables(_ walk: UnsafePointer<MissStatus.Walk>) {
    let descents = missStatus.descents(of: walk)
    for index in 0..<Int(walk.pointee.descentCount) {
      let descent = descents[index]
      secondStageCaches.insert(
        level: descent.level, tag: walk.pointee.address.pageNumber(3 + 9 * descent.level), context: walk.pointee.tableContext,
        PagingStructureEntry(
          table: descent.table, domain: walk.pointee.entry.domain, addressSpace: walk.pointee.entry.addressSpace,
          rights: descent.rights))
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
    counters.invalidations += UInt64(removed + cancelled)
  }

  /// Forgets second-stage upper-level entries, and what walks under way have found of them, that `matches` accepts; if a range is given, those
  /// that cover any of it.
  public mutating func invalidateSecondStageTables(
    of range: ClosedRange<UInt64>? = nil, where matches: (PagingStructureEntry) -> Bool
  ) {
    secondStageCaches.removeAll(covering: range, where: matches)
    missStatus.forgetTables(covering: range, where: matches)
  }
}
