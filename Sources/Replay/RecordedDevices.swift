import Hardware
import Translation
import VTd

/// The devices of a trace that records ATS and PRI messages itself, as their unit sees them: they forget at once what they are told to forget.
final class RecordedDevices: DevicePort {
  private let unit: RemappingUnit
  private let tally: DeviceTally
  // Whether each device has requested pages.
  private var known: [RequesterID: Bool] = [:]

  init(_ unit: RemappingUnit, _ tally: DeviceTally) {
    self.unit = unit
    self.tally = tally
  }

  /// Notes that a device uses ATS, or page requests too; whether that is new.
  func begins(_ requester: RequesterID, pageRequests: Bool) -> Bool {
    let before = known[requester]
    guard before == nil || pageRequests && before == false else { return false }
    known[requester] = pageRequests
    return true
  }

  /// Whether a device has requested pages.
  func requestsPages(_ requester: RequesterID) -> Bool { known[requester] ?? false }

  func invalidate(_ request: DeviceTLBInvalidation, at time: SimTime) {
    tally.figures.invalidations += 1
    unit.receive(InvalidationCompletion(requester: request.requester, tags: 1 << UInt32(request.tag)), at: time)
  }

  func respond(_ response: PageGroupResponse, at time: SimTime) { tally.figures.count(response.code) }
}
