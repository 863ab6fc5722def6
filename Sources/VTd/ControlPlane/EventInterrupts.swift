import Hardware
import VTdArchitecture

/// An event that a unit tells software of by a message.
@frozen public enum EventInterrupt: UInt8, Hashable, Sendable, CaseIterable {
  /// A fault was recorded, or the invalidation queue met an error.
  case fault
  /// An invalidation wait descriptor with interrupt flag completed.
  case invalidationCompletion
  /// A page request was queued, or lost.
  case pageRequest
  /// A performance counter overflowed.
  case performanceMonitoring

  /// Where the event's control register lies; message data, address and upper address follow.
  var controlOffset: UInt64 {
    switch self {
    case .fault: RegisterOffset.faultEventControl
    case .invalidationCompletion: RegisterOffset.invalidationEventControl
    case .pageRequest: RegisterOffset.pageRequestEventControl
    case .performanceMonitoring: RegisterOffset.performanceInterruptControl
    }
  }

  /// Where the status register lies whose bits are the event's conditions, and which bits those are.
  var status: (offset: UInt64, conditions: UInt32) {
    switch self {
    case .fault: (RegisterOffset.faultStatus, 0b111_0011)
    case .invalidationCompletion: (RegisterOffset.invalidationCompletionStatus, 0b1)
    case .pageRequest: (RegisterOffset.pageRequestStatus, 0b11)
    case .performanceMonitoring: (RegisterOffset.performanceInterruptStatus, 0b1)
    }
  }
}

/// A message-signalled interrupt: a write of 32 bits that an interrupt controller receives. It is never remapped.
@frozen public struct InterruptMessage: Hashable, Sendable {
  /// The event that caused it.
  public var event: EventInterrupt
  /// Where the write goes.
  public var address: PhysicalAddress
  /// What is written.
  public var data: UInt32

  /// A message.
  @inlinable public init(event: EventInterrupt, address: PhysicalAddress, data: UInt32) {
    self.event = event
    self.address = address
    self.data = data
  }
}

/// Messages on their way, oldest first.
///
/// There is at most one of each event: an edge-triggered interrupt that is still pending takes up the next one of its kind.
struct PendingMessages {
  private var slots = InlineArray<4, InterruptMessage?>(repeating: nil)
  private var count = 0

  mutating func append(_ message: InterruptMessage) {
    for index in 0..<count where slots[index]?.event == message.event {
      slots[index] = message
      return
    }
    slots[count] = message
    count += 1
  }

  mutating func removeFirst() -> InterruptMessage? {
    guard count > 0 else { return nil }
    let first = slots[0]
    for index in 1..<count { slots[index - 1] = slots[index] }
    count -= 1
    return first
  }
}

extension ControlPlane {
  private static let masked = 31
  private static let pending = 30

  /// Sets status bits of an event. If all its conditions were clear, a message is sent, or held back while masked (VT-d rev 5.10 sections
  /// 6.5.2.10, 7.3, 7.5 and 10.6).
  mutating func raise(_ event: EventInterrupt, status bits: UInt32) {
    let (offset, conditions) = event.status
    let isNew = registers[dword: offset] & conditions == 0
    registers[dword: offset] |= bits
    guard isNew else { return }
    registers[dword: event.controlOffset][bit: Self.pending] = true
    sendIfUnmasked(event)
  }

  /// Sends a message that was held back, if the mask is gone.
  mutating func sendIfUnmasked(_ event: EventInterrupt) {
    let control = registers[dword: event.controlOffset]
    guard control[bit: Self.pending], !control[bit: Self.masked] else { return }
    registers[dword: event.controlOffset][bit: Self.pending] = false
    let low = UInt64(registers[dword: event.controlOffset &+ RegisterOffset.eventAddressDistance])
    let high = UInt64(registers[dword: event.controlOffset &+ RegisterOffset.eventUpperAddressDistance])
    messages.append(
      InterruptMessage(
        event: event, address: PhysicalAddress(high << 32 | low),
        data: registers[dword: event.controlOffset &+ RegisterOffset.eventDataDistance]))
  }

  /// Drops a message that was held back, if software has cleared every condition of its event.
  mutating func clearIfServiced(_ event: EventInterrupt) {
    let (offset, conditions) = event.status
    if registers[dword: offset] & conditions == 0 { registers[dword: event.controlOffset][bit: Self.pending] = false }
  }
}
