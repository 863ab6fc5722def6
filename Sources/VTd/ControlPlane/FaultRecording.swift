import Hardware
import VTdArchitecture

/// The bits of FSTS (VT-d rev 5.10 section 11.4.7.1).
enum FaultStatusBit {
  static let overflow = 0
  static let pending = 1
  static let invalidationQueueError = 4
  static let invalidationCompletionError = 5
  static let invalidationTimeout = 6
}

extension ControlPlane {
  /// Records a fault and raises the fault event, as far as registers are free (VT-d rev 5.10 section 7.2.1).
  ///
  /// Whoever calls decides whether the fault is recorded at all: FPD suppresses qualified ones, recoverable answers record none.
  public mutating func record(_ fault: FaultRecord) {
    guard !registers[dword: RegisterOffset.faultStatus][bit: FaultStatusBit.overflow] else { return }
    if choices.collapsesFaultsOfOneRequester, isPending(fault.source) { return }
    let place = faultRecordOffset(nextFaultRecord)
    guard !registers[qword: place &+ 8][bit: 63] else {
      registers[dword: RegisterOffset.faultStatus][bit: FaultStatusBit.overflow] = true
      return
    }
    let isWhole = choices.recordsWholeAddress || fault.reason.isInterruptFault
    registers[qword: place] = isWhole ? fault.low : fault.low & .mask(width: recordedAddressWidth)
    registers[qword: place &+ 8] = fault.high
    let index = nextFaultRecord
    nextFaultRecord = index + 1 == identity.capabilities.faultRecordingCount ? 0 : index + 1
    if !registers[dword: RegisterOffset.faultStatus][bit: FaultStatusBit.pending] {
      registers[dword: RegisterOffset.faultStatus][bits: 8...15] = UInt32(index)
      raise(.fault, status: 1 << FaultStatusBit.pending)
    }
  }

  /// Brings PPF in line with the F bits, and the event with both, after software has written either.
  mutating func updateFaultStatus() {
    let isPending = (0..<identity.capabilities.faultRecordingCount).contains { registers[qword: faultRecordOffset($0) &+ 8][bit: 63] }
    registers[dword: RegisterOffset.faultStatus][bit: FaultStatusBit.pending] = isPending
    clearIfServiced(.fault)
  }

  /// Whether the 32 bits at `offset` belong to a fault recording register.
  func isFaultRecord(_ offset: UInt64) -> Bool {
    offset &- identity.capabilities.faultRecordingOffset < 16 &* UInt64(identity.capabilities.faultRecordingCount)
  }

  private func faultRecordOffset(_ index: Int) -> UInt64 { identity.capabilities.faultRecordingOffset &+ 16 &* UInt64(index) }

  private func isPending(_ requester: RequesterID) -> Bool {
    (0..<identity.capabilities.faultRecordingCount).contains { index in
      let high = registers[qword: faultRecordOffset(index) &+ 8]
      return high[bit: 63] && high[bits: 0...15] == UInt64(requester.rawValue & 0xFFFF)
    }
  }

  /// The address bits that FRCD.FI holds: those of the largest table width.
  private var recordedAddressWidth: Int {
    let second = identity.capabilities.largestSecondStageWidth
    let secondStage = second == 0 ? 0 : 30 + 9 * Int(second)
    let firstStage = identity.extended.firstStageTranslation ? (identity.capabilities.firstStage5Level ? 57 : 48) : 0
    let largest = max(secondStage, firstStage)
    return largest == 0 ? identity.hostAddressWidth : largest
  }
}
