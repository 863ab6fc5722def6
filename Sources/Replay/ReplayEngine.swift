import DMATrace
import Hardware
import HostDrivers
import Machine
import Translation
import VTd

/// Feeds the records of a trace through a machine and counts what every translation cost.
///
/// Accesses go to the remapping unit, split at 4 KiB pages; maps, unmaps and attachments go to the driver, which programs the unit as an
/// operating system would. A fault is counted, drained by the driver, and the replay goes on.
public final class ReplayEngine {
  /// The machine.
  public let machine: Machine
  /// What was asked for.
  public let options: ReplayOptions

  var state: State
  private let statisticsBox = UniqueBox(ReplayStatistics())
  let statistics: UnsafeMutablePointer<ReplayStatistics>
  let loopBox: UniqueBox<ServerPool>
  // The answer to the last request.
  private let responseBox = UniqueBox(TranslationResponse())
  let response: UnsafeMutablePointer<TranslationResponse>
  private let spacesBox = UniqueBox(AddressSpaceTable())
  let spaces: UnsafeMutablePointer<AddressSpaceTable>
  let unit: RemappingUnit
  let driver: VTdDriver

  /// The memory of the guest, once there is one: only where there are two stages.
  var guest: UniqueBox<GuestMemory>?
  /// Counts what devices ask beside plain accesses.
  let tally = DeviceTally()
  /// The devices whose ATS and PRI messages the trace records, once there are any.
  var recordedDevices: RecordedDevices?
  /// Who makes pages present that devices request.
  var paging: DemandPaging?

  /// Looks for uses of stale cache entries, if that is wanted.
  let staleCheck: StaleCheck?

  /// What changes from record to record.
  struct State {
    /// The number of the next record.
    var index: UInt64 = 0
    /// The records replayed, whatever they are.
    var replayed: UInt64 = 0
    /// The accesses replayed, the warm-up among them.
    var accesses: UInt64 = 0
    var isMeasuring = false
    var isDone = false
    /// When the first measured request arrived, and when the last one was done.
    var firstArrival = SimTime.never
    /// The time of the first record of a warm-up that is counted in time.
    var replayStart = SimTime.never
    var lastCompletion = SimTime.zero
    var ignored = IgnoredRecords()
    var baseline = UnitCounters()
    /// What the driver puts off is due then.
    var driverDue = SimTime.never
  }

  private let hasBounds: Bool
  let isClosedLoop: Bool
  let firstTouch: Bool
  /// Whether requesters that the trace does not attach get an address space when they ask for pages.
  let pagesOnDemand: Bool
  let pageSizeLog2: UInt8
  let passesThrough: Bool
  // Operations below this are accesses that go straight to the unit: reads, writes and AtomicOps of devices without device-TLB.
  private let plainAccesses: UInt8

  /// An engine for one replay of a trace whose header is given.
  public init(_ configuration: MachineConfiguration, options: ReplayOptions = ReplayOptions(), header: TraceHeader) throws(MachineError) {
    let watch = options.staleFindings.map { _ in WriteWatch() }
    machine = try Machine(configuration, recordedInvalidations: options.invalidations == .recorded, watch: watch)
    self.options = options
    hasBounds = options.hasBounds
    unit = machine.unit
    driver = machine.driver
    if let watch { staleCheck = StaleCheck(machine, watch: watch, limit: options.staleFindings ?? 0) } else { staleCheck = nil }
    isClosedLoop = configuration.replay.loop == .closed
    loopBox = UniqueBox(ServerPool(servers: isClosedLoop ? configuration.replay.outstanding : 0))
    firstTouch = configuration.mapping.firstTouch == .map && header.mappings == .partial
    pagesOnDemand = header.mappings == .partial
    pageSizeLog2 = configuration.mapping.pageSize.log2
    passesThrough = configuration.stages == .passThrough
    plainAccesses = configuration.endpoints.usesDeviceTLB ? 0 : TraceOperation.atomic.rawValue + 1
    statistics = statisticsBox.pointer
    spaces = spacesBox.pointer
    response = responseBox.pointer
    state = State()
    state.driverDue = driver.nextDue
  }

  // MARK: Replaying

