import Hardware
import PageTables
import Translation
import VTdArchitecture

/// An Intel VT-d DMA remapping unit: registers on one side, requests of devices on the other (VT-d rev 5.10 chapters 3, 6, 7 and 11).
///
/// Functional and timed at once: requests carry the time at which they arrive and are answered with the time that each stage took. Time only
/// goes forward, by `advance(to:)` or by the requests themselves; registers act at the time that has been reached.
public final class RemappingUnit {
  struct Core: ~Copyable {
    var control: ControlPlane
    var translation: TranslationUnit
    var devices = ConnectedDevices()
    var protects = false
    var faults: UInt64 = 0
  }

  private let core: UniqueBox<Core>
  // The box's content, so that the way of a request needs no exclusivity checks.
  let place: UnsafeMutablePointer<Core>

  /// What the unit says about itself.
  public let identity: UnitIdentity

  /// A unit after reset.
  ///
  /// - Parameters:
  ///   - identity: Its identification registers and host address width.
  ///   - choices: What it does where the specification leaves a choice.
  ///   - parameters: Sizes, policies and latencies of its implementation.
  ///   - memory: The machine's memory; it must outlive the unit.
  /// - Throws: `RegisterFileError` if the capabilities put registers on top of each other.
  public init(
    identity: UnitIdentity, choices: ImplementationChoices = ImplementationChoices(),
    parameters: TranslationParameters = TranslationParameters(), memory: MemoryView
  ) throws(RegisterFileError) {
    self.identity = identity
    let control = try ControlPlane(identity: identity, choices: choices, memory: memory)
    let translation = TranslationUnit(identity, choices: choices, parameters: parameters, memory: memory)
    core = UniqueBox(Core(control: control, translation: translation))
    place = core.pointer
  }

  // MARK: Requests

  /// Translates a request that arrives at `time`, and writes the whole of `response`; a request from before the time that has been reached
  /// arrives now.
  ///
  /// A fault that is to be reported is recorded, and its event raised, before this returns.
  public func translate(_ request: TranslationRequest, at time: SimTime, into response: inout TranslationResponse) {
    let now = max(time, place.pointee.translation.now)
    place.pointee.translation.now = now
    place.pointee.translation.translate(request, at: now, into: &response)
    if response.fault != nil || place.pointee.protects { finish(request, &response) }
  }

  /// Translates a request that arrives now.
  public func translate(_ request: TranslationRequest) -> TranslationResponse {
    var response = TranslationResponse()
    translate(request, at: .zero, into: &response)
    return response
  }

  private func finish(_ request: TranslationRequest, _ response: inout TranslationResponse) {
    if let fault = response.fault {
      place.pointee.faults += 1
      if request.kind == .translationRequest, !FaultReason(fault).answerToTranslationRequest.isRecorded {
        // The device may ask again once software has made the page present.
        response.fault?.isReported = false
      } else if fault.isReported, fault.code != 0 {
        record(fault, of: request)
      }
    } else if place.pointee.protects, response.outcome != .interrupt, request.kind != .translationRequest,
      place.pointee.control.translation.protectedMemory.covers(response.address, count: UInt64(request.length))
    {
      // Blocked, and not recorded (section 11.4.8.1).
      response.fault = TranslationFault(code: 0, isReported: false)
      place.pointee.faults += 1
    }
  }

  private func record(_ fault: TranslationFault, of request: TranslationRequest) {
    let addressType: AddressType =
      switch request.kind {
      case .untranslated: .untranslated
      case .translationRequest: .translationRequest
      case .translated: .translated
      }
    place.pointee.control.record(
      FaultRecord(
        address: request.address, source: request.requester, reason: FaultReason(fault), type: FaultRequestType(request.access),
        addressType: addressType, pasid: request.pasid,
        privileged: request.attributes.contains(.privileged), execute: request.attributes.contains(.execute)))
  }

  // MARK: Time

