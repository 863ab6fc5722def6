import Endpoints
import Hardware
import Translation
import VTdArchitecture

@testable import VTd

/// A translation that a device may have cached: that of a completion since the last invalidation that covers it.
struct DeviceEntry {
  let requester: RequesterID
  let pasid: PASID?
  let privileged: Bool
  let base: UInt64
  let size: UInt64
  let output: UInt64
  let read: Bool
  let write: Bool

  func serves(_ access: TranslationRequest) -> Bool {
    requester == access.requester && pasid == access.pasid && privileged == access.attributes.contains(.privileged)
      && base >> size == access.address.rawValue >> size && (read || !access.access.reads) && (write || !access.access.writes)
  }
}

/// The link of a device: everything that goes over it is checked.
final class DeviceLink: AddressTranslationService {
  private unowned let world: TranslationWorld

  init(_ world: TranslationWorld) { self.world = world }

  func translate(_ request: TranslationRequest, at time: SimTime, into response: inout TranslationResponse) {
    if request.kind == .translated { world.checkUse(request) }
    world.ask(request, response: &response)
  }

  func complete(_ request: TranslationRequest, at time: SimTime) -> TranslationCompletion {
    var completion = TranslationCompletion(.unsupportedRequest)
    world.check(request) { unit in
      var response = TranslationResponse()
      unit.translate(request, at: time, into: &response)
      completion = unit.completion(of: request, response)
      world.note("  fault \(response.fault.map { "\($0.code)" } ?? "-")")
      return Answer(completion)
    }
    world.remember(completion, of: request)
    return completion
  }

  func receive(_ request: PageRequest, at time: SimTime) { world.unit.receive(request, at: time) }
  func receive(_ completion: InvalidationCompletion, at time: SimTime) { world.unit.receive(completion, at: time) }
}

extension Answer {
  /// What a completion tells a device.
  init(_ completion: TranslationCompletion) {
    switch completion.status {
    case .unsupportedRequest: self = .unsupportedRequest
    case .completerAbort: self = .completerAbort
    case .success where !completion.read && !completion.write: self = .nothing
    case .success:
      self = .translation(
        completion.address.rawValue, size: UInt64(completion.sizeLog2), read: completion.read, write: completion.write,
        snoop: completion.noSnoop)
    }
  }
}

/// Devices, their caches, and what reaches them.
extension TranslationWorld {
  func connectDevices() {
    let link = DeviceLink(self)
    for requester in Self.requesters.map({ RequesterID(UInt32($0)) }) {
      var parameters = EndpointParameters()
      parameters.cache = pick([.unlimited, CacheGeometry(entries: 2), CacheGeometry(entries: 8, ways: 2)])
      parameters.largestPageLog2 = pick([12, 21, 30])
      parameters.asksWithoutWrite = chance(50)
      let device = Endpoint(requester, parameters: parameters, service: link)
      device.setTranslationServices(enabled: true)
      unit.connect(device, requesters: [requester])
      devices.append(device)
    }
  }

  func access(
    _ access: AccessKind, at address: IOVirtualAddress, pasid: PASID?, _ attributes: TranslationRequest.Attributes,
    by device: Endpoint<DeviceLink>
  ) {
    if !device.usesTranslationServices, chance(50) { device.setTranslationServices(enabled: true) }
    pendingAccess = TranslationRequest(access, at: address, by: device.requester, pasid: pasid, attributes: attributes)
    note("device \(device.requester): \(access) of \(String(address.rawValue, radix: 16)) PASID \(pasid.map { "\($0)" } ?? "-")")
    var response = TranslationResponse()
    _ = device.access(access, at: address, pasid: pasid, attributes: attributes, time: SimTime(picoseconds: now), into: &response)
    // Answered so, a device stops using translations.
    if !device.usesTranslationServices { deviceEntries.removeAll { $0.requester == device.requester } }
  }

