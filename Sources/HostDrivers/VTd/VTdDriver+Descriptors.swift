import Hardware
import VTdArchitecture

extension VTdDriver {
  /// Issues one invalidation: into the queue, or through the registers of a unit without a queue. `complete` waits for it.
  func issue(_ descriptor: InvalidationDescriptor) throws(HostDriverError) {
    count(descriptor)
    guard queue != nil else {
      try invalidateByRegister(descriptor)
      return
    }
    // One place stays free for the wait descriptor.
    if queue?.isFull ?? false { try makeRoom() }
    queue?.append(descriptor, in: memory)
  }

  /// Waits until everything issued so far is done (VT-d rev 5.10 section 6.5.2.9).
  ///
  /// - Parameter drainsPageRequests: Until the page requests that came before are in their queue, too (section 7.9).
  func complete(drainsPageRequests: Bool = false) throws(HostDriverError) {
    activity.waits += 1
    guard queue != nil else { return }
    if queue?.isFull ?? false { try makeRoom() }
    queue?.appendWait(in: memory, drainsPageRequests: drainsPageRequests)
    guard let queue else { return }
    bus.writeRegister64(RegisterOffset.invalidationQueueTail, queue.tail)
    if memory.read32(queue.statusAddress) != queue.sequence {
      let memory = memory
      try pollQueue("wait descriptor") { memory.read32(queue.statusAddress) == queue.sequence }
    }
    self.queue?.head = queue.tail
  }

  // Lets the unit fetch what has been written so far.
  private func makeRoom() throws(HostDriverError) {
    guard let queue else { return }
    bus.writeRegister64(RegisterOffset.invalidationQueueTail, queue.tail)
    let bus = bus
    try pollQueue("full invalidation queue") {
      !queue.ring.isFull(head: bus.readRegister64(RegisterOffset.invalidationQueueHead), tail: queue.tail)
    }
    self.queue?.head = bus.readRegister64(RegisterOffset.invalidationQueueHead)
  }

  // Polls for progress of the queue, lets it go on where it stopped at an error, and reports the first of these in the end.
  private func pollQueue(_ what: String, until done: () -> Bool) throws(HostDriverError) {
    var refused: UInt8?
    do {
      try poll(what) {
        if let code = recoverQueue() { refused = refused ?? code }
        return done()
      }
    } catch {
      if let refused { throw .invalidationRefused(code: refused) }
      throw error
    }
    if let refused { throw .invalidationRefused(code: refused) }
  }

  /// If the queue has stopped at a descriptor, puts one there that does nothing and lets it go on (VT-d rev 5.10 section 6.5.2).
  ///
  /// - Returns: Why it had stopped: IQERCD.IQEI.
  private func recoverQueue() -> UInt8? {
    guard let queue, bus.readRegister32(RegisterOffset.faultStatus)[bit: 4] else { return nil }
    let code = UInt8(truncatingIfNeeded: bus.readRegister64(RegisterOffset.invalidationQueueErrorRecord)[bits: 0...3])
    let head = bus.readRegister64(RegisterOffset.invalidationQueueHead)
    let idle = InvalidationDescriptor.wait(InvalidationWait()).words
    // The driver's own wait descriptor must stay.
    if (memory.read64(queue.ring.address(head)) ?? 0)[bits: 0...3] != idle[0][bits: 0...3] { queue.write(idle, at: head, in: memory) }
    bus.writeRegister32(RegisterOffset.faultStatus, 1 << 4)
    return code
  }

  private func count(_ descriptor: InvalidationDescriptor) {
    switch descriptor {
    case .contextCache: activity.contextInvalidations += 1
    case .pasidCache: activity.pasidInvalidations += 1
    case .iotlb(let invalidation):
      switch invalidation.scope {
      case .global: activity.globalInvalidations += 1
      case .domain: activity.domainInvalidations += 1
      case .pages: activity.pageInvalidations += 1
      }
    case .pasidIOTLB(.pasid): activity.domainInvalidations += 1
    case .pasidIOTLB(.pages): activity.pageInvalidations += 1
    case .deviceTLB, .pasidDeviceTLB: activity.deviceTLBInvalidations += 1
    case .pageGroupResponse: activity.pageGroupResponses += 1
    default: break
    }
  }

  // The registers know contexts and translations of legacy mode (VT-d rev 5.10 section 6.5.1); each is complete when its busy bit clears.
  private func invalidateByRegister(_ descriptor: InvalidationDescriptor) throws(HostDriverError) {
    switch descriptor {
    case .contextCache(let invalidation):
      // CCMD: ICC, CIRG, FM, SID, DID.
      var command: UInt64 = 1 << 63
      switch invalidation {
      case .global: command[bits: 61...62] = 1
      case .domain(let domain):
        command[bits: 61...62] = 2
        command[bits: 0...15] = UInt64(domain.rawValue)
      case .device(let requester, let mask, let domain):
        command[bits: 61...62] = 3
        command[bits: 32...33] = UInt64(mask)
        command[bits: 16...31] = UInt64(requester.rawValue)
        command[bits: 0...15] = UInt64(domain.rawValue)
      }
      try run(command, in: RegisterOffset.contextCommand, performed: 59...60)
    case .iotlb(let invalidation):
      // IOTLB: IVT, IIRG, DR, DW, DID; IVA before it: ADDR, IH, AM.
      let register = identity.extended.iotlbRegisterOffset
      var command: UInt64 = 1 << 63
      command[bit: 49] = invalidation.drainReads
      command[bit: 48] = invalidation.drainWrites
      switch invalidation.scope {
      case .global: command[bits: 60...61] = 1
      case .domain(let domain):
        command[bits: 60...61] = 2
        command[bits: 32...47] = UInt64(domain.rawValue)
      case .pages(let domain, let range, let leafOnly):
        command[bits: 60...61] = 3
        command[bits: 32...47] = UInt64(domain.rawValue)
        bus.writeRegister64(register, range.base.rawValue | (leafOnly ? 1 << 6 : 0) | UInt64(range.addressMask))
      }
      try run(command, in: register + 8, performed: 57...58)
    default: throw .unsupported("queued invalidation (ECAP.QI)")
    }
  }

  // Starts a command and waits for its busy bit 63; the granularity performed is 0 if the unit refused it.
  private func run(_ command: UInt64, in register: UInt64, performed: ClosedRange<Int>) throws(HostDriverError) {
    bus.writeRegister64(register, command)
    let bus = bus
    try poll("invalidation register") { !bus.readRegister64(register)[bit: 63] }
    if bus.readRegister64(register)[bits: performed] == 0 { throw .invalidationRefused(code: 0) }
  }
}
