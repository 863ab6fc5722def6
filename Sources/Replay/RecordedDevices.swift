import Hardware
import Machine
import Translation
import VTd

/// The devices of a trace that records ATS and PRI messages itself, as their unit sees them: they forget at once what they are told to forget.
final class RecordedDevices: DevicePort {
  /// What the devices asked and were told.
  var figures = DeviceRequestFigures()
  private let unit: RemappingUnit
  private var connected: Set<RequesterID> = []

  init(_ unit: RemappingUnit) { self.unit = unit }

  /// Connects the device to its unit, if it is not yet.
  func connect(_ requester: RequesterID) {
    if connected.insert(requester).inserted { unit.connect(self, requesters: [requester]) }
  }

  func invalidate(_ request: DeviceTLBInvalidation, at time: SimTime) {
    figures.invalidations += 1
    unit.receive(InvalidationCompletion(requester: request.requester, tags: 1 << UInt32(request.tag)), at: time)
  }

  func respond(_ response: PageGroupResponse, at time: SimTime) { figures.count(response.code) }
}
