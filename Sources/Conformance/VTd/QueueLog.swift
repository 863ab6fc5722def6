import Hardware
import VTdArchitecture

/// The invalidation queue and its registers as software's writes leave them: which descriptors are taken, where and why the queue stops,
/// what wait descriptors write (VT-d 6.5.2, 11.4.9). Caches are none of its business.
struct QueueLog {
  /// Whether the queue is as observed or as the architecture demands.
  let isObserved: Bool
  /// What to make of descriptors on which the specification is open: take them, or stop.
  var takesOpenDescriptors = true

  /// IQH.
  private(set) var head: UInt64 = 0
  /// QIES.
  private(set) var isEnabled = false
  /// The codes one of which IQERCD shows while the queue is stopped; empty otherwise.
  private(set) var errorCodes: [UInt8] = []
  /// Descriptors taken so far, by their first two words.
  private(set) var taken: [SIMD2<UInt64>] = []
  /// What wait descriptors have written in the last run.
  private(set) var statusWrites: [PhysicalAddress: UInt32] = [:]
  /// ICS.IWC.
  private(set) var isCompletionPending = false
  /// IECTL.IP.
  private(set) var isEventPending = false
  /// The base that was in force when the queue was enabled.
  private(set) var enabledAddress: UInt64 = 0

  private var tail: UInt64 = 0
  private var address = InvalidationQueueAddress(rawValue: 0)
  private var isMasked = true

  init(isObserved: Bool) { self.isObserved = isObserved }

  /// Whether IQE is set.
  var isStopped: Bool { !errorCodes.isEmpty }
  /// Whether software may clear QIE: the queue is empty and the last descriptor was a wait.
  var mayBeDisabled: Bool { head == tail && taken.last.map { $0[0][bits: 0...3] == 5 } ?? false }

  /// Software writes a register; descriptors that can be fetched then are processed.
  mutating func write(
    offset: UInt64, size: Int, value: UInt64, mode: TranslationTableMode, identity: UnitIdentity, memory: MemoryView
  ) {
    statusWrites = [:]
    switch offset {
    case RegisterOffset.invalidationQueueAddress where size == 8: address = InvalidationQueueAddress(rawValue: value)
    case RegisterOffset.invalidationQueueAddress: address.rawValue[bits: 0...31] = value
    case RegisterOffset.invalidationQueueAddress + 4: address.rawValue[bits: 32...63] = value
    case RegisterOffset.invalidationQueueTail: tail = value & 0x7FFF0
    case RegisterOffset.globalCommand: command(GlobalCommand(rawValue: UInt32(truncatingIfNeeded: value)))
    case RegisterOffset.faultStatus where value[bit: 4]: errorCodes = []
    case RegisterOffset.invalidationCompletionStatus where value[bit: 0]:
      isCompletionPending = false
      isEventPending = false
      return
    case RegisterOffset.invalidationEventControl:
      isMasked = value[bit: 31]
      if !isMasked { isEventPending = false }
      return
    default: return
    }
    run(mode: mode, identity: identity, memory: memory)
  }

  private mutating func command(_ command: GlobalCommand) {
    if command.contains(.queuedInvalidation) {
      if !isEnabled { enabledAddress = address.rawValue & ~0xFFF }
      isEnabled = true
    } else if isEnabled, !isObserved || mayBeDisabled {
      isEnabled = false
      head = 0
    }
  }

  private mutating func run(mode: TranslationTableMode, identity: UnitIdentity, memory: MemoryView) {
    let size = address.byteCount
    let step = address.descriptorByteCount
    // A queue holds fewer descriptors than it has places, so this many steps empty any.
    for _ in 0..<Int(size / step) {
      guard isEnabled, !isStopped, head != tail else { return }
      if let code = widthError(mode, identity, tail: tail, size: size) {
        errorCodes = [code]
        return
      }
      let place = address.base.advanced(by: head)
      var words = SIMD4<UInt64>()
      for index in 0..<Int(step / 8) {
        guard let word = memory.read64(place.advanced(by: UInt64(8 * index))) else {
          errorCodes = [2]
          return
        }
        words[index] = word
      }
      let verdict = DescriptorVerdict(words, mode: mode, isWide: address.wideDescriptors, identity: identity, observed: isObserved)
      switch verdict {
      case .invalid(let codes):
        errorCodes = codes
        return
      case .open where !takesOpenDescriptors:
        errorCodes = [3, 4]
        return
      case .valid, .open: take(words)
      }
      head = (head + step) % size
    }
  }

  private func widthError(_ mode: TranslationTableMode, _ identity: UnitIdentity, tail: UInt64, size: UInt64) -> UInt8? {
    if tail >= size { return 1 }
    guard !isObserved else { return nil }
    guard mode.isSupported(by: identity.extended) else { return 7 }
    if address.wideDescriptors {
      if !identity.extended.scalableMode, !identity.extended.abortDMAMode { return 5 }
      return tail[bit: 4] ? 6 : nil
    }
    return mode == .legacy ? nil : 5
  }

  private mutating func take(_ words: SIMD4<UInt64>) {
    taken.append([words[0], words[1]])
    guard words[0][bits: 0...3] == 5, words[0][bits: 9...11] == 0 else { return }
    if words[0][bit: 5] { statusWrites[PhysicalAddress(words[1] & ~3)] = UInt32(truncatingIfNeeded: words[0][bits: 32...63]) }
    if words[0][bit: 4] {
      if !isCompletionPending { isEventPending = isMasked }
      isCompletionPending = true
    }
  }
}