  /// Replays records, the next ones of the trace.
  ///
  /// - Returns: Whether the replay wants more of the trace.
  public func replay(_ records: UnsafeBufferPointer<TraceRecord>) throws(ReplayError) -> Bool {
    if let staleCheck {
      var observer = StaleObserver(check: staleCheck)
      return try replay(records, observer: &observer)
    }
    var observer = NoObserver()
    return try replay(records, observer: &observer)
  }

  /// Replays records, the next ones of the trace, and shows an observer every translation; that one alone, so that nothing stale is looked for.
  public func replay<Observer: ReplayObserver & ~Copyable>(
    _ records: UnsafeBufferPointer<TraceRecord>, observer: inout Observer
  ) throws(ReplayError) -> Bool {
    // A copy on the stack costs no exclusivity checks.
    var state = state
    defer { self.state = state }
    guard var record = records.baseAddress else { return !state.isDone }
    let end = record + records.count
    while record < end {
      guard try step(record, &state, &observer) else { return false }
      record += 1
    }
    return !state.isDone
  }

  @inline(__always) private func step<Observer: ReplayObserver & ~Copyable>(
    _ record: UnsafePointer<TraceRecord>, _ state: inout State, _ observer: inout Observer
  ) throws(ReplayError) -> Bool {
    let index = state.index
    state.index &+= 1
    if hasBounds || !state.isMeasuring {
      switch bounds(record.pointee, index, &state) {
      case .replay: break
      case .prepare:
        if !record.pointee.operation.isDeviceRequest { try prepare(record.pointee, index, &state) }
        return true
      case .stop: return false
      }
    }
    state.replayed &+= 1
    let operation = record.pointee.operation
    if operation.rawValue < plainAccesses {
      try access(record, index, &state, &observer)
    } else if operation.rawValue <= TraceOperation.atomic.rawValue {
      try deviceAccess(record, index, &state, &observer)
    } else if operation.isDeviceRequest {
      try deviceRequest(record, index, &state, &observer)
    } else {
      try prepare(record.pointee, index, &state)
    }
    return true
  }

  @inline(__always) private func access<Observer: ReplayObserver & ~Copyable>(
    _ record: UnsafePointer<TraceRecord>, _ index: UInt64, _ state: inout State, _ observer: inout Observer
  ) throws(ReplayError) {
    let address = record.pointee.address
    var arrival = record.pointee.time
    var server: UInt32 = 0
    if isClosedLoop, let grant = loopBox.pointer.pointee.reserve(at: .zero) {
      arrival = max(grant.start, unit.now)
      server = grant.server
    }
    if state.driverDue <= arrival { try runDriver(until: arrival, index, &state) }
    let length = max(record.pointee.length, 1)
    let (sum, overflow) = address.rawValue.addingReportingOverflow(length &- 1)
    guard !overflow else { throw .wraps(record: index, address: address, length: length) }
    let last = IOVirtualAddress(sum)
    let source = record.pointee.source
    let isWithinPage = address.pageNumber(12) == last.pageNumber(12)
    if firstTouch, !isWithinPage || !spaces.pointee.hasTouched(address, by: source) { try touch(record, last, index, &state) }
    state.accesses &+= 1
    var request =
      Self.plainRequest(record, address, source) ?? Self.request(of: record, to: last)
    var isLastPiece = isWithinPage
    while true {
      unit.translate(request, at: arrival, into: &response.pointee)
      if response.pointee.fault != nil { machine.deliverInterrupts() }
      observer.observe(index, request, response.pointee)
      statistics.pointee.record(request, UnsafePointer(response), isLastPiece: isLastPiece)
      if isLastPiece { break }
      isLastPiece = Self.goOn(&request, to: last)
    }
    state.firstArrival = min(state.firstArrival, arrival)
    state.lastCompletion = max(state.lastCompletion, response.pointee.completion)
    if isClosedLoop { loopBox.pointer.pointee.release(server, at: response.pointee.completion) }
  }

