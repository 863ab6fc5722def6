import DMATrace
import Hardware
import HostDrivers
import Translation

/// What software does in a replay: address spaces, maps, invalidations.
extension ReplayEngine {
  /// Replays a record that is no access.
  @inline(never) func prepare(_ record: TraceRecord, _ index: UInt64, _ state: inout State) throws(ReplayError) {
    staleCheck?.begin(record: index)
    if !isClosedLoop { unit.advance(to: record.time) }
    if state.driverDue <= unit.now { try runDriver(until: unit.now, index, &state) }
    switch record.operation {
    case .map: try map(record, index)
    case .unmap: try unmap(record, index)
    case .attach: try attach(record, index)
    case .detach:
      spaces.pointee.attach(record.requester, record.pasid, to: nil)
      try perform(index) { () throws(HostDriverError) in try driver.detach(record.requester, pasid: record.pasid) }
    case .invalidate: try invalidate(record, index, &state)
    case .interrupt: state.ignored.interrupts += 1
    case .marker: break
    case .read, .write, .atomic, .translatedRead, .translatedWrite, .translationRequest, .pageRequest: break
    }
    state.driverDue = driver.nextDue
  }

  /// Lets the driver do what it has put off, each at its own time.
  @inline(never) func runDriver(until time: SimTime, _ index: UInt64, _ state: inout State) throws(ReplayError) {
    staleCheck?.begin(record: index)
    while state.driverDue <= time {
      unit.advance(to: state.driverDue)
      try perform(index) { () throws(HostDriverError) in try driver.runDue() }
      // Whoever is not done by then would be due again for ever.
      guard driver.nextDue > state.driverDue else { break }
      state.driverDue = driver.nextDue
    }
    state.driverDue = driver.nextDue
  }

  func perform<Result>(_ index: UInt64, _ work: () throws(HostDriverError) -> Result) throws(ReplayError) -> Result {
    do {
      return try work()
    } catch {
      throw .driver(record: index, error)
    }
  }

  // MARK: Address spaces

  /// Makes an address space, for a domain of the trace if one is named.
  func makeSpace(
    for domain: TraceDomain?, passThrough: Bool, _ index: UInt64
  ) throws(ReplayError) -> UnsafeMutablePointer<AddressSpaceTable.Space> {
    let kind = try perform(index) { () throws(HostDriverError) in try spaceKind(passThrough: passThrough) }
    var handle: AddressSpace?
    // The trace's own number makes a recording easier to follow; where the unit cannot have it, any other will do.
    if let domain { handle = try? driver.makeAddressSpace(kind, domain: domain.rawValue) }
    let made: AddressSpace
    if let handle {
      made = handle
    } else {
      made = try perform(index) { () throws(HostDriverError) in try driver.makeAddressSpace(kind, domain: nil) }
    }
    let space = AddressSpaceTable.Space(
      handle: made, domain: driver.domainID(of: made).map { UInt32($0.rawValue) }, pages: PageSet(pageSizeLog2: pageSizeLog2))
    return spaces.pointee.add(space, domain: domain)
  }

  func attach(
    _ requester: RequesterID, _ pasid: PASID?, to space: UnsafeMutablePointer<AddressSpaceTable.Space>, _ index: UInt64
  ) throws(ReplayError) {
    // What a device uses is enabled before it is let in.
    if machine.configuration.endpoints.usesDeviceTLB { _ = try device(requester, index) }
    try perform(index) { () throws(HostDriverError) in try driver.attach(requester, pasid: pasid, to: space.pointee.handle) }
    spaces.pointee.attach(requester, pasid, to: space)
  }

  private func attach(_ record: TraceRecord, _ index: UInt64) throws(ReplayError) {
    let passThrough = passesThrough || record.attributes.contains(.passThrough)
    let space: UnsafeMutablePointer<AddressSpaceTable.Space>
    if let known = spaces.pointee.space(record.domain) {
      space = known
    } else {
      space = try makeSpace(for: record.domain, passThrough: passThrough, index)
    }
    if let before = spaces.pointee.space(record.requester, record.pasid) {
      if before == space { return }
      try perform(index) { () throws(HostDriverError) in try driver.detach(record.requester, pasid: record.pasid) }
    }
    try attach(record.requester, record.pasid, to: space, index)
  }

  // MARK: Maps

  private func space(
    of record: TraceRecord, _ index: UInt64
  ) throws(ReplayError) -> UnsafeMutablePointer<AddressSpaceTable.Space> {
    if let space = spaces.pointee.space(record.domain) { return space }
    return try makeSpace(for: record.domain, passThrough: passesThrough, index)
  }

  private func map(_ record: TraceRecord, _ index: UInt64) throws(ReplayError) {
    if passesThrough { return }
    let space = try space(of: record, index)
    let handle = space.pointee.handle
    let largest = machine.configuration.mapping.largestPage.log2
    try perform(index) { () throws(HostDriverError) in
      try map(
        record.address, to: record.physical, length: record.length, permissions: record.permissions, in: handle, largestPageLog2: largest)
    }
    space.pointee.pages.insert(record.address, length: record.length)
  }

  private func unmap(_ record: TraceRecord, _ index: UInt64) throws(ReplayError) {
    if passesThrough { return }
    let space = try space(of: record, index)
    let handle = space.pointee.handle
    _ = try perform(index) { () throws(HostDriverError) in try driver.unmap(record.address, length: record.length, in: handle) }
    // From now on the trace says itself what is mapped there.
    space.pointee.pages.insert(record.address, length: record.length)
  }

  // MARK: Invalidations

  private func invalidate(_ record: TraceRecord, _ index: UInt64, _ state: inout State) throws(ReplayError) {
    guard options.invalidations == .recorded else { return }
    guard !record.attributes.contains(.spontaneous), let scope = scope(of: record) else {
      state.ignored.invalidations += 1
      return
    }
    try perform(index) { () throws(HostDriverError) in try driver.invalidate(scope) }
  }

  /// What a recorded invalidation is to this machine's driver; `nil` if it concerns a cache that the machine does not have, or a domain that
  /// nothing has used.
  private func scope(of record: TraceRecord) -> HostDrivers.InvalidationScope? {
    let domain = spaces.pointee.space(record.domain)?.pointee.domain
    let leafOnly = record.attributes.contains(.leafOnly)
    switch record.scope {
    case .global: return .translations
    case .domain, .secondStage: return domain.map { .translationsOf(domain: $0) }
    case .pages, .secondStagePages, .sharedPages:
      return domain.map { .pages(record.address, length: record.length, domain: $0, leafOnly: leafOnly) }
    case .pasid:
      guard let domain, let pasid = record.pasid else { return nil }
      return .pasidTranslations(pasid, domain: domain)
    case .pasidPages:
      guard let domain, let pasid = record.pasid else { return nil }
      return .pasidPages(record.address, length: record.length, pasid, domain: domain, leafOnly: leafOnly)
    case .contextGlobal: return .contexts
    case .contextDomain: return domain.map { .contextsOf(domain: $0) }
    case .contextDevice:
      return .context(record.requester, functionMask: UInt8(truncatingIfNeeded: record.value & 3), domain: domain ?? 0)
    case .pasidCacheGlobal: return .pasids
    case .pasidCacheDomain: return domain.map { .pasidsOf(domain: $0) }
    case .pasidCacheEntry:
      guard let domain, let pasid = record.pasid else { return nil }
      return .pasid(pasid, domain: domain)
    case .none, .deviceTLB, .deviceTLBAllPASIDs, .interruptEntries: return nil
    }
  }
}