  /// Whether a translated request is what the device may have been told of its access.
  func checkUse(_ request: TranslationRequest) {
    guard let access = pendingAccess else { return }
    let entry = deviceEntries.first { entry in
      entry.serves(access) && entry.output | access.address.pageOffset(UInt8(entry.size)) == request.address.rawValue
    }
    guard let entry else {
      note("a device uses \(request.address), of \(deviceEntries.filter { $0.serves(access) })")
      hasFailed = true
      return
    }
    let asked = TranslationRequest(
      .read, at: access.address.alignedDown(12), length: 0, by: access.requester, pasid: access.pasid, kind: .translationRequest,
      attributes: access.attributes.intersection(.privileged))
    let isStale = !oracle.candidates(for: asked).contains { candidate in
      guard case .translation(let page, let size, _, _, _) = candidate.answer else { return false }
      return page | access.address.pageOffset(UInt8(size)) == entry.output | access.address.pageOffset(UInt8(entry.size))
    }
    if isStale { seen.stale[.device, default: 0] += 1 }
  }

  /// A completion may be cached, in the piece that the device holds of a large page; it replaces what was known of the page.
  func remember(_ completion: TranslationCompletion, of request: TranslationRequest) {
    guard completion.status == .success else { return }
    let privileged = request.attributes.contains(.privileged)
    deviceEntries.removeAll {
      $0.requester == request.requester && $0.pasid == request.pasid && $0.privileged == privileged
        && $0.base >> $0.size == request.address.rawValue >> $0.size
    }
    guard case .translation(let page, let size, let read, let write, _) = Answer(completion),
      let device = devices.first(where: { $0.requester == request.requester })
    else { return }
    let piece = min(device.parameters.largestPageLog2, UInt8(size))
    let output = page | request.address.pageOffset(UInt8(size))
    deviceEntries.append(
      DeviceEntry(
        requester: request.requester, pasid: request.pasid, privileged: privileged, base: request.address.alignedDown(piece).rawValue,
        size: UInt64(piece), output: PhysicalAddress(output).alignedDown(piece).rawValue, read: read, write: write))
  }

  // MARK: Invalidations

  /// A device-TLB invalidation of 2^`sizeLog2` bytes; 64 is everything.
  func deviceInvalidation(_ requester: RequesterID, _ pasid: PASID, _ page: UInt64, sizeLog2: UInt64) -> InvalidationDescriptor {
    let ones = sizeLog2 == 64 ? 0x7FFF_FFFF_FFFF_F000 : (UInt64(1) << (sizeLog2 - 1) - 1) & ~0xFFF
    let base = sizeLog2 == 64 ? 0 : page & ~((1 << sizeLog2) - 1)
    let range = EncodedPageRange(address: IOVirtualAddress(base | ones), large: sizeLog2 > 12)
    let device = RequesterID(requester.rawValue)
    let invalidation = VTdArchitecture.DeviceTLBInvalidation(source: device, range)
    guard isScalable, chance(60) else { return .deviceTLB(invalidation) }
    return .pasidDeviceTLB(PASIDDeviceTLBInvalidation(invalidation, pasid: pasid, global: chance(20)))
  }

  func invalidateDevices(_ descriptor: InvalidationDescriptor) {
    func covers(_ entry: DeviceEntry, _ invalidation: VTdArchitecture.DeviceTLBInvalidation) -> Bool {
      let field = invalidation.encodedAddress.address.rawValue
      let size = invalidation.encodedAddress.large ? UInt64((~(field >> 12)).trailingZeroBitCount) + 13 : 12
      let larger = max(size, entry.size)
      return entry.requester == invalidation.source && (larger >= 64 || entry.base >> larger == field >> larger)
    }
    switch descriptor {
    case .deviceTLB(let invalidation): deviceEntries.removeAll { $0.pasid == nil && covers($0, invalidation) }
    case .pasidDeviceTLB(let invalidation):
      deviceEntries.removeAll {
        $0.pasid != nil && (invalidation.global || $0.pasid == invalidation.pasid) && covers($0, invalidation.device)
      }
    default: break
    }
  }

  /// Lets time go on until no device has anything to complete.
  func letDevicesComplete() {
    guard !devices.isEmpty else { return }
    now += 50_000_000
    unit.advance(to: SimTime(picoseconds: now))
    for device in devices { device.advance(to: SimTime(picoseconds: now)) }
  }
}