  /// The request of an untranslated access without attributes that ends in its page; `nil` for any other, which takes longer.
  @inline(__always) private static func plainRequest(
    _ record: UnsafePointer<TraceRecord>, _ address: IOVirtualAddress, _ source: UInt64
  ) -> TranslationRequest? {
    let length = record.pointee.length
    guard record.pointee.attributes.rawValue == 0, length &- 1 <= 4095 &- address.pageOffset(12),
      let access = AccessKind(rawValue: record.pointee.operation.rawValue)
    else { return nil }
    return TranslationRequest(
      access, at: address, length: UInt32(truncatingIfNeeded: length), by: TranslationRequest.Sender(word: source))
  }

  /// The request of a record, as far as its first page goes.
  @inline(never) static func request(of record: UnsafePointer<TraceRecord>, to last: IOVirtualAddress) -> TranslationRequest {
    let operation = record.pointee.operation
    let isTranslated = operation == .translatedRead || operation == .translatedWrite
    let access: AccessKind = operation == .read || operation == .translatedRead ? .read : operation == .atomic ? .atomic : .write
    let address = record.pointee.address
    let end = min(last, IOVirtualAddress(address.rawValue | 4095))
    return TranslationRequest(
      access, at: address, length: UInt32(truncatingIfNeeded: end.distance(from: address) &+ 1), by: record.pointee.requester,
      pasid: record.pointee.pasid, kind: isTranslated ? .translated : .untranslated, attributes: attributes(of: record))
  }

  /// Makes a request that of the next page of its record, and tells whether that is the last one.
  @inline(never) static func goOn(_ request: inout TranslationRequest, to last: IOVirtualAddress) -> Bool {
    let from = request.address.advanced(by: UInt64(request.length))
    let end = min(last, IOVirtualAddress(from.rawValue | 4095))
    request = TranslationRequest(request, at: from, length: UInt32(truncatingIfNeeded: end.distance(from: from) &+ 1))
    return end == last
  }

  static func attributes(of record: UnsafePointer<TraceRecord>) -> TranslationRequest.Attributes {
    let given = record.pointee.attributes
    var attributes: TranslationRequest.Attributes = []
    if given.contains(.privileged) { attributes.insert(.privileged) }
    if given.contains(.execute) { attributes.insert(.execute) }
    if given.contains(.noSnoop) { attributes.insert(.noSnoop) }
    if given.contains(.noWrite) { attributes.insert(.noWrite) }
    if record.pointee.length == 0, record.pointee.operation == .read { attributes.insert(.zeroLength) }
    return attributes
  }

  // MARK: First touch

  @inline(never) func touch(
    _ record: UnsafePointer<TraceRecord>, _ last: IOVirtualAddress, _ index: UInt64, _ state: inout State
  ) throws(ReplayError) {
    staleCheck?.begin(record: index)
    let space: UnsafeMutablePointer<AddressSpaceTable.Space>
    if let known = spaces.pointee.space(record.pointee.requester, record.pointee.pasid) {
      space = known
    } else {
      space = try makeSpace(for: nil, passThrough: passesThrough, index)
      try attach(record.pointee.requester, record.pointee.pasid, to: space, index)
    }
    if passesThrough { return }
    try mapUntouched(record.pointee.address, last, in: space, index, &state)
  }

  private func mapUntouched(
    _ first: IOVirtualAddress, _ last: IOVirtualAddress, in space: UnsafeMutablePointer<AddressSpaceTable.Space>, _ index: UInt64,
    _ state: inout State
  ) throws(ReplayError) {
    var page = first.alignedDown(pageSizeLog2)
    while true {
      if !space.pointee.pages.contains(page) {
        guard let frame = machine.allocateDataFrame(sizeLog2: pageSizeLog2) else { throw .outOfFrames(record: index) }
        do {
          try map(
            page, to: frame, length: 1 << UInt64(pageSizeLog2), permissions: .readWrite, in: space.pointee.handle,
            largestPageLog2: pageSizeLog2)
        } catch {
          // What cannot be mapped faults in the unit, which knows why.
          guard case .pageTable = error else { throw .driver(record: index, error) }
        }
        space.pointee.pages.insert(page)
      }
      let next = page.advanced(by: 1 << UInt64(pageSizeLog2))
      if next > last || next < page { break }
      page = next
    }
    state.driverDue = driver.nextDue
  }
}
