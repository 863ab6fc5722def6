import Hardware
import Translation
import VTdArchitecture

/// A message from the unit to a device.
@frozen public enum DeviceMessage: Hashable, Sendable {
  /// Forget translations.
  case invalidate(Translation.DeviceTLBInvalidation)
  /// A group of page requests is answered.
  case respond(Translation.PageGroupResponse)
}

/// Messages to devices leave in the order of their descriptors, responses among invalidations (VT-d rev 5.10 sections 4.3, 6.5.2.12 and 7.8).
extension ControlPlane {
  /// The oldest message to a device that has not been handed out, if any.
  public mutating func nextDeviceMessage() -> DeviceMessage? { deviceMessages.isEmpty ? nil : deviceMessages.removeFirst() }

  /// Sends a device-TLB invalidation; `false` if it has to wait for a tag.
  mutating func issue(_ descriptor: VTdArchitecture.DeviceTLBInvalidation, pasid: PASID? = nil, global: Bool = false) -> Bool {
    // A unit without device-TLBs, which takes the descriptor by choice alone, has no one to tell.
    guard identity.extended.deviceTLB else { return true }
    // Without throttling PFSID is reserved, and the device's own tags are the limit.
    let throttles = identity.extended.deviceTLBInvalidationThrottle
    let limit = throttles && descriptor.maximumPending > 0 ? Int(descriptor.maximumPending) : DeviceInvalidations.tagCount
    let tag = invalidations.issue(
      to: descriptor.source, physicalFunction: throttles ? descriptor.physicalFunction : descriptor.source, limit: limit,
      deadline: now + choices.invalidationTimeout)
    guard let tag else { return false }
    let range = descriptor.encodedAddress.range
    deviceMessages.append(
      .invalidate(
        Translation.DeviceTLBInvalidation(
          tag: tag, requester: descriptor.source, pasid: pasid, address: range.base, sizeLog2: range.sizeLog2, global: global)))
    return true
  }

  /// Takes a device's completion of invalidations. While translation is off it is an unsupported request (section 4.2.1).
  public mutating func receive<Receiver: InvalidationReceiver & ~Copyable>(_ completion: InvalidationCompletion, caches: inout Receiver) {
    guard state.isEnabled else { return }
    complete(completion, caches: &caches)
  }

  /// Counts a completion, and lets what waited for it go on.
  mutating func complete<Receiver: InvalidationReceiver & ~Copyable>(_ completion: InvalidationCompletion, caches: inout Receiver) {
    let stopsEarly = choices.completionErrorStopsEarly && identity.version.major <= 5
    if !invalidations.complete(completion, stopsEarly: stopsEarly) { recordUnexpectedCompletion(from: completion.requester) }
    completeWaits()
    processQueue(caches: &caches)
  }

  /// The time when a device that is silent until then is taken to have failed; never if none is asked for anything.
  public var nextInvalidationTimeout: SimTime { invalidations.nextDeadline }

  /// Lets time go on: invalidations that devices have not completed in time are given up.
  public mutating func advance(to time: SimTime) {
    now = max(now, time)
    guard invalidations.nextDeadline <= now else { return }
    while let device = invalidations.expire(at: now) {
      recordInvalidationTimeout(of: device)
      // None of them may complete any more, those of other devices included (section 6.5.2.11).
      waits.removeAll()
    }
  }
}

extension Translation.PageGroupResponse {
  /// The message that a descriptor asks for; a device takes a reserved code for a failure.
  init(_ descriptor: VTdArchitecture.PageGroupResponse) {
    self.init(
      requester: descriptor.requester, pasid: descriptor.pasid, group: descriptor.group, code: Code(encoded: descriptor.code))
  }
}
