import Hardware
import Translation
import VTdArchitecture

/// Page requests: the way of a request up to and including its PASID entry, and no further (VT-d rev 5.10 section 7.4.1 and table 30).
extension RequestContextResolver {
  /// What the structures in memory say of a page request; with translation disabled a fault without a code.
  mutating func resolvePageRequest(
    _ request: PageRequest, at time: inout SimTime, through port: UnsafeMutablePointer<MemoryPort>
  ) -> PageRequestResolution {
    // Whatever is fetched may displace what the last request was found in.
    recent.isCached = false
    switch mode {
    case .disabled: return .fault(TranslationFault(code: 0, isReported: false))
    case .legacy: return .fault(fault(.pageRequestInLegacyMode, reported: true))
    case .refusing(let reason): return .fault(fault(reason, reported: true))
    case .scalable: return resolveScalable(request, at: &time, through: port)
    }
  }

  private mutating func resolveScalable(
    _ request: PageRequest, at time: inout SimTime, through port: UnsafeMutablePointer<MemoryPort>
  ) -> PageRequestResolution {
    // As a read without attributes it meets the structures that any other request meets.
    let access = TranslationRequest(.read, at: request.address, by: request.requester, pasid: request.pasid)
    let context: ScalableContextEntry
    if let cached = caches.context(of: request.requester, at: &time) {
      context = ScalableContextEntry(words: cached.pointee.words)
    } else {
      switch readScalableContext(access, at: &time, through: port) {
      case .success(let read): context = read
      case .failure(let fault): return .fault(fault.fault)
      }
    }
    if let reason = pageRequestFault(request, context) {
      return .fault(fault(reason, reported: !context.faultProcessingDisabled))
    }
    let pasid = request.pasid ?? (usesRequesterPASID ? context.requesterPASID : PASID(0))
    if let entry = caches.pasidEntry(pasid, of: request.requester, at: &time) {
      return .accepted(domain: entry.pointee.domain, pasid: pasid, stages: entry.pointee.translation.stages)
    }
    switch readPASIDEntry(pasid, context, for: access, at: &time, through: port) {
    case .success(let entry): return .accepted(domain: entry.domain, pasid: pasid, stages: entry.translation.stages)
    case .failure(let stop):
      // Where a faulting privilege wins over an invalid entry, it does so for accesses.
      guard stop.fault.code == UInt16(FaultReason.supervisorRequest.rawValue) else { return .fault(stop.fault) }
      return .fault(TranslationFault(code: UInt16(FaultReason.pasidEntryInvalid.rawValue), isReported: stop.fault.isReported))
    }
  }

  // The checks of a context entry against a page request. A PASID beyond the supported width (89h) is none of them.
  private mutating func pageRequestFault(_ request: PageRequest, _ context: ScalableContextEntry) -> FaultReason? {
    if let pasid = request.pasid {
      guard context.pasidEnabled else { return .pasidNotEnabled }
      if pasid.rawValue >= context.pasidLimit { return .pasidBeyondDirectory }
      if usesRequesterPASID ? pasid == context.requesterPASID : refusesPASIDZero && pasid == PASID(0) {
        return .pasidEqualsRequesterPASID
      }
    }
    return context.pageRequestsEnabled ? nil : .pageRequestsNotEnabled
  }
}

extension TranslationUnit {
  /// What the structures in memory say of a page request that arrives at `time`.
  mutating func resolvePageRequest(_ request: PageRequest, at time: SimTime) -> PageRequestResolution {
    var end = time
    return resolver.resolvePageRequest(request, at: &end, through: pipeline.memoryPort)
  }
}
