import Hardware
import Histogram

/// How often each latency occurred.
///
/// Most machines show few different latencies, so the first few thousand are counted exactly, each in a slot of its own; all others go to a
/// histogram that keeps three significant digits.
struct LatencyTally: ~Copyable {
  /// A latency and how often it occurred; a slot whose count is 0 is free.
  struct Slot {
    var picoseconds: UInt64 = 0
    var count: UInt64 = 0
  }

  static let slotsLog2: UInt64 = 12
  static let slotCount = 1 << Int(slotsLog2)
  /// How many slots after its own a latency may be put into.
  static let reach = 8

  let slots: UnsafeMutablePointer<Slot>
  private var others: Histogram<UInt64>

  init() {
    slots = .allocate(capacity: Self.slotCount)
    slots.initialize(repeating: Slot(), count: Self.slotCount)
    others = Histogram(highestTrackableValue: 1 << 62)
  }

  deinit { slots.deallocate() }

  /// Counts a latency that so many requests had.
  mutating func record(_ latency: SimTime, count: UInt64 = 1) {
    let slot = slots + Self.home(latency.picoseconds)
    if slot.pointee.picoseconds == latency.picoseconds, slot.pointee.count != 0 {
      slot.pointee.count &+= count
    } else {
      recordElsewhere(latency.picoseconds, count)
    }
  }

  static func home(_ picoseconds: UInt64) -> Int {
    Int(truncatingIfNeeded: (picoseconds &* 0x9E37_79B9_7F4A_7C15) &>> (64 &- slotsLog2))
  }

  mutating func recordElsewhere(_ picoseconds: UInt64, _ count: UInt64) {
    let home = Self.home(picoseconds)
    for place in home...home + Self.reach {
      let slot = slots + place % Self.slotCount
      if slot.pointee.count == 0 { slot.pointee.picoseconds = picoseconds }
      guard slot.pointee.picoseconds == picoseconds else { continue }
      slot.pointee.count += count
      return
    }
    others.record(min(picoseconds, 1 << 62), count: count)
  }

  mutating func reset() {
    slots.update(repeating: Slot(), count: Self.slotCount)
    others.reset()
  }

  /// The longest latency.
  var maximum: SimTime {
    let exact = UnsafeBufferPointer(start: slots, count: Self.slotCount).filter { $0.count > 0 }.map(\.picoseconds).max() ?? 0
    return SimTime(picoseconds: max(exact, others.maxRecorded))
  }

  /// The latencies in rising order with their counts.
  var distribution: [(latency: SimTime, count: UInt64)] {
    let exact = UnsafeBufferPointer(start: slots, count: Self.slotCount).filter { $0.count > 0 }
    let rounded = others.recordedValues().map { value in
      Slot(picoseconds: others.lowestEquivalentForValue(value.value), count: value.count)
    }
    return (exact + rounded).sorted { $0.picoseconds < $1.picoseconds }.map { (SimTime(picoseconds: $0.picoseconds), $0.count) }
  }
}
