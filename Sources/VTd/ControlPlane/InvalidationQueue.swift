import Hardware
import Translation
import VTdArchitecture

extension ControlPlane {
  /// Works off the invalidation queue until it is empty, has to wait for devices, or is stopped by an error (VT-d rev 5.10 section 6.5.2).
  ///
  /// What a descriptor makes caches forget is forgotten before the next is read, and messages to devices leave in the order of their
  /// descriptors: of what section 6.5.2.12 demands only waits are left to be ordered.
  mutating func processQueue<Receiver: InvalidationReceiver & ~Copyable>(caches: inout Receiver) {
    guard state.queueIsEnabled, !isQueueStopped else { return }
    let queue = InvalidationQueueAddress(rawValue: registers[qword: RegisterOffset.invalidationQueueAddress])
    let size = queue.byteCount
    let step = queue.descriptorByteCount
    let tail = registers[qword: RegisterOffset.invalidationQueueTail]
    // The head can lie outside only if software changed the queue under way, which it must not.
    var head = registers[qword: RegisterOffset.invalidationQueueHead] & (size - 1) & ~(step - 1)
    guard head != tail else { return }
    guard tail & (step - 1) == 0 else { return stopQueue(.tailAlignment) }
    guard tail < size else { return stopQueue(.invalidTail) }

    while head != tail, !isFenced {
      guard let words = readDescriptor(at: queue.base.advanced(by: head), wide: queue.wideDescriptors) else { return stopQueue(.fetch) }
      switch descriptors.decode(words, mode: state.mode, wide: queue.wideDescriptors) {
      case .failure(let error): return stopQueue(error)
      case .success(let descriptor):
        switch execute(descriptor, caches: &caches) {
        case .done: break
        case .deferred: return
        case .refused(let error): return stopQueue(error)
        }
      }
      head = (head + step) & (size - 1)
      registers[qword: RegisterOffset.invalidationQueueHead] = head
    }
  }

  /// Whether an error keeps the queue from being read.
  private var isQueueStopped: Bool {
    let status = registers[dword: RegisterOffset.faultStatus]
    return status[bit: FaultStatusBit.invalidationQueueError] || status[bit: FaultStatusBit.invalidationTimeout]
  }

  private func readDescriptor(at address: PhysicalAddress, wide: Bool) -> SIMD4<UInt64>? {
    guard let first = memory.read64(address), let second = memory.read64(address.advanced(by: 8)) else { return nil }
    guard wide else { return [first, second, 0, 0] }
    guard let third = memory.read64(address.advanced(by: 16)), let fourth = memory.read64(address.advanced(by: 24)) else { return nil }
    return [first, second, third, fourth]
  }

  /// What became of a descriptor.
  enum Progress {
    /// The unit has done its part; devices may still have to do theirs.
    case done
    /// It cannot be carried out before a device completes an invalidation.
    case deferred
    /// It is not valid after all.
    case refused(InvalidationQueueError)
  }

  /// Carries out a descriptor that was found valid.
  @discardableResult mutating func execute<Receiver: InvalidationReceiver & ~Copyable>(
    _ descriptor: InvalidationDescriptor, caches: inout Receiver
  ) -> Progress {
    switch descriptor {
    case .contextCache(let invalidation): caches.invalidate(.contexts(scope(of: invalidation)))
    case .iotlb(let invalidation):
      guard let invalidation = supported(invalidation) else { return .refused(choices.descriptors.granularityError) }
      caches.invalidate(.translations(invalidation))
    case .deviceTLB(let invalidation): return issue(invalidation) ? .done : .deferred
    case .interruptEntryCache(let invalidation): caches.invalidate(.interruptEntries(invalidation))
    case .wait(let wait): begin(wait)
    case .pasidIOTLB(let invalidation): caches.invalidate(.addressSpace(invalidation))
    case .pasidCache(let invalidation): caches.invalidate(.pasids(invalidation))
    case .pasidDeviceTLB(let invalidation):
      return issue(invalidation.device, pasid: invalidation.pasid, global: invalidation.global) ? .done : .deferred
    case .pageGroupResponse(let response): deviceMessages.append(.respond(Translation.PageGroupResponse(response)))
    case .hostPermission(let invalidation): caches.invalidate(.hostPermissions(invalidation))
    }
    return .done
  }

  /// In scalable mode the context cache is not tagged by domain (VT-d rev 5.10 section 6.5.2.1).
  private func scope(of invalidation: ContextCacheInvalidation) -> ContextScope {
    let hasDomains = state.mode == .legacy
    return switch invalidation {
    case .global: .all
    case .domain(let domain): hasDomains ? .domain(domain) : .all
    case .device(let requester, let mask, let domain): .requester(requester, functionMask: mask, domain: hasDomains ? domain : nil)
    }
  }

  /// The invalidation as the unit carries it out: address masks as chosen, and since major version 2 everything is drained.
  private func supported(_ invalidation: IOTLBInvalidation) -> IOTLBInvalidation? {
    var invalidation = invalidation
    if identity.version.major >= 2 {
      invalidation.drainReads = true
      invalidation.drainWrites = true
    }
    guard case .pages(let domain, let range, _) = invalidation.scope, range.addressMask > identity.capabilities.maximumAddressMask else {
      return invalidation
    }
    switch choices.excessiveAddressMask {
    case .domain: invalidation.scope = .domain(domain)
    case .pages: break
    case .invalidDescriptor: return nil
    }
    return invalidation
  }

  /// Stops the queue at the descriptor that the head points to.
  private mutating func stopQueue(_ error: InvalidationQueueError) {
    registers[qword: RegisterOffset.invalidationQueueErrorRecord][bits: 0...3] = UInt64(error.rawValue)
    raise(.fault, status: 1 << FaultStatusBit.invalidationQueueError)
  }

  /// A device did not complete an invalidation in time (ITE): the queue stops until software clears the error.
  public mutating func recordInvalidationTimeout(of device: RequesterID) {
    if !registers[dword: RegisterOffset.faultStatus][bit: FaultStatusBit.invalidationTimeout] {
      registers[qword: RegisterOffset.invalidationQueueErrorRecord][bits: 32...47] = UInt64(device.rawValue)
    }
    raise(.fault, status: 1 << FaultStatusBit.invalidationTimeout)
  }

  /// A device completed an invalidation that it was not asked for (ICE); the queue goes on.
  public mutating func recordUnexpectedCompletion(from device: RequesterID) {
    if !registers[dword: RegisterOffset.faultStatus][bit: FaultStatusBit.invalidationCompletionError] {
      registers[qword: RegisterOffset.invalidationQueueErrorRecord][bits: 48...63] = UInt64(device.rawValue)
    }
    raise(.fault, status: 1 << FaultStatusBit.invalidationCompletionError)
  }
}
