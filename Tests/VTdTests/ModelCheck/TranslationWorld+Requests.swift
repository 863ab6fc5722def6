import Hardware
import Translation
import VTdArchitecture

@testable import VTd

/// Requests and invalidations.
extension TranslationWorld {
  /// A random address of those that the tables map.
  func address() -> UInt64 {
    var page: UInt64 = random.next(below: 2) << 12
    for size in [21, 30, 39] as [UInt64] where chance(30) { page |= size == 39 && hasFirstStage ? 0 : 1 << size }
    guard hasFirstStage else { return page }
    if chance(30) { page |= 0xFFFF_8000_0000_0000 }
    return chance(2) ? page | 1 << 60 : page
  }

  /// Makes a random request, straight or by a device.
  func request() {
    if recent.count < 4 || chance(30) {
      let pasid = isScalable && chance(60) ? PASID(UInt32(pick(Self.pasids))) : nil
      recent = recent.suffix(3) + [(address(), RequesterID(UInt32(pick(Self.requesters))), pasid, pasid != nil && chance(25))]
    }
    let (page, requester, pasid, privileged) = pick(recent)
    let attributes: TranslationRequest.Attributes = privileged ? .privileged : []
    let address = IOVirtualAddress(page | random.next(below: 4096))
    now += pace == 0 ? 0 : random.next(below: pace)
    if let device = devices.first(where: { $0.requester == requester }), chance(70) {
      access(pick(AccessKind.allCases), at: address, pasid: pasid, attributes, by: device)
    } else if chance(8) {
      let noWrite: TranslationRequest.Attributes = chance(50) ? .noWrite : []
      ask(
        TranslationRequest(
          .read, at: address.alignedDown(12), length: 0, by: requester, pasid: pasid, kind: .translationRequest,
          attributes: attributes.union(noWrite)))
    } else {
      let executes = pasid != nil && chance(3)
      ask(
        TranslationRequest(
          pick(AccessKind.allCases), at: address, by: requester, pasid: pasid,
          kind: pasid == nil && chance(5) ? .translated : .untranslated, attributes: executes ? attributes.union(.execute) : attributes))
    }
  }

  /// Makes a request of the unit, and checks its answer and what it leaves in memory.
  func ask(_ request: TranslationRequest, response: UnsafeMutablePointer<TranslationResponse>? = nil) {
    var own = TranslationResponse()
    _ = check(request) { unit in
      unit.translate(request, at: SimTime(picoseconds: now), into: &own)
      response?.pointee = own
      guard request.kind == .translationRequest else {
        return own.fault.map { .fault($0.code, isReported: $0.isReported) } ?? .to(own.address.rawValue, snoop: own.snoop)
      }
      return Answer(unit.completion(of: request, own))
    }
  }

  /// Whether an answer is one of those that are allowed; if not, it is the world's failure.
  @discardableResult func check(_ request: TranslationRequest, _ answer: (RemappingUnit) -> Answer) -> Bool {
    let allowed = oracle.candidates(for: request)
    let answer = answer(unit)
    if pace == 0 { unit.settle() }
    note(
      "\(now): \(request.kind) \(request.access) of \(String(request.address.rawValue, radix: 16)) by \(request.requester)"
        + " PASID \(request.pasid.map { "\($0)" } ?? "-") \(request.attributes.rawValue): \(answer)")
    guard let way = explanation(answer, allowed) else {
      for candidate in allowed { note("  allowed: \(candidate.answer), by \(candidate.way.uses), flags \(candidate.way.updates)") }
      hasFailed = true
      return false
    }
    seen.note(answer, way, isCertain: allowed.count == 1)
    oracle.commit(way)
    return true
  }

  /// The way on which the unit has come to its answer and to what it left in memory, or all of them in one; `nil` if there is none.
  func explanation(_ answer: Answer, _ allowed: [Candidate]) -> Way? {
    let touched = allowed.flatMap { $0.way.updates.map(\.place) }
    var found: Way?
    for candidate in allowed where candidate.answer == answer {
      let isLeft = touched.allSatisfy { place in
        let word = candidate.way.updates.first { $0.place == place }?.word ?? oracle.memory[place]
        return physical.view.read64(PhysicalAddress(place)) == word
      }
      guard isLeft else { continue }
      if found == nil { found = candidate.way } else { found?.merge(candidate.way) }
    }
    return found
  }

