/// A pool of identical servers, each of which serves one request at a time: walker slots, MSHRs, credits of a closed loop.
///
/// A request gets the server that has been free longest, of several the one with the lowest number. Requests are served in the order in
/// which they are issued: one issued later for an earlier time doesn't use the idle time of a server that was granted to a later one.
///
/// - Complexity: O(log n) in the number of servers.
@frozen public struct ServerPool: ~Copyable, @unchecked Sendable {
  /// What a request was granted.
  @frozen public struct Grant: Hashable, Sendable {
    /// The server, from 0; meaningless for an unlimited pool.
    public let server: UInt32
    /// When service starts: the time asked for or later.
    public let start: SimTime

    /// A grant of a server from `start` on.
    @inlinable public init(server: UInt32, start: SimTime) {
      self.server = server
      self.start = start
    }
  }

  @frozen @usableFromInline struct Entry {
    @usableFromInline var free: SimTime
    @usableFromInline var server: UInt32

    @inlinable init(free: SimTime, server: UInt32) {
      self.free = free
      self.server = server
    }

    @inlinable func precedes(_ other: Entry) -> Bool { free == other.free ? server < other.server : free < other.free }
  }

  /// How many servers there are; 0 stands for an unlimited number.
  public let servers: UInt32
  // A heap of the servers whose release is known. A scan is slower even for two of them.
  @usableFromInline let entries: UnsafeMutablePointer<Entry>
  @usableFromInline var count: Int
  @usableFromInline let storage: OwnedStorage

  /// A pool of the given number of servers, all free from the start of time on; 0 makes it unlimited.
  public init(servers: UInt32) {
    self.servers = servers
    count = Int(servers)
    storage = OwnedStorage()
    entries = storage.array(count, of: Entry(free: .zero, server: 0))
    for server in 0..<count { entries[server].server = UInt32(server) }
  }

  /// Whether nothing ever waits here.
  @inlinable public var isUnlimited: Bool { servers == 0 }

  /// When the next server is free; `never` if each is held by somebody who has not said until when.
  @inlinable public var nextFree: SimTime {
    if servers == 0 { return .zero }
    return count == 0 ? .never : entries[0].free
  }

  /// Takes a server from the earliest possible time on, until `release`; `nil` if each is held by somebody who has not said until when.
  @inlinable @inline(__always) public mutating func reserve(at time: SimTime) -> Grant? {
    if servers == 0 { return Grant(server: 0, start: time) }
    return take(at: time)
  }

  @inlinable @inline(never) mutating func take(at time: SimTime) -> Grant? {
    if count == 0 { return nil }
    let entry = entries[0]
    count &-= 1
    if count > 0 { sink(entries[count]) }
    return Grant(server: entry.server, start: max(time, entry.free))
  }

  /// Gives back a server that `reserve` granted; it is free from `time` on. To be called once for each grant.
  @inlinable @inline(__always) public mutating func release(_ server: UInt32, at time: SimTime) {
    if servers != 0 { giveBack(server, at: time) }
  }

  @inlinable @inline(never) mutating func giveBack(_ server: UInt32, at time: SimTime) {
    if count >= Int(servers) { return }
    let entry = Entry(free: time, server: server)
    var place = count
    count &+= 1
    while place > 0 {
      let parent = (place &- 1) / 2
      if !entry.precedes(entries[parent]) { break }
      entries[place] = entries[parent]
      place = parent
    }
    entries[place] = entry
  }

  /// Takes a server for `duration` at the earliest possible time and answers when service starts; `never` if each is held by somebody who has
  /// not said until when.
  @inlinable public mutating func occupy(from time: SimTime, for duration: SimTime) -> SimTime {
    if servers == 0 { return time }
    if count == 0 { return .never }
    var entry = entries[0]
    let start = max(time, entry.free)
    entry.free = start + duration
    sink(entry)
    return start
  }

  /// Puts an entry where the root of the heap is, and restores the order.
  @inlinable func sink(_ entry: Entry) {
    var place = 0
    while true {
      var child = 2 &* place &+ 1
      if child >= count { break }
      if child &+ 1 < count, entries[child &+ 1].precedes(entries[child]) { child &+= 1 }
      if !entries[child].precedes(entry) { break }
      entries[place] = entries[child]
      place = child
    }
    entries[place] = entry
  }
}
