import Testing

@testable import Hardware

/// The same bookings by the definition: a dictionary of what each slot has given, and a search slot by slot.
private struct NaiveCalendar {
  let slot: UInt64
  let units: UInt32
  var used: [UInt64: UInt32] = [:]

  mutating func book(at time: UInt64, _ wanted: UInt32) -> (start: UInt64, last: UInt64) {
    var number = time / slot
    while used[number, default: 0] == units { number += 1 }
    let first = number
    var left = wanted
    while left > 0 {
      let taken = min(left, units - used[number, default: 0])
      used[number, default: 0] += taken
      left -= taken
      if left > 0 { number += 1 }
    }
    return (max(time, first * slot), max(time, number * slot))
  }
}

@Suite struct SlotCalendarTests {
  static let nanosecond = SimTime(nanoseconds: 1)

  @Test("Requests at one time are served one slot apart")
  func serial() {
    var port = SlotCalendar(slot: Self.nanosecond)
    #expect((0..<4).map { _ in port.reserve(at: .zero).picoseconds } == [0, 1000, 2000, 3000])
  }

  @Test("A request issued later falls into the gap that an earlier one left")
  func gap() {
    var port = SlotCalendar(slot: Self.nanosecond)
    #expect(port.reserve(at: SimTime(nanoseconds: 50)) == SimTime(nanoseconds: 50))
    #expect(port.reserve(at: SimTime(nanoseconds: 10)) == SimTime(nanoseconds: 10))
    #expect(port.reserve(at: SimTime(nanoseconds: 50)) == SimTime(nanoseconds: 51))
  }

  @Test("A request in the middle of an empty slot starts at once")
  func midSlot() {
    var port = SlotCalendar(slot: Self.nanosecond)
    #expect(port.reserve(at: SimTime(picoseconds: 2500)) == SimTime(picoseconds: 2500))
    #expect(port.reserve(at: SimTime(picoseconds: 2500)) == SimTime(picoseconds: 3000))
  }

  @Test("Units that don't fit into a slot take the capacity of the next ones, and the transfer ends with the last of them")
  func spill() {
    var link = SlotCalendar(slot: Self.nanosecond, units: 4)
    #expect(link.transfer(at: .zero, units: 6) == SimTime(picoseconds: 1500))
    #expect(link.reserve(at: .zero, units: 1) == SimTime(picoseconds: 1000))
    #expect(link.reserve(at: SimTime(nanoseconds: 3), units: 4) == SimTime(nanoseconds: 3))
    // One unit is left in slot 1, four in slot 2, none in slot 3.
    #expect(link.transfer(at: .zero, units: 6) == SimTime(nanoseconds: 4))
  }

  @Test("Without units or without a slot's length nobody waits", arguments: [(0, 1), (1000, 0)] as [(UInt64, UInt32)])
  func unlimited(slot: UInt64, units: UInt32) {
    var port = SlotCalendar(slot: SimTime(picoseconds: slot), units: units)
    #expect(port.isUnlimited == true)
    for _ in 0..<100 { #expect(port.reserve(at: Self.nanosecond, units: 1000) == Self.nanosecond) }
    #expect(port.transfer(at: Self.nanosecond, units: 5) == Self.nanosecond)
  }

  @Test("Saturation far beyond the horizon keeps the throughput exact")
  func saturated() {
    var port = SlotCalendar(slot: Self.nanosecond, units: 2)
    for index in 0..<UInt64(20_000) { #expect(port.reserve(at: .zero) == SimTime(nanoseconds: index / 2)) }
  }

  @Test("A request behind a horizon of full slots waits; one behind a horizon with gaps doesn't")
  func behind() {
    var saturated = SlotCalendar(slot: Self.nanosecond)
    for _ in 0..<10_000 { _ = saturated.reserve(at: .zero) }
    #expect(saturated.reserve(at: SimTime(nanoseconds: 5)) == SimTime(nanoseconds: 10_000))
    var idle = SlotCalendar(slot: Self.nanosecond)
    _ = idle.reserve(at: SimTime(nanoseconds: 1_000_000))
    #expect(idle.reserve(at: SimTime(nanoseconds: 5)) == SimTime(nanoseconds: 5))
    #expect(idle.reserve(at: SimTime(nanoseconds: 5)) == SimTime(nanoseconds: 5))
  }

  @Test("A gap counts for the requests before it, not for those after it, once it has left memory")
  func gapThatLeft() {
    var port = SlotCalendar(slot: Self.nanosecond)
    for index in 0..<UInt64(9000) where index != 100 { _ = port.reserve(at: SimTime(nanoseconds: index)) }
    #expect(port.reserve(at: SimTime(nanoseconds: 100)) == SimTime(nanoseconds: 100))
    #expect(port.reserve(at: SimTime(nanoseconds: 101)) == SimTime(nanoseconds: 9000))
  }

  @Test("The end of time is no trap", arguments: [1, 3, 1000, UInt64.max])
  func endOfTime(slot: UInt64) {
    var port = SlotCalendar(slot: SimTime(picoseconds: slot), units: 3)
    for _ in 0..<10 { _ = port.reserve(at: .never, units: 2) }
    _ = port.transfer(at: .never, units: .max &>> 20)
    _ = port.reserve(at: .zero)
  }

  struct Load: Sendable {
    var slot: UInt64
    var units: UInt32
    var spread: UInt64
    var pace: UInt64
  }

  @Test(
    "Random requests are booked as the definition says",
    arguments: [
      Load(slot: 1, units: 1, spread: 50, pace: 1), Load(slot: 1000, units: 1, spread: 300_000, pace: 1500),
      Load(slot: 1000, units: 1, spread: 300_000, pace: 700), Load(slot: 15_720, units: 3, spread: 1_000_000, pace: 9000),
      Load(slot: 2501, units: 64, spread: 2_000_000, pace: 600), Load(slot: 7, units: 2, spread: 1000, pace: 100_000),
    ], 0..<UInt64(4))
  func property(load: Load, seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var calendar = SlotCalendar(slot: SimTime(picoseconds: load.slot), units: load.units)
    var naive = NaiveCalendar(slot: load.slot, units: load.units)
    var now: UInt64 = 0
    for step in 0..<6000 {
      now += random.next(below: 2 * load.pace + 1)
      let time = now + random.next(below: load.spread)
      let units = UInt32(1 + random.next(below: UInt64(load.units) * 2))
      let expected = naive.book(at: time, units)
      let booked = calendar.book(SimTime(picoseconds: time), units)
      guard booked.start.picoseconds == expected.start, booked.last.picoseconds == expected.last else {
        Issue.record("seed \(seed) step \(step): \(units) at \(time): got \(booked), expected \(expected)")
        return
      }
    }
  }
}
