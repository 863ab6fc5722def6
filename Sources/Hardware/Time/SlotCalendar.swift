/// A port, channel or link: a resource that serves so many units per slot of time, booked ahead.
///
/// Time is cut into slots of equal length, each with the same capacity. A booking takes the first capacity at or after the time it asks for,
/// whatever was booked before it, so that an access issued later may fall into a gap that an earlier one left: with a single next-free time
/// the dependent reads of one walk would shut out every other walker.
///
/// Accuracy: never more than the capacity is granted per slot, so throughput is exact; a start may be early by less than one slot, because
/// the order within a slot is not kept. Bookings are remembered over `horizonSlots` slots up to the latest one. A request that lies further
/// behind is served when it asks, and not counted, if a slot at or after that time went out of memory with capacity left; otherwise the
/// resource was saturated, and it waits for the first capacity still remembered.
///
/// - Complexity: O(1) a booking within one slot, and a step more for every further slot it fills; going ahead costs O(1) amortised.
@frozen public struct SlotCalendar: ~Copyable, @unchecked Sendable {
  /// How many slots are remembered.
  @inlinable public static var horizonSlots: UInt64 { 4096 }

  // Zero if the capacity is unlimited.
  @usableFromInline let slotLength: UInt64
  @usableFromInline let reciprocal: UInt64
  @usableFromInline let capacity: UInt32
  // The first slot remembered, a multiple of 64; whoever asks for a slot below `openEnd` would have found capacity in
  // one that has left.
  @usableFromInline var base: UInt64 = 0
  @usableFromInline var openEnd: UInt64 = 0
  // A ring of one bit a slot, set when it is full, and a summary of one bit per full word.
  @usableFromInline let full: UnsafeMutablePointer<UInt64>
  @usableFromInline var fullWords: UInt64 = 0
  // The units left in each slot; absent if there is one a slot, which its bit says already.
  @usableFromInline let remaining: UnsafeMutablePointer<UInt32>?
  @usableFromInline let storage: OwnedStorage

  /// A resource that serves `units` units every `slot`; if either is zero, one that never makes anybody wait.
  public init(slot: SimTime, units: UInt32 = 1) {
    slotLength = units == 0 ? 0 : slot.picoseconds
    reciprocal = slotLength == 0 ? 0 : UInt64.max / slotLength
    capacity = units
    storage = OwnedStorage()
    full = storage.array(64, of: 0)
    remaining = units > 1 && slotLength != 0 ? storage.array(Int(Self.horizonSlots), of: units) : nil
  }

  /// A resource of unlimited capacity.
  public static var unlimited: SlotCalendar { SlotCalendar(slot: .zero) }

  /// Whether nothing ever waits here.
  @inlinable public var isUnlimited: Bool { slotLength == 0 }

  /// Books `units` units at the earliest possible time and answers when the first of them is served: at `time` or later.
  ///
  /// What does not fit into that slot takes the first capacity of the slots after it.
  @inlinable public mutating func reserve(at time: SimTime, units: UInt32 = 1) -> SimTime {
    if slotLength == 0 { return time }
    return book(time, units).start
  }

  /// Books `units` units like `reserve`, and answers when the last of them has been served: at full rate if nothing is in the way.
  @inlinable public mutating func transfer(at time: SimTime, units: UInt32) -> SimTime {
    if slotLength == 0 { return time }
    let booked = book(time, units)
    let product = slotLength.multipliedFullWidth(by: UInt64(units))
    let duration = product.high == 0 ? product.low / UInt64(capacity) : slotLength / UInt64(capacity) &* UInt64(units)
    return max(booked.start + SimTime(picoseconds: duration), booked.last)
  }

  @inlinable mutating func book(_ time: SimTime, _ units: UInt32) -> (start: SimTime, last: SimTime) {
    var slot = slotNumber(time)
    if slot < base {
      if slot < openEnd { return (time, time) }
      slot = base
    }
    slot = open(from: slot)
    let start = max(time, SimTime(picoseconds: slot &* slotLength))
    var left = units &- take(slot, units)
    while left != 0 {
      slot = open(from: slot &+ 1)
      left &-= take(slot, left)
    }
    return (start, max(time, SimTime(picoseconds: slot &* slotLength)))
  }

  /// The slot that holds a time: a division by multiplication, whose quotient is at most one too small.
  @inlinable func slotNumber(_ time: SimTime) -> UInt64 {
    let quotient = time.picoseconds.multipliedFullWidth(by: reciprocal).high
    return time.picoseconds &- quotient &* slotLength >= slotLength ? quotient &+ 1 : quotient
  }

  /// The first slot with capacity, not before `slot`, which is not before `base`.
  @inlinable mutating func open(from slot: UInt64) -> UInt64 {
    if slot &- base >= Self.horizonSlots {
      advance(to: slot)
      return slot
    }
    let word = Int(truncatingIfNeeded: slot &>> 6) & 63
    let free = ~full[word] & (UInt64.max &<< slot)
    if free != 0 { return slot & ~63 | UInt64(truncatingIfNeeded: free.trailingZeroBitCount) }
    // Bit n of `later` stands for the word n + 1 after this one, as far as the horizon goes.
    let turn = UInt64(truncatingIfNeeded: word &+ 1)
    let ahead = 63 &- (slot &- base) &>> 6
    let later = (~fullWords &>> turn | ~fullWords &<< (64 &- turn)) & ((1 &<< ahead) &- 1)
    if later == 0 {
      let next = base &+ Self.horizonSlots
      advance(to: next)
      return next
    }
    let step = later.trailingZeroBitCount &+ 1
    let found = ~full[(word &+ step) & 63]
    return (slot & ~63) &+ UInt64(truncatingIfNeeded: step &* 64 &+ found.trailingZeroBitCount)
  }

  /// Takes up to `units` units of an open slot and answers how many it had.
  @inlinable mutating func take(_ slot: UInt64, _ units: UInt32) -> UInt32 {
    if units == 0 { return 0 }
    var taken: UInt32 = 1
    if let remaining {
      let place = remaining + Int(truncatingIfNeeded: slot & (Self.horizonSlots &- 1))
      taken = min(place.pointee, units)
      place.pointee &-= taken
      if place.pointee != 0 { return taken }
    }
    let word = Int(truncatingIfNeeded: slot &>> 6) & 63
    full[word] |= 1 &<< slot
    if full[word] == .max { fullWords |= 1 &<< UInt64(truncatingIfNeeded: word) }
    return taken
  }

  /// Forgets as many of the oldest slots as it takes to remember `slot`, which lies beyond the horizon.
  @usableFromInline mutating func advance(to slot: UInt64) {
    let newBase = (slot & ~63) &- (Self.horizonSlots &- 64)
    let leaving = (newBase &- base) &>> 6
    if leaving > 64 {
      openEnd = newBase
    } else {
      var end = newBase
      while end != base {
        let open = ~full[Int(truncatingIfNeeded: end &>> 6 &- 1) & 63]
        if open != 0 {
          openEnd = end &- UInt64(open.leadingZeroBitCount)
          break
        }
        end &-= 64
      }
    }
    for number in 0..<min(leaving, 64) {
      let word = Int((base &>> 6 &+ number) & 63)
      full[word] = 0
      fullWords &= ~(1 &<< UInt64(word))
      if let remaining { (remaining + word * 64).update(repeating: capacity, count: 64) }
    }
    base = newBase
  }
}
