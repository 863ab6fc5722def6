import DMATrace
import Hardware
import HostDrivers
import Translation
import VTd

/// What devices with ATS and PRI ask, in traces that record it: translated accesses, translation requests, page requests.
///
/// The driver enables what a device uses, as soon as it uses it.
extension ReplayEngine {
  /// Replays a request that is no plain access.
  @inline(never) func deviceRequest<Observer: ReplayObserver & ~Copyable>(
    _ record: UnsafePointer<TraceRecord>, _ index: UInt64, _ state: inout State, _ observer: inout Observer
  ) throws(ReplayError) {
    let operation = record.pointee.operation
    try serve(record.pointee.requester, pageRequests: operation == .pageRequest, index)
    let arrival = isClosedLoop ? unit.now : max(record.pointee.time, unit.now)
    if state.driverDue <= arrival { try runDriver(until: arrival, index, &state) }
    try prepareSpace(of: record, index, &state)
    switch operation {
    case .translationRequest: _ = machine.devices.services.complete(Self.translationRequest(record), at: arrival)
    case .pageRequest:
      let request = Self.pageRequest(record)
      if !request.isStopMarker { tally.figures.pageRequests += 1 }
      unit.receive(request, at: arrival)
    default:
      tally.figures.translatedAccesses += 1
      try translatedAccess(record, index, &state, &observer)
    }
    machine.deliverInterrupts()
    // What the driver could not do while it served an interrupt.
    try perform(index) { () throws(HostDriverError) in try driver.runDue() }
    state.driverDue = driver.nextDue
  }

  // The address on the bus is what the device had translated; a trace that does not show it gives that as the address itself.
  private func translatedAccess<Observer: ReplayObserver & ~Copyable>(
    _ record: UnsafePointer<TraceRecord>, _ index: UInt64, _ state: inout State, _ observer: inout Observer
  ) throws(ReplayError) {
    var translated = record.pointee
    if translated.physical.rawValue != 0 { translated.address = IOVirtualAddress(translated.physical.rawValue) }
    var arrival = translated.time
    var server: UInt32 = 0
    if isClosedLoop, let grant = loopBox.pointer.pointee.reserve(at: .zero) {
      arrival = max(grant.start, unit.now)
      server = grant.server
    }
    let length = max(translated.length, 1)
    let end = translated.address.rawValue.addingReportingOverflow(length - 1)
    guard !end.overflow else { throw .wraps(record: index, address: translated.address, length: length) }
    let last = IOVirtualAddress(end.partialValue)
    state.accesses += 1
    var request = Self.request(of: &translated, to: last)
    var isLastPiece = translated.address.pageNumber(12) == last.pageNumber(12)
    while true {
      unit.translate(request, at: arrival, into: &response.pointee)
      observer.observe(index, request, response.pointee)
      statistics.pointee.record(request, UnsafePointer(response), isLastPiece: isLastPiece)
      if isLastPiece { break }
      isLastPiece = Self.goOn(&request, to: last)
    }
    state.firstArrival = min(state.firstArrival, arrival)
    state.lastCompletion = max(state.lastCompletion, response.pointee.completion)
    if isClosedLoop { loopBox.pointer.pointee.release(server, at: response.pointee.completion) }
  }

  private static func translationRequest(_ record: UnsafePointer<TraceRecord>) -> TranslationRequest {
    TranslationRequest(
      .read, at: record.pointee.address, length: 0, by: record.pointee.requester, pasid: record.pointee.pasid, kind: .translationRequest,
      attributes: attributes(of: record))
  }

  private static func pageRequest(_ record: UnsafePointer<TraceRecord>) -> PageRequest {
    let permissions = record.pointee.permissions
    let attributes = record.pointee.attributes
    return PageRequest(
      requester: record.pointee.requester, pasid: record.pointee.pasid, address: record.pointee.address, group: record.pointee.group,
      last: attributes.contains(.last), read: permissions.contains(.read), write: permissions.contains(.write),
      execute: permissions.contains(.execute) || attributes.contains(.execute), privileged: attributes.contains(.privileged))
  }

  // MARK: Devices and their pages

  /// Has the driver serve what a device uses, as far as the unit can; what it cannot it refuses itself.
  private func serve(_ requester: RequesterID, pageRequests: Bool, _ index: UInt64) throws(ReplayError) {
    let devices = recordedDevices ?? RecordedDevices(unit, tally)
    recordedDevices = devices
    servePageRequests()
    let extended = unit.identity.extended
    guard devices.begins(requester, pageRequests: pageRequests), extended.deviceTLB else { return }
    unit.connect(devices, requesters: [requester])
    let canRequest = extended.pageRequests && machine.configuration.stages != .legacy
    try perform(index) { () throws(HostDriverError) in
      try driver.enable(DeviceServices(deviceTLB: true, pageRequests: pageRequests && canRequest), for: requester)
      // No record says so, but without it a context entry that is cached already would not change.
      if options.invalidations == .recorded { try driver.invalidate(.context(requester, functionMask: 0, domain: 0)) }
    }
  }

  /// Has page requests served.
  func servePageRequests() {
    guard paging == nil else { return }
    let handler = DemandPaging { [unowned self] address, requester, pasid in provide(address, requester, pasid) }
    paging = handler
    driver.pageFaultHandler = handler
  }

  // An address space for whoever has none, and what it maps at first touch; page requests are there to be served.
  private func prepareSpace(of record: UnsafePointer<TraceRecord>, _ index: UInt64, _ state: inout State) throws(ReplayError) {
    let operation = record.pointee.operation
    if operation == .translationRequest, firstTouch {
      let last = IOVirtualAddress(record.pointee.address.rawValue | 4095)
      if !spaces.pointee.hasTouched(record.pointee.address, by: record.pointee.source) { try touch(record, last, index, &state) }
    } else if firstTouch || operation == .pageRequest && pagesOnDemand {
      try route(record, index)
    }
  }

  /// Gives whoever has none an address space.
  func route(_ record: UnsafePointer<TraceRecord>, _ index: UInt64) throws(ReplayError) {
    guard spaces.pointee.space(record.pointee.requester, record.pointee.pasid) == nil else { return }
    let space = try makeSpace(for: nil, passThrough: passesThrough, index)
    try attach(record.pointee.requester, record.pointee.pasid, to: space, index)
  }

  /// Makes a page present that a device requests, if it is not.
  private func provide(_ address: IOVirtualAddress, _ requester: RequesterID, _ pasid: PASID?) -> Bool {
    guard let space = spaces.pointee.space(requester, pasid) else { return false }
    let page = address.alignedDown(pageSizeLog2)
    if passesThrough || driver.isMapped(page, in: space.pointee.handle) { return true }
    guard let frame = machine.allocateDataFrame(sizeLog2: pageSizeLog2) else { return false }
    do throws(HostDriverError) {
      try map(
        page, to: frame, length: 1 << UInt64(pageSizeLog2), permissions: .readWrite, in: space.pointee.handle,
        largestPageLog2: pageSizeLog2)
    } catch { return false }
    space.pointee.pages.insert(page)
    return true
  }
}
