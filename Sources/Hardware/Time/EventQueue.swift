/// The rare asynchronous happenings of a simulation, in the order of their times; those of one time in the order in which they were added.
///
/// Values, no closures: what an event means is up to whoever takes it out. Reading `nextTime` is one load, so that a loop may ask before every
/// record.
///
/// - Complexity: O(log n) to add or take one.
@frozen public struct EventQueue<Payload>: ~Copyable {
  /// One event.
  @frozen public struct Event {
    /// When it happens.
    public let time: SimTime
    /// What happens.
    public let payload: Payload
    @usableFromInline let order: UInt64

    @inlinable init(time: SimTime, payload: Payload, order: UInt64) {
      self.time = time
      self.payload = payload
      self.order = order
    }

    @inlinable func precedes(_ other: borrowing Event) -> Bool { time == other.time ? order < other.order : time < other.time }
  }

  @usableFromInline var entries = 0
  @usableFromInline var next: SimTime = .never
  @usableFromInline var heap: UnsafeMutablePointer<Event>
  @usableFromInline var capacity = 16
  @usableFromInline var added: UInt64 = 0

  /// How many events wait.
  @inlinable public var count: Int { entries }
  /// The time of the next event; `never` if there is none.
  @inlinable public var nextTime: SimTime { next }

  /// A queue without events.
  @inlinable public init() { heap = .allocate(capacity: capacity) }

  @inlinable deinit {
    heap.deinitialize(count: entries)
    heap.deallocate()
  }

  /// Adds an event.
  @inlinable public mutating func add(_ payload: Payload, at time: SimTime) {
    if entries == capacity { grow() }
    let event = Event(time: time, payload: payload, order: added)
    added += 1
    var place = entries
    entries += 1
    while place > 0 {
      let parent = (place - 1) / 2
      if !event.precedes(heap[parent]) { break }
      (heap + place).moveInitialize(from: heap + parent, count: 1)
      place = parent
    }
    (heap + place).initialize(to: event)
    next = heap[0].time
  }

  /// Takes out the next event if it happens at or before `time`.
  @inlinable public mutating func takeNext(through time: SimTime) -> Event? {
    guard entries > 0, next <= time else { return nil }
    let event = heap.move()
    entries -= 1
    if entries > 0 { sink((heap + entries).move()) }
    next = entries == 0 ? .never : heap[0].time
    return event
  }

  @inlinable func sink(_ event: Event) {
    var place = 0
    while true {
      var child = 2 * place + 1
      if child >= entries { break }
      if child + 1 < entries, heap[child + 1].precedes(heap[child]) { child += 1 }
      if !heap[child].precedes(event) { break }
      (heap + place).moveInitialize(from: heap + child, count: 1)
      place = child
    }
    (heap + place).initialize(to: event)
  }

  @inlinable mutating func grow() {
    let larger = UnsafeMutablePointer<Event>.allocate(capacity: capacity * 2)
    larger.moveInitialize(from: heap, count: entries)
    heap.deallocate()
    heap = larger
    capacity *= 2
  }
}

extension EventQueue.Event: Sendable where Payload: Sendable {}
extension EventQueue: @unchecked Sendable where Payload: Sendable {}