  // MARK: Invalidations

  /// The invalidation that a change of a table's entry takes, or nearly: of what the request before went through.
  func invalidateTable(_ slot: TableSlot) {
    let size = UInt8(3 + 9 * slot.level)
    let leafOnly = slot.level == 1 && chance(60)
    let request = recent.last
    let id = DomainID(UInt16(pick(domains)))
    let which = chance(70) ? domains.map { DomainID(UInt16($0)) } : [id]
    if slot.isFirstStage {
      let page = IOVirtualAddress(chance(70) ? request?.page ?? 0 : address())
      let all = Self.pasids + [Self.requesterPASID]
      let pasids = (chance(70) ? all : [pick(all)]).map { PASID(UInt32($0)) }
      submit(
        which.flatMap { domain in
          pasids.map { .pasidIOTLB(.pages(domain, $0, PageRange(page, addressMask: size - 12), leafOnly: leafOnly)) }
        })
    } else {
      let page = slot.isNested && chance(50) ? Self.base | slot.index << 12 : request?.page ?? 0
      submit(
        which.map { .iotlb(IOTLBInvalidation(.pages($0, PageRange(IOVirtualAddress(page), addressMask: size - 12), leafOnly: leafOnly))) })
    }
  }

  /// A random invalidation, of little or of much, of the right things or of others.
  func invalidate() {
    let domain = DomainID(UInt16(pick(domains + [Self.passThroughDomain])))
    let requester = RequesterID(UInt32(pick(Self.requesters) ^ random.next(below: 8) * (chance(50) ? 1 : 0)))
    let pasid = PASID(UInt32(pick(Self.pasids + [Self.requesterPASID])))
    let page = isNested && chance(30) ? Self.base | random.next(below: 9) << 12 : address()
    let range = PageRange(IOVirtualAddress(page), addressMask: pick([0, 0, 1, 2, 9, 18, 27]))
    if !devices.isEmpty, chance(25) {
      return submit([deviceInvalidation(pick(devices).requester, pasid, page, sizeLog2: pick([12, 13, 21, 30, 64]))])
    }
    switch random.next(below: isScalable ? 14 : 7) {
    case 0: submit([.contextCache(pick([.global, .domain(domain)]))])
    case 1: submit([.contextCache(.device(requester, functionMask: UInt8(random.next(below: 4)), domain))])
    case 2: submit([.iotlb(IOTLBInvalidation(pick([.global, .domain(domain), .domain(domain)])))])
    case 3...6: submit([.iotlb(IOTLBInvalidation(.pages(domain, range, leafOnly: chance(50))))])
    case 7: submit([.pasidCache(pick([.global, .domain(domain)]))])
    case 8, 9: submit([.pasidCache(.pasid(domain, pasid))])
    case 10: submit([.pasidIOTLB(.pasid(domain, pasid))])
    default: submit([.pasidIOTLB(.pages(domain, pasid, range, leafOnly: chance(50)))])
    }
  }

  func submit(_ descriptors: [InvalidationDescriptor]) {
    var tail = unit.readRegister(RegisterOffset.invalidationQueueTail, size: 8)
    for descriptor in descriptors {
      note("\(descriptor)")
      write(Frame.queue + tail, descriptor.words[0], descriptor.words[1])
      oracle.invalidate(descriptor)
      invalidateDevices(descriptor)
      tail = (tail + (isScalable ? 32 : 16)) & 0xFFF
    }
    unit.writeRegister(RegisterOffset.invalidationQueueTail, size: 8, tail)
    letDevicesComplete()
  }

  /// Turns translation off and on, which empties every cache.
  func restart() {
    note("translation off and on")
    for command in [GlobalCommand.queuedInvalidation, [.queuedInvalidation, .translation]] {
      unit.writeRegister(RegisterOffset.globalCommand, size: 4, UInt64(command.rawValue))
    }
    oracle.forgetEverything()
  }
}
