import Hardware
import VTdArchitecture

extension VTdDriver {
  /// Takes an interrupt that the unit sent: the fault event makes the driver read the fault records, the page request event the page requests.
  ///
  /// What goes wrong with these is thrown by the next call of `runDue`.
  public func receive(_ message: MessageSignalledInterrupt) {
    guard isRunning else { return }
    if message == configuration.faultMessage { drainFaults() }
    guard message == configuration.pageRequestMessage, pageRequestQueue != nil else { return }
    do throws(HostDriverError) { try handlePageRequests() } catch { unreported = unreported ?? error }
  }

  /// Reads and clears every fault record of the unit, and hands out what has been read since the last call, oldest first.
  public func takeFaults() -> [HostFault] {
    if isRunning { drainFaults() }
    defer { faultLog.removeAll(keepingCapacity: true) }
    return faultLog
  }

  /// Reads the fault recording registers from FSTS.FRI on, around the end, clears each, then the overflow (VT-d rev 5.10 section 7).
  func drainFaults() {
    let status = bus.readRegister32(RegisterOffset.faultStatus)
    if status[bit: 1] {
      let count = identity.capabilities.faultRecordingCount
      var index = Int(status[bits: 8...15]) % count
      // A unit may record new faults while the driver reads; two rounds are enough for one call.
      for _ in 0..<2 * count {
        let register = identity.capabilities.faultRecordingOffset + UInt64(index) * 16
        let high = bus.readRegister64(register + 8)
        guard high[bit: 63] else { break }
        note(SIMD2(bus.readRegister64(register), high))
        // F is bit 127: writing the last quarter alone leaves the rest in peace.
        bus.writeRegister32(register + 12, 1 << 31)
        index = (index + 1) % count
      }
    }
    if status[bit: 0] {
      activity.faultOverflows += 1
      bus.writeRegister32(RegisterOffset.faultStatus, 1)
    }
  }

  private func note(_ words: SIMD2<UInt64>) {
    activity.faults += 1
    guard faultLog.count < configuration.faultLogCapacity else {
      activity.droppedFaults += 1
      return
    }
    let record = FaultRecord(low: words[0], high: words[1])
    let isInterrupt = (0x20...0x2F).contains(record.reason.rawValue)
    let request: HostFault.Request =
      switch record.type {
      case .read: .read
      case .write: isInterrupt ? .interrupt : .write
      case .atomic: .atomic
      case .pageRequest: .pageRequest
      }
    faultLog.append(
      HostFault(
        requester: record.source, pasid: record.pasid, address: request == .interrupt ? IOVirtualAddress(0) : record.address,
        request: request, code: record.reason.rawValue, words: words))
  }
}
