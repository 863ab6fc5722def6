import Hardware

/// A unit's way to memory: a latency for each read, and a bandwidth.
@frozen public struct MemoryPort: ~Copyable {
  /// The time from a read's start to its data.
  public let latency: SimTime
  @usableFromInline var channel: SlotCalendar
  /// The reads made, table entries and configuration structures alike.
  public var reads: UInt64 = 0
  /// The atomic flag updates made.
  public var updates: UInt64 = 0

  /// A port of the given latency and bandwidth.
  public init(_ parameters: TranslationParameters.MemoryPortParameters) {
    latency = parameters.latency
    channel = SlotCalendar(slot: parameters.interval)
  }

  /// Makes a read that is issued at `time`, and tells when its data is there.
  @inlinable public mutating func read(at time: SimTime) -> SimTime {
    reads &+= 1
    return channel.reserve(at: time) + latency
  }

  /// Makes reads that each wait for the one before, the first issued at `time`, and tells when the last one's data is there.
  @inlinable @inline(__always) public mutating func read(count: UInt8, at time: SimTime) -> SimTime {
    reads &+= UInt64(count)
    return channel.isUnlimited ? time + latency * UInt64(count) : queue(count: count, at: time)
  }

  @inlinable @inline(never) mutating func queue(count: UInt8, at time: SimTime) -> SimTime {
    var time = time
    for _ in 0..<count { time = channel.reserve(at: time) + latency }
    return time
  }

  /// Makes an atomic update that is issued at `time`, and tells when it is done.
  @inlinable public mutating func update(at time: SimTime) -> SimTime {
    updates &+= 1
    return channel.reserve(at: time) + latency
  }
}
