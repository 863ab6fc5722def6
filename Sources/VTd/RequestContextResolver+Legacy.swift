import Hardware
import PageTables
import Translation
import VTdArchitecture

/// Legacy mode: root table, context table, second stage or pass-through (VT-d rev 5.10 section 3.4.2).
extension RequestContextResolver {
  mutating func resolveLegacy(
    _ request: TranslationRequest, at time: inout SimTime, through port: UnsafeMutablePointer<MemoryPort>
  ) -> Resolution {
    let entry: ContextEntry
    if let cached = caches.context(of: request.requester, at: &time) {
      entry = ContextEntry(words: cached.pointee.words.lowHalf)
    } else {
      switch readLegacyContext(request, at: &time, through: port) {
      case .success(let read): entry = read
      case .failure(let fault): return .fault(fault.fault)
      }
    }
    let reports = !entry.faultProcessingDisabled
    if request.kind != .untranslated, entry.type != .deviceTLB { return .fault(fault(.requestBlocked, reported: reports)) }
    if request.isInterruptTranslation { return interruptTranslation() }
    if entry.type == .passThrough || request.kind == .translated {
      if let reason = passThroughFault(request, beyondWidth: .addressBeyondWidth, interruptRange: .interruptRange) {
        return .fault(fault(reason, reported: reports))
      }
      return resolved(
        TranslationContext(stages: .passThrough, domain: UInt32(entry.domain.rawValue), addressSpace: 0, reportsFaults: reports))
    }
    recentInputWidth = inputWidth(secondStageWidth: entry.width)
    if isBeyondSecondStage(request.address, width: entry.width) { return .fault(fault(.addressBeyondWidth, reported: reports)) }
    return resolved(
      TranslationContext(
        stages: .second, domain: UInt32(entry.domain.rawValue), addressSpace: 0,
        secondStage: formats.pointer.pointee.secondStage(width: entry.width), secondStageRoot: entry.secondStageTable,
        reportsFaults: reports))
  }

  @inline(never) private mutating func readLegacyContext(
    _ request: TranslationRequest, at time: inout SimTime, through port: UnsafeMutablePointer<MemoryPort>
  ) -> Result<ContextEntry, StructureFault> {
    let rootPlace = root.advanced(by: UInt64(request.requester.bus) * RootEntry.byteCount)
    guard let rootWords = fetch(SIMD2<UInt64>.self, at: rootPlace, time: &time, through: port) else { return stop(.rootAccess) }
    let rootEntry = RootEntry(words: rootWords)
    if let reason = rules.pointer.pointee.fault(in: rootEntry) { return stop(reason) }
    let place = rootEntry.contextTable.advanced(by: UInt64(request.requester.deviceFunction) * ContextEntry.byteCount)
    guard let words = fetch(SIMD2<UInt64>.self, at: place, time: &time, through: port) else { return stop(.contextAccess) }
    let entry = ContextEntry(words: words)
    if let reason = rules.pointer.pointee.fault(in: entry) { return stop(reason, reported: !entry.faultProcessingDisabled) }
    caches.insert(
      context: SIMD4(lowHalf: words, highHalf: .zero), domain: entry.domain, of: request.requester, ready: time)
    return .success(entry)
  }

  mutating func stop<Entry>(_ reason: FaultReason, reported: Bool = true) -> Result<Entry, StructureFault> {
    .failure(StructureFault(fault: fault(reason, reported: reported)))
  }
}

/// Why a structure in memory stops a request.
struct StructureFault: Error {
  var fault: TranslationFault
}
