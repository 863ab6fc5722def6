import Hardware
import Translation
import VTdArchitecture

/// The devices that are connected to a unit, by requester. The unit does not keep them alive.
struct ConnectedDevices {
  private struct Connection {
    weak var port: (any DevicePort)?
  }

  private var connections: [RequesterID: Connection] = [:]
  /// A message is being delivered: messages that its answer sets off wait for their turn.
  var isDelivering = false

  subscript(requester: RequesterID) -> (any DevicePort)? {
    get { connections[requester]?.port }
    set { connections[requester] = newValue.map { Connection(port: $0) } }
  }
}

/// Messages between a remapping unit and devices (VT-d rev 5.10 chapter 4 and sections 7.4 to 7.8).
extension RemappingUnit: AddressTranslationService {
  /// Connects a device: it is told what concerns any of the given requesters from now on, as long as it lives.
  public func connect(_ device: any DevicePort, requesters: [RequesterID]) {
    for requester in requesters { place.pointee.devices[requester] = device }
  }

  /// Disconnects whatever device has the given requesters.
  public func disconnect(requesters: [RequesterID]) {
    for requester in requesters { place.pointee.devices[requester] = nil }
  }

  /// Takes a page request or stop marker that arrives at `time`: queues it for software, or answers it itself.
  ///
  /// A fault is recorded, and its event raised, before this returns.
  public func receive(_ request: PageRequest, at time: SimTime) {
    guard identity.extended.pageRequests else { return }
    advance(to: time)
    let resolution = place.pointee.translation.resolvePageRequest(request, at: now)
    if case .fault(let fault) = resolution {
      place.pointee.faults += 1
      if fault.isReported, fault.code != 0 {
        place.pointee.control.record(
          FaultRecord(
            address: request.address, source: request.requester, reason: FaultReason(fault),
            type: .pageRequest, pasid: request.pasid, privileged: request.privileged, execute: request.execute))
      }
    }
    place.pointee.control.receive(request, resolution, caches: &place.pointee.translation)
    deliverDeviceMessages()
  }

  /// Takes a device's completion of invalidations that arrives at `time`; what waited for it goes on.
  public func receive(_ completion: InvalidationCompletion, at time: SimTime) {
    advance(to: time)
    place.pointee.control.receive(completion, caches: &place.pointee.translation)
    deliverDeviceMessages()
  }

  /// When the oldest invalidation that a device has not completed times out, unless the device answers; `nil` if there is none.
  public var nextInvalidationTimeout: SimTime? {
    let deadline = place.pointee.control.nextInvalidationTimeout
    return deadline == .never ? nil : deadline
  }

  /// Hands messages to devices, one at a time and in order, those that their answers set off included.
  func deliverDeviceMessages() {
    guard !place.pointee.devices.isDelivering else { return }
    place.pointee.devices.isDelivering = true
    while let message = place.pointee.control.nextDeviceMessage() {
      switch message {
      case .invalidate(let request):
        if let device = place.pointee.devices[request.requester] {
          device.invalidate(request, at: now)
        } else if place.pointee.control.choices.absentDevicesComplete {
          let completion = InvalidationCompletion(requester: request.requester, tags: 1 << UInt32(request.tag))
          place.pointee.control.complete(completion, caches: &place.pointee.translation)
        }
      case .respond(let response): place.pointee.devices[response.requester]?.respond(response, at: now)
      }
    }
    place.pointee.devices.isDelivering = false
  }
}
