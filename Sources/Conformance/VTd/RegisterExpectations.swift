import Hardware
import VTdArchitecture

/// What a read of a register must show.
struct ExpectedRegister: Hashable {
  /// One of these.
  var values: [UInt64]
  /// The bits that are compared.
  var compared = UInt64.max
  /// The deviations that explain a difference from what was observed.
  var deviations: Set<Deviation> = []

  func admits(_ value: UInt64) -> Bool { values.contains { ($0 ^ value) & compared == 0 } }

  /// Where the two sides differ, replaces the observed bits by the demanded ones, if the observed ones are what they are expected to be.
  mutating func replace(observed: UInt64, demanded: UInt64, _ deviation: Deviation?) {
    let difference = (observed ^ demanded) & compared
    guard difference != 0, let value = values.first, (value ^ observed) & difference == 0 else { return }
    values = [value & ~difference | demanded & difference]
    if let deviation { deviations.insert(deviation) }
  }

  /// Leaves bits open, if the observed ones are what they are expected to be.
  mutating func open(_ bits: UInt64, observed: UInt64, _ deviation: Deviation) {
    guard let value = values.first, (value ^ observed) & bits == 0 else { return }
    compared &= ~bits
    deviations.insert(deviation)
  }

  /// Admits the value with some bits clear as well, because they need not be implemented, if they are as written.
  mutating func allowClear(_ bits: UInt64, written: UInt64) {
    guard let value = values.first, (value ^ written) & bits & compared == 0 else { return }
    let further = values.map { $0 & ~bits }.filter { !values.contains($0) }
    guard !further.isEmpty else { return }
    values += further
    deviations.insert(.optionalBits)
  }
}

extension VTdExpectations {
  /// What a read must show that showed `read.observed` on the observed machine.
  func expected(_ read: IOMMUCase.RegisterRead) -> ExpectedRegister {
    // A half of a register of 8 bytes is judged within the whole.
    let base = read.offset & ~7
    let isUpperHalf = read.size == 4 && read.offset == base + 4 && Self.isWide(base, identity)
    let shift: UInt64 = isUpperHalf ? 32 : 0
    var expected = ExpectedRegister(values: [read.observed << shift])
    expected.compared = UInt64.mask(width: 8 * read.size) << shift
    if let observed = observedFaults.read(offset: read.offset, size: read.size),
      let demanded = faults.read(offset: read.offset, size: read.size)
    {
      // The access that was judged otherwise has named its deviation.
      expected.replace(observed: observed, demanded: demanded, nil)
    } else {
      judge(isUpperHalf ? base : read.offset, &expected)
    }
    expected.values = expected.values.map { $0 >> shift }
    expected.compared >>= shift
    return expected
  }

  private func judge(_ offset: UInt64, _ expected: inout ExpectedRegister) {
    let beyondHost = ~UInt64.mask(width: identity.hostAddressWidth)
    let written = written[offset] ?? 0
    switch offset {
    case RegisterOffset.globalStatus: judgeStatus(&expected)
    case RegisterOffset.rootTableAddress: expected.allowClear(beyondHost, written: written)
    case RegisterOffset.contextCommand: judgeGranularity(offset, at: 59, &expected)
    case identity.extended.iotlbRegisterOffset + 8: judgeGranularity(offset, at: 57, &expected)
    case RegisterOffset.faultEventControl + RegisterOffset.eventUpperAddressDistance,
      RegisterOffset.invalidationEventControl + RegisterOffset.eventUpperAddressDistance:
      // Without extended interrupt mode the register may be there all the same.
      if !identity.extended.extendedInterruptMode, expected.values == [0] {
        expected.values.append(written)
        expected.deviations.insert(.optionalBits)
      }
    case RegisterOffset.invalidationQueueHead: expected.replace(observed: observedQueue.head, demanded: queue.head, queueDeviation)
    case RegisterOffset.invalidationQueueAddress:
      let base = ~UInt64.mask(width: 12)
      expected.replace(observed: observedQueue.enabledAddress & base, demanded: written & base, .queueAddress)
      expected.allowClear(beyondHost, written: written)
    case RegisterOffset.invalidationCompletionStatus:
      expected.replace(
        observed: observedQueue.isCompletionPending ? 1 : 0, demanded: queue.isCompletionPending ? 1 : 0, queueDeviation)
    case RegisterOffset.invalidationEventControl:
      expected.replace(
        observed: observedQueue.isEventPending ? 1 << 30 : 0, demanded: queue.isEventPending ? 1 << 30 : 0, queueDeviation)
    case RegisterOffset.invalidationEventControl + RegisterOffset.eventDataDistance:
      expected.replace(observed: written, demanded: written & 0xFFFF, .invalidationEventData)
    case RegisterOffset.invalidationQueueErrorRecord: judgeQueueError(&expected)
    case RegisterOffset.interruptRemappingTableAddress:
      expected.allowClear(beyondHost, written: written)
      if !identity.extended.extendedInterruptMode { expected.allowClear(1 << 11, written: written) }
      if !identity.extended.interruptRemapping { expected.allowClear(~0x7F0, written: written) }
    case RegisterOffset.pageRequestEventControl where identity.extended.pageRequests:
      let mask = self.written[offset].map { $0 & 1 << 31 } ?? 1 << 31
      expected.replace(observed: 0, demanded: mask, .pageRequestEventControl)
    default: break
    }
  }

  private func judgeStatus(_ expected: inout ExpectedRegister) {
    let command = UInt64(lastCommand.rawValue)
    if identity.extended.interruptRemapping {
      expected.replace(observed: 0, demanded: command & UInt64(GlobalCommand.compatibilityInterrupts.rawValue), .compatibilityFormatStatus)
    } else {
      let bits = GlobalCommand([.interruptRemapping, .interruptTable, .compatibilityInterrupts])
      var observed = lastCommand.intersection(.interruptRemapping)
      if hasInterruptTable { observed.insert(.interruptTable) }
      // Commands for a facility that is absent: software must not give them.
      expected.open(UInt64(bits.rawValue), observed: UInt64(observed.rawValue), .optionalBits)
    }
    if identity.isWithoutWidths { expected.open(1 << 31, observed: 0, .translationWithoutWidths) }
    if wasQueueMisused { expected.open(1 << 26, observed: observedQueue.isEnabled ? 1 << 26 : 0, .queueDisable) }
  }

  private func judgeGranularity(_ offset: UInt64, at bit: UInt64, _ expected: inout ExpectedRegister) {
    guard let (observed, demanded) = granularities[offset] else { return }
    expected.replace(observed: observed << bit, demanded: demanded << bit, .registerInvalidation)
  }

  private func judgeQueueError(_ expected: inout ExpectedRegister) {
    if queue.isStopped, expected.values == [0] {
      expected.values = queue.errorCodes.map { UInt64($0) }
      expected.deviations.insert(.queueErrorCode)
    } else if hasQueueStopped {
      // The information is valid while IQE is set.
      expected.open(0xF, observed: 0, .queueErrorCode)
    }
  }

  /// What a word of memory must hold that was seen to hold `seen`, wait descriptors considered.
  func demanded(_ seen: UInt64, at address: PhysicalAddress) -> UInt64 {
    var word = seen
    for half in 0...1 {
      let bits = 32 * half...32 * half + 31
      guard let (observed, demanded) = statusWords[address.advanced(by: UInt64(4 * half))], word[bits: bits] == UInt64(observed) else {
        continue
      }
      word[bits: bits] = UInt64(demanded)
      deviations.insert(queueDeviation)
    }
    return word
  }
}
