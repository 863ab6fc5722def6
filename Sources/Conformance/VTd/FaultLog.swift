import Hardware
import VTdArchitecture

/// The fault status, fault event control and fault recording registers as a sequence of faults and register writes leaves them
/// (VT-d 7.2.1, 7.3, 11.4.7).
struct FaultLog: Hashable {
  /// A fault recording register.
  struct Record: Hashable {
    var low: UInt64 = 0
    var high: UInt64 = 0
    var isPending: Bool { high[bit: 63] }
    var source: UInt64 { high[bits: 0...15] }
  }

  private(set) var records: [Record]
  /// PFO.
  private(set) var hasOverflowed = false
  /// IQE, ITE and ICE, by their bits in FSTS.
  private(set) var queueErrors: UInt64 = 0
  private var next = 0
  private var first = 0
  private var isMasked = true
  private var isEventPending = false
  private let recordOffset: UInt64

  init(_ capabilities: Capabilities) {
    records = Array(repeating: Record(), count: capabilities.faultRecordingCount)
    recordOffset = capabilities.faultRecordingOffset
  }

  /// FSTS.
  var status: UInt64 {
    var status = queueErrors
    status[bit: 0] = hasOverflowed
    status[bit: 1] = records.contains { $0.isPending }
    status[bits: 8...15] = UInt64(first)
    return status
  }

  private var hasAnyStatus: Bool { status & 0x7F != 0 }

  /// Whether a record of the requester is pending, so that a further fault of it may be dropped silently.
  func hasPendingRecord(of source: RequesterID) -> Bool { records.contains { $0.isPending && $0.source == UInt64(source.rawValue) } }

  /// Whether the next fault finds a free register.
  var canRecord: Bool { !hasOverflowed && !records[next].isPending }

  /// Records a fault. With `collapses` one of a requester with a pending record is dropped without PFO.
  mutating func record(_ fault: Record, collapses: Bool) {
    guard !hasOverflowed else { return }
    if collapses, records.contains(where: { $0.isPending && $0.source == fault.source }) { return }
    guard !records[next].isPending else {
      hasOverflowed = true
      return
    }
    let isFirst = !records.contains { $0.isPending }
    if isFirst {
      first = next
      raiseEvent()
    }
    records[next] = fault
    next = (next + 1) % records.count
  }

  /// Sets IQE (bit 4), ICE (5) or ITE (6).
  mutating func setQueueError(_ bit: Int) {
    guard !queueErrors[bit: bit] else { return }
    raiseEvent()
    queueErrors[bit: bit] = true
  }

  private mutating func raiseEvent() {
    if !hasAnyStatus { isEventPending = isMasked }
  }

  /// Software writes a register; registers of other purposes are left alone.
  mutating func write(offset: UInt64, size: Int, value: UInt64) {
    switch offset {
    case RegisterOffset.faultStatus:
      if value[bit: 0] { hasOverflowed = false }
      queueErrors &= ~(value & 0x70)
    case RegisterOffset.faultEventControl:
      isMasked = value[bit: 31]
      if !isMasked { isEventPending = false }
    default:
      guard offset >= recordOffset, offset - recordOffset < UInt64(records.count * 16) else { return }
      let inside = (offset - recordOffset) % 16
      let clears = (inside == 8 && size == 8 && value[bit: 63]) || (inside == 12 && size == 4 && value[bit: 31])
      if clears { records[Int((offset - recordOffset) / 16)].high[bit: 63] = false }
    }
    if !hasAnyStatus { isEventPending = false }
  }

  /// What the register shows; nil for registers of other purposes.
  func read(offset: UInt64, size: Int) -> UInt64? {
    switch offset {
    case RegisterOffset.faultStatus: return status
    case RegisterOffset.faultEventControl: return (isMasked ? 1 << 31 : 0) | (isEventPending ? 1 << 30 : 0)
    default:
      guard offset >= recordOffset, offset - recordOffset < UInt64(records.count * 16) else { return nil }
      let record = records[Int((offset - recordOffset) / 16)]
      let word = (offset - recordOffset) % 16 < 8 ? record.low : record.high
      return size == 8 ? word : offset & 4 == 0 ? word[bits: 0...31] : word[bits: 32...63]
    }
  }
}
