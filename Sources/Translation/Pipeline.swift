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
  @usableFromInline var counters = CacheCounters()
  /// The table entries read by walks.
  public var walkReads: UInt64 = 0
  @usableFromInline var iotlb: IOTLB
  @usableFromInline var missStatus = MissStatus()
  @usableFromInline var walkers: ServerPool
  @usableFromInline var ingress: SlotCalendar
  @usableFromInline let iotlbLatency: SimTime
  @usableFromInline let memory: MemoryView
  @usableFromInline let portBox: UniqueBox<MemoryPort>
  @usableFromInline let port: UnsafeMutablePointer<MemoryPort>
  @usableFromInline let walkCachesBox: UniqueBox<WalkCaches>
  @usableFromInline let walkCaches: UnsafeMutablePointer<WalkCaches>
  @usableFromInline let storage = OwnedStorage()
  // The last walk: its result, when it was done, what it read, and what it learned.
  @usableFromInline let found: UnsafeMutablePointer<FinishedWalk>
  @usableFromInline var walkEnd = SimTime.zero
  @usableFromInline var walkMemoryReads: UInt16 = 0
  @usableFromInline var descentCount = 0
  @usableFromInline let descents: UnsafeMutablePointer<WalkDescent>

  /// A pipeline with empty caches in front of `memory`.
  public init(_ parameters: TranslationParameters, memory: MemoryView) {
    self.memory = memory
    iotlb = IOTLB(parameters.iotlb)
    iotlbLatency = parameters.iotlb.latency
    walkers = ServerPool(servers: parameters.walkers)
    ingress = SlotCalendar(slot: parameters.ingressInterval)
    portBox = UniqueBox(MemoryPort(parameters.memory))
    port = portBox.pointer
    walkCachesBox = UniqueBox(WalkCaches(parameters.pagingStructureCaches))
    walkCaches = walkCachesBox.pointer
    found = storage.array(uninitialized: 1)
    descents = storage.array(uninitialized: WalkDescents.limit)
  }

  /// The caches that shorten walks.
  @inlinable public var caches: UnsafeMutablePointer<WalkCaches> { walkCaches }
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
    while missStatus.nextDone <= start, missStatus.count > 0 { finishWalk() }
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

  // A copy that is not known to be dirty cannot serve a write, because the leaf must be marked first; what cannot be written anyway need not be.
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
    let stages = entry.pointee.stages
    let isFirst = stages == .first && status == .permission
    let failure = WalkFailure(status: status, stage: isFirst ? .first : .second, isTopEntry: false, rights: entry.pointee.rights)
    let code = resolver.fault(failure, stages: stages, request: request)
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
    if resolved.pointee.firstStage == nil, resolved.pointee.secondStage == nil {
      // Pass-through: nothing to walk, nothing worth an entry.
      response.address = PhysicalAddress(request.address.rawValue)
      response.rights = .all
      response.snoop = resolved.pointee.forcesSnoop
      return
    }
    let now = response.completion
    let grant = walkers.reserve(at: now) ?? ServerPool.Grant(server: 0, start: now)
    response.latency.walkerWait = grant.start - now
    let demand = resolved.pointee.forcesPrivilege ? demand.privileged : demand
    switch (resolved.pointee.firstStage, resolved.pointee.secondStage) {
    case (nil, .vtd(let second)): walkSecondStage(second, resolved, for: request.address, demand: demand, at: grant.start)
    case (.x86(let first), nil): walkFirstStage(first, resolved, for: request.address, demand: demand, at: grant.start)
    case (.x86(let first), .vtd(let second)): walkNested(first, second, resolved, for: request.address, demand: demand, at: grant.start)
    case (nil, nil): break
    }
    let done = walkEnd
    walkers.release(grant.server, at: done)
    response.memoryReads = walkMemoryReads
    response.latency.memory = done - grant.start
    response.completion = done
    // Cached, too, as the rights of any request.
    if resolved.pointee.forcesPrivilege { found.pointee.failure.rights = found.pointee.failure.rights.ofPrivileged }
    response.rights = found.pointee.failure.rights
    guard found.pointee.failure.status == .translated else {
      let code = resolver.fault(found.pointee.failure, stages: resolved.pointee.stages, request: request)
      response.fault = TranslationFault(code: code, isReported: resolved.pointee.reportsFaults)
      return
    }
    let size = found.pointee.sizeLog2
    var flags = found.pointee.flags
    if resolved.pointee.forcesSnoop { flags.insert(.snoop) }
    if !resolved.pointee.reportsFaults { flags.insert(.silentFaults) }
    response.address = found.pointee.page.advanced(by: request.address.pageOffset(size))
    response.pageSizeLog2 = size
    response.snoop = flags.contains(.snoop)
    let fill = missStatus.begin(request.address, context: context, in: bucket, until: done)
    fill.pointee.entry.page = found.pointee.page
    fill.pointee.entry.domain = resolved.pointee.domain
    fill.pointee.entry.addressSpace = resolved.pointee.addressSpace
    fill.pointee.entry.rights = found.pointee.failure.rights
    fill.pointee.entry.sizeLog2 = size
    fill.pointee.entry.flags = flags
    fill.pointee.entry.stages = resolved.pointee.stages
    fill.pointee.descentCount = 0
    if descentCount > 0 { keepDescents(in: fill) }
  }

  // MARK: Fills

  /// Lets every walk that is done by `time` fill the caches.
  @inlinable public mutating func finishWalks(until time: SimTime) {
    // Where none is under way the next one is never done.
    let time = min(time, SimTime(picoseconds: .max - 1))
    while missStatus.nextDone <= time { finishWalk() }
  }

  // One at a time, because there is seldom more than one at once.
  @inlinable @inline(never) mutating func finishWalk() {
    guard let walk = missStatus.finishNext() else { return }
    iotlb.insert(walk.pointee.address, context: walk.pointee.context, MissStatus.entry(of: walk))
    counters.fills &+= 1
    if walk.pointee.descentCount > 0 { fillTables(walk) }
  }

  @usableFromInline mutating func fillTables(_ walk: UnsafePointer<MissStatus.Walk>) {
    let descents = missStatus.descents(of: walk)
    for index in 0..<Int(walk.pointee.descentCount) {
      walkCaches.pointee.fill(
        descents[index], domain: walk.pointee.entry.domain, addressSpace: walk.pointee.entry.addressSpace)
    }
  }
}
