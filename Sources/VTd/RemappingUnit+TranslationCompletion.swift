import Hardware
import PageTables
import Translation
import VTdArchitecture

/// Answers to translation requests of devices (VT-d rev 5.10 section 4.2.3).
extension RemappingUnit {
  /// Answers a translation request that arrives at `time`, with one translation; a request of another kind is answered Unsupported Request.
  ///
  /// Accessed and dirty flags are set, and a fault that is to be reported is recorded, before this returns.
  public func complete(_ request: TranslationRequest, at time: SimTime) -> TranslationCompletion {
    guard request.kind == .translationRequest else { return TranslationCompletion(.unsupportedRequest) }
    var response = TranslationResponse()
    translate(request, at: time, into: &response)
    return completion(of: request, response)
  }

  /// What a device is told that made a translation request to which `translate` gave `response`.
  public func completion(of request: TranslationRequest, _ response: TranslationResponse) -> TranslationCompletion {
    let nothing = TranslationCompletion(privileged: request.isPrivileged)
    if let fault = response.fault {
      switch FaultReason(fault).answerToTranslationRequest {
      case .unsupportedRequest: return TranslationCompletion(.unsupportedRequest)
      case .completerAbort: return TranslationCompletion(.completerAbort)
      default: return nothing
      }
    }
    let choices = place.pointee.control.choices
    let writes = !(request.attributes.contains(.noWrite) && identity.extended.noWriteFlag)
    // Only pass-through has no page.
    let isPassThrough = response.pageSizeLog2 == 0
    if InterruptAddressRange.contains(request.address), request.pasid == nil || isPassThrough {
      // Whatever a cached page around it says: interrupts of the device come as untranslated writes (conditions S.1 and S.2 of table 30).
      guard writes, request.pasid == nil || choices.passThroughInterruptRange == .untranslatedWrite else { return nothing }
      let page = PhysicalAddress(request.address.alignedDown(PageSizeLog2.size4K).rawValue)
      return TranslationCompletion(address: page, write: true, privileged: request.isPrivileged, untranslatedOnly: true)
    }
    let rights = response.rights.permissions(privileged: request.isPrivileged)
    let canWrite = writes && rights.contains(.write)
    guard canWrite || rights.contains(.read) else { return nothing }
    let size = isPassThrough ? passThroughSizeLog2 : response.pageSizeLog2
    return TranslationCompletion(
      address: response.address.alignedDown(size), sizeLog2: size, read: rights.contains(.read), write: canWrite,
      execute: request.executes && choices.revision == .revision3 && rights.contains(.execute), privileged: request.isPrivileged,
      noSnoop: response.snoop)
  }

  /// The size of what a pass-through translation covers: the largest page of the unit, unless that is chosen otherwise.
  private var passThroughSizeLog2: UInt8 {
    guard place.pointee.control.choices.largePassThroughTranslations else { return PageSizeLog2.size4K }
    let capabilities = identity.capabilities
    if capabilities.secondStage1G || capabilities.firstStage1G { return PageSizeLog2.size1G }
    return capabilities.secondStage2M || identity.extended.firstStageTranslation ? PageSizeLog2.size2M : PageSizeLog2.size4K
  }
}

extension FaultReason {
  /// The reason of a fault of this architecture.
  init(_ fault: TranslationFault) { self.init(UInt8(truncatingIfNeeded: fault.code)) }
}

extension TranslationRequest {
  /// PR: the request asks for privileged mode, which only a PASID prefix can say.
  @inline(__always) var isPrivileged: Bool { pasid != nil && attributes.contains(.privileged) }
  /// ER: the request asks to execute, which only a PASID prefix can say.
  @inline(__always) var executes: Bool { pasid != nil && attributes.contains(.execute) }
  /// Whether this asks for a translation of the interrupt range, which without a PASID no table gives.
  var isInterruptTranslation: Bool {
    kind == .translationRequest && pasid == nil && InterruptAddressRange.contains(address)
  }
}
