import Hardware
import Translation

/// A device that notes what it is told, and answers as a test asks it to.
final class RecordingDevice: DevicePort {
  private(set) var invalidations: [DeviceTLBInvalidation] = []
  private(set) var responses: [PageGroupResponse] = []
  /// What else it does when it is told to forget something.
  var onInvalidation: (DeviceTLBInvalidation, SimTime) -> Void = { _, _ in }

  func invalidate(_ request: DeviceTLBInvalidation, at time: SimTime) {
    invalidations.append(request)
    onInvalidation(request, time)
  }

  func respond(_ response: PageGroupResponse, at time: SimTime) { responses.append(response) }
}