  /// The time that has been reached.
  public var now: SimTime { place.pointee.translation.now }

  /// Lets time go on to `time`; walks that are done by then have filled the caches, and invalidations that devices have not completed by
  /// then have timed out.
  public func advance(to time: SimTime) {
    if time > place.pointee.translation.now {
      place.pointee.translation.now = time
      place.pointee.translation.pipeline.finishWalks(until: time)
    }
    synchronize()
  }

  // Requests let time go on without the control plane, which nobody sees before one of its registers or messages is looked at.
  private func synchronize() { place.pointee.control.advance(to: place.pointee.translation.now) }

  /// Lets every walk under way fill the caches, without time going on.
  public func settle() { place.pointee.translation.pipeline.finishWalks(until: SimTime(picoseconds: .max - 1)) }

  // MARK: Registers

  /// A software read of 4 or 8 naturally aligned bytes of the register space; other reads give 0.
  public func readRegister(_ offset: UInt64, size: Int) -> UInt64 {
    synchronize()
    return place.pointee.control.read(offset: offset, size: size)
  }

  /// A software write of 4 or 8 naturally aligned bytes of the register space, with all it sets off; other writes are ignored.
  public func writeRegister(_ offset: UInt64, size: Int, _ value: UInt64) {
    synchronize()
    let before = place.pointee.control.translation.generation
    place.pointee.control.write(offset: offset, size: size, value: value, caches: &place.pointee.translation)
    // Devices may answer at once, with requests that are translated as the registers now say.
    defer { deliverDeviceMessages() }
    let state = place.pointee.control.translation
    guard state.generation != before else { return }
    place.pointee.translation.resolver.follow(state)
    let blocks = !state.isEnabled || place.pointee.control.choices.protectedMemoryBlocksRemapped
    place.pointee.protects = blocks && state.protectedMemory != ProtectedMemory()
  }

  /// The oldest interrupt message that has not been handed out, if any.
  public func nextMessage() -> InterruptMessage? {
    synchronize()
    return place.pointee.control.nextMessage()
  }

  // MARK: Counters

  /// What happened at one of the unit's caches.
  public struct CacheReport: Hashable, Sendable {
    /// The cache, as `iotlb`.
    public let name: String
    /// What happened there.
    public let counters: CacheCounters
  }

  /// What happened at the unit's caches, in the order in which a request meets them; absent caches are left out.
  public var caches: [CacheReport] {
    var reports = [
      CacheReport(name: "iotlb", counters: place.pointee.translation.pipeline.iotlbCounters),
      CacheReport(name: "context", counters: place.pointee.translation.resolver.caches.contextCounters),
      CacheReport(name: "pasid", counters: place.pointee.translation.resolver.caches.pasidCounters),
    ]
    let caches = place.pointee.translation.pipeline.caches
    for level in 0..<4 {
      reports.append(CacheReport(name: "walk_first_level\(level + 2)", counters: caches.pointee.first.counters[level]))
    }
    for level in 0..<4 {
      reports.append(CacheReport(name: "walk_second_level\(level + 2)", counters: caches.pointee.second.counters[level]))
    }
    for level in 0..<4 {
      reports.append(CacheReport(name: "walk_nested_level\(level + 2)", counters: caches.pointee.nested.counters[level]))
    }
    reports.append(CacheReport(name: "walk_nested_tables", counters: caches.pointee.tables.counters))
    return reports.filter { $0.name == "iotlb" || $0.counters != CacheCounters() }
  }

  /// The walks made.
  public var walks: UInt64 { place.pointee.translation.pipeline.walks }
  /// The table entries read by walks.
  public var walkReads: UInt64 { place.pointee.translation.pipeline.walkReads }
  /// The reads of memory, configuration structures included.
  public var memoryReads: UInt64 { place.pointee.translation.pipeline.memoryPort.pointee.reads }
  /// The requests that got no translation.
  public var faults: UInt64 { place.pointee.faults }
}
