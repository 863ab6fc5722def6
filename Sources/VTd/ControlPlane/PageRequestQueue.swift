import Hardware
import Translation
import VTdArchitecture

/// The bits of PRS (VT-d rev 5.10 section 11.4.11.4).
enum PageRequestStatusBit {
  static let pending = 0
  static let overflow = 1
}

/// What the structures in memory say of a page request.
@frozen public enum PageRequestResolution: Hashable, Sendable {
  /// Its page belongs to the given domain and address space, which go through the given stages.
  case accepted(domain: DomainID, pasid: PASID, stages: ContextStages)
  /// It is refused.
  case fault(TranslationFault)

  /// The translations that an accepted page request makes the unit forget, so that a stale lack of rights is not found again
  /// (VT-d rev 5.10 table 27); `nil` if it is refused.
  public func implicitInvalidation(of address: IOVirtualAddress) -> InvalidationRequest? {
    guard case .accepted(let domain, let pasid, let stages) = self else { return nil }
    return switch stages {
    case .first: .addressSpace(.pages(domain, pasid, PageRange(address), leafOnly: false))
    case .second, .passThrough: .translations(IOTLBInvalidation(.pages(domain, PageRange(address), leafOnly: false)))
    case .nested: .translations(IOTLBInvalidation(.domain(domain)))
    }
  }
}

/// The page request queue (VT-d rev 5.10 sections 7.4, 7.5 and 11.4.11).
extension ControlPlane {
  /// Takes a page request that the structures in memory were asked about: queues it for software, or answers it as table 31 has it.
  ///
  /// A fault is not recorded here. A unit without page requests knows no such message and drops it.
  public mutating func receive<Receiver: InvalidationReceiver & ~Copyable>(
    _ request: PageRequest, _ resolution: PageRequestResolution, caches: inout Receiver
  ) {
    guard identity.extended.pageRequests else { return }
    if case .fault = resolution {
      if state.isEnabled || choices.pageRequestsWhileDisabled == .invalidRequest { answer(request, .invalidRequest) }
      return
    }
    guard !registers[dword: RegisterOffset.pageRequestStatus][bit: PageRequestStatusBit.overflow] else {
      return answer(request, .success)
    }
    let address = registers[qword: RegisterOffset.pageRequestQueueAddress]
    let queue = HardwareRing(
      base: PhysicalAddress(address).alignedDown(PageSizeLog2.size4K), entrySizeLog2: 5, lengthLog2: UInt8(address[bits: 0...2]) + 7)
    let tail = registers[qword: RegisterOffset.pageRequestQueueTail]
    guard !queue.isFull(head: registers[qword: RegisterOffset.pageRequestQueueHead], tail: tail) else {
      raise(.pageRequest, status: 1 << PageRequestStatusBit.overflow)
      return answer(request, .success)
    }
    if let invalidation = resolution.implicitInvalidation(of: request.address) { caches.invalidate(invalidation) }
    let words = PageRequestDescriptor(request).words
    for index in words.indices { memory.write64(queue.address(tail).advanced(by: UInt64(index) * 8), words[index]) }
    registers[qword: RegisterOffset.pageRequestQueueTail] = queue.next(tail)
    raise(.pageRequest, status: 1 << PageRequestStatusBit.pending)
  }

  // Only the last request of a group is answered, and a stop marker never is.
  private mutating func answer(_ request: PageRequest, _ code: Translation.PageGroupResponse.Code) {
    guard request.last, !request.isStopMarker else { return }
    deviceMessages.append(
      .respond(
        Translation.PageGroupResponse(requester: request.requester, pasid: request.pasid, group: request.group, code: code)))
  }
}

extension PageRequestDescriptor {
  /// The descriptor of a page request.
  init(_ request: PageRequest) {
    self.init(
      requester: request.requester, pasid: request.pasid, address: request.address, group: request.group, read: request.read,
      write: request.write, last: request.last, privileged: request.privileged, execute: request.execute)
  }
}
