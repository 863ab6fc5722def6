import DMATrace
import Endpoints
import Hardware
import HostDrivers
import Machine
import Translation

/// Accesses of devices that have a device-TLB: each is translated by the device, which asks the unit for what it lacks.
extension ReplayEngine {
  /// Replays an access of such a device.
  @inline(never) func deviceAccess<Observer: ReplayObserver & ~Copyable>(
    _ record: UnsafePointer<TraceRecord>, _ index: UInt64, _ state: inout State, _ observer: inout Observer
  ) throws(ReplayError) {
    let address = record.pointee.address
    var arrival = max(record.pointee.time, unit.now)
    var server: UInt32 = 0
    if isClosedLoop, let grant = loopBox.pointer.pointee.reserve(at: .zero) {
      arrival = max(grant.start, unit.now)
      server = grant.server
    }
    if state.driverDue <= arrival { try runDriver(until: arrival, index, &state) }
    let length = max(record.pointee.length, 1)
    let end = address.rawValue.addingReportingOverflow(length - 1)
    guard !end.overflow else { throw .wraps(record: index, address: address, length: length) }
    let last = IOVirtualAddress(end.partialValue)
    let device = try device(record.pointee.requester, index)
    if firstTouch {
      if !spaces.pointee.hasTouched(address, by: record.pointee.source) || address.pageNumber(12) != last.pageNumber(12) {
        try touch(record, last, index, &state)
      }
    } else if machine.configuration.endpoints.requestsPages, pagesOnDemand {
      try route(record, index)
    }
    state.accesses += 1
    var request = Self.request(of: record, to: last)
    var isLastPiece = address.pageNumber(12) == last.pageNumber(12)
    while true {
      try translate(request, by: device, at: arrival, index)
      observer.observe(index, request, response.pointee)
      statistics.pointee.record(request, UnsafePointer(response), isLastPiece: isLastPiece)
      if isLastPiece { break }
      isLastPiece = Self.goOn(&request, to: last)
    }
    state.driverDue = driver.nextDue
    state.firstArrival = min(state.firstArrival, arrival)
    state.lastCompletion = max(state.lastCompletion, response.pointee.completion)
    if isClosedLoop { loopBox.pointer.pointee.release(server, at: response.pointee.completion) }
  }

  /// Has a device make an access, again after each page request that was answered with success.
  private func translate(
    _ request: TranslationRequest, by device: Endpoint<TranslationServices>, at arrival: SimTime, _ index: UInt64
  ) throws(ReplayError) {
    for _ in 0..<Self.attempts {
      let outcome = device.access(
        request.access, at: request.address, length: request.length, pasid: request.pasid, attributes: request.attributes,
        time: max(arrival, unit.now), into: &response.pointee)
      switch outcome {
      case .hit: return
      case .miss, .untranslated:
        if response.pointee.fault != nil { machine.deliverInterrupts() }
        return
      case .refused:
        machine.deliverInterrupts()
        return refuse(at: arrival)
      case .awaitsPage, .awaitsCredit:
        machine.deliverInterrupts()
        try perform(index) { () throws(HostDriverError) in try driver.runDue() }
        guard takeAnswers(of: device) else { return refuse(at: arrival) }
      }
    }
    refuse(at: arrival)
  }

  // A page that has been made present may go again before it is used; whoever never gets it gives up.
  private static var attempts: Int { 4 }

  /// Counts the answers to page requests; whether one was a success.
  private func takeAnswers(of device: Endpoint<TranslationServices>) -> Bool {
    var isWorthTrying = false
    while let answer = device.nextAnsweredGroup() {
      tally.figures.count(answer.code)
      if answer.code == .success { isWorthTrying = true }
    }
    return isWorthTrying
  }

  // No request of the access itself has reached the unit.
  private func refuse(at time: SimTime) {
    tally.figures.refusedAccesses += 1
    response.pointee = TranslationResponse()
    response.pointee.outcome = .bypass
    response.pointee.completion = time
  }

  /// The device of the given id, which is made if it is new.
  func device(_ requester: RequesterID, _ index: UInt64) throws(ReplayError) -> Endpoint<TranslationServices> {
    if let known = machine.devices.known(requester) { return known }
    servePageRequests()
    return try perform(index) { () throws(HostDriverError) in try machine.devices.make(requester, driver: driver) }
  }
}
