import Hardware
import PageTables

/// The miss status holding registers: walks under way, found by page for requests that merge, and in order of completion for the fills.
///
/// The tables are read when a walk begins; what it found becomes visible to others when it is done. A walk that an invalidation covers
/// is forgotten: nobody merges with it any more, and it fills nothing, but the request that began it still gets its answer.
///
/// - Complexity: finding is O(1); adding is O(1) for walks that complete in the order in which they began, and one step for every walk
///   under way that completes later otherwise.
@frozen public struct MissStatus: ~Copyable {
  /// A walk under way.
  @frozen public struct Walk: BitwiseCopyable, Sendable {
    /// The address that was asked for.
    public var address: IOVirtualAddress
    /// The context tag that was asked for.
    public var context: UInt64
    /// When the walk is done.
    public var done: SimTime
    /// What it will fill into the IOTLB.
    public var entry: IOTLBEntry
    /// How many entries it will fill into the caches that shorten walks: so many of its `descents` are valid.
    public var descentCount: UInt32
    @usableFromInline var next: UInt32
    // Where it begins its chain, or would.
    @usableFromInline var bucket: UInt32
    @usableFromInline var isCancelled: Bool
  }

  @frozen @usableFromInline struct Due: BitwiseCopyable {
    @usableFromInline var time: SimTime
    @usableFromInline var slot: UInt32

    @inlinable init(time: SimTime, slot: UInt32) {
      self.time = time
      self.slot = slot
    }
  }

  /// When the next walk is done; `never` if none is under way.
  @inlinable public var nextDone: SimTime { firstDone }
  /// How many walks are under way.
  @inlinable public var count: Int { tail &- head }

  @usableFromInline var firstDone: SimTime = .never
  @usableFromInline var walks: UnsafeMutablePointer<Walk>
  @usableFromInline var descents: UnsafeMutablePointer<WalkDescent>
  @usableFromInline var buckets: UnsafeMutablePointer<UInt32>
  // A ring of the walks in order of completion, from `head` up to `tail`, both counted through.
  @usableFromInline var order: UnsafeMutablePointer<Due>
  @usableFromInline var head = 0
  @usableFromInline var tail = 0
  @usableFromInline var capacity = 64
  @usableFromInline var free: UInt32 = 0
  @usableFromInline let storage = OwnedStorage()

  /// No walks under way.
  public init() {
    walks = storage.array(uninitialized: capacity)
    descents = storage.array(uninitialized: capacity * WalkDescents.limit)
    buckets = storage.array(capacity * 2, of: .max)
    order = storage.array(capacity, of: Due(time: .zero, slot: 0))
    chainFree(from: 0)
  }

  /// Where what a walk will fill into the IOTLB lies.
  @inlinable static func entry(of walk: UnsafePointer<Walk>) -> UnsafePointer<IOTLBEntry> {
    UnsafeRawPointer(walk).advanced(by: MemoryLayout<Walk>.offset(of: \.entry) ?? 24).assumingMemoryBound(to: IOTLBEntry.self)
  }

  /// What a walk will fill into the caches that shorten walks.
  @inlinable mutating func descents(of walk: UnsafePointer<Walk>) -> UnsafeMutablePointer<WalkDescent> {
    descents + (walk - UnsafePointer(walks)) &* WalkDescents.limit
  }

  /// Where walks of a page under a context tag are looked for; good until the next walk begins.
  @inlinable @inline(__always) public mutating func bucket(_ address: IOVirtualAddress, context: UInt64) -> UInt32 {
    bucket(address.pageNumber(12), context)
  }

  @inlinable @inline(__always) mutating func bucket(_ page: UInt64, _ context: UInt64) -> UInt32 {
    let hash = (page &+ context &* 0x9E37_79B9_7F4A_7C15) &* 0xD6E8_FEB8_6659_FD93
    return UInt32(truncatingIfNeeded: hash &>> 32) & UInt32(truncatingIfNeeded: capacity &* 2 &- 1)
  }

  /// The walk under way for the 4 KiB page of `address` under a context tag, if there is one that will fill.
  @inlinable @inline(__always) public mutating func find(
    _ address: IOVirtualAddress, context: UInt64, in bucket: UInt32
  ) -> UnsafePointer<Walk>? {
    let page = address.pageNumber(12)
    var slot = buckets[Int(bucket)]
    while slot != .max {
      let walk = walks + Int(slot)
      if walk.pointee.address.pageNumber(12) == page, walk.pointee.context == context { return UnsafePointer(walk) }
      slot = walk.pointee.next
    }
    return nil
  }

  /// Notes that a walk for `address` under a context tag is under way until `done`, and gives the place for what it will fill: every
  /// field but those named here must be written at once.
  ///
  /// The fields are written where they stay, because copying a structure that has just been put together waits for the walk's own reads.
  @inlinable @inline(__always) public mutating func begin(
    _ address: IOVirtualAddress, context: UInt64, in bucket: UInt32, until done: SimTime
  ) -> UnsafeMutablePointer<Walk> {
    var place = bucket
    if tail &- head == capacity {
      grow()
      place = self.bucket(address, context: context)
    }
    let slot = free
    let walk = walks + Int(truncatingIfNeeded: slot)
    free = walk.pointee.next
    walk.pointee.address = address
    walk.pointee.context = context
    walk.pointee.done = done
    walk.pointee.isCancelled = false
    walk.pointee.bucket = place
    walk.pointee.next = buckets[Int(place)]
    buckets[Int(place)] = slot
    var position = tail
    let mask = capacity &- 1
    while position > head, order[(position &- 1) & mask].time > done {
      order[position & mask] = order[(position &- 1) & mask]
      position &-= 1
    }
    order[position & mask] = Due(time: done, slot: slot)
    tail &+= 1
    if position == head { firstDone = done }
    return walk
  }

  /// Takes out the walk that is done first: what it is to fill, or `nil` if it was cancelled. To be called only while one is under way; the
  /// place is valid until the next walk begins.
  @inlinable @inline(__always) public mutating func finishNext() -> UnsafePointer<Walk>? {
    let mask = capacity &- 1
    let slot = order[head & mask].slot
    head &+= 1
    firstDone = head == tail ? .never : order[head & mask].time
    let walk = walks + Int(truncatingIfNeeded: slot)
    let isCancelled = walk.pointee.isCancelled
    if !isCancelled { unlink(slot) }
    walk.pointee.next = free
    free = slot
    return isCancelled ? nil : UnsafePointer(walk)
  }

  @inlinable @inline(__always) mutating func unlink(_ slot: UInt32) {
    let walk = walks + Int(slot)
    let place = Int(walk.pointee.bucket)
    if buckets[place] == slot {
      buckets[place] = walk.pointee.next
      return
    }
    var other = buckets[place]
    while walks[Int(other)].next != slot { other = walks[Int(other)].next }
    walks[Int(other)].next = walk.pointee.next
  }

  /// Cancels the walks under way that `matches` accepts, and tells how many there were.
  public mutating func cancelAll(where matches: (borrowing Walk) -> Bool) -> Int {
    var cancelled = 0
    for position in head..<tail {
      let slot = order[position & (capacity - 1)].slot
      guard !walks[Int(slot)].isCancelled, matches(walks[Int(slot)]) else { continue }
      unlink(slot)
      walks[Int(slot)].isCancelled = true
      cancelled += 1
    }
    return cancelled
  }

  /// Makes the walks under way forget what they were to fill into one of the caches that shorten walks, as far as `matches` accepts it and, if
  /// there is a range, an address of it is covered.
  public mutating func forget(
    _ cache: WalkDescent.Cache, covering range: ClosedRange<UInt64>?, where matches: (_ domain: UInt32, _ addressSpace: UInt32) -> Bool
  ) {
    for position in head..<tail {
      let walk = walks + Int(order[position & (capacity - 1)].slot)
      guard walk.pointee.descentCount > 0, matches(walk.pointee.entry.domain, walk.pointee.entry.addressSpace) else { continue }
      let descents = descents(of: UnsafePointer(walk))
      var kept = 0
      for index in 0..<Int(walk.pointee.descentCount) {
        let descent = descents[index]
        let sizeLog2 = cache == .tables ? descent.translation.sizeLog2 : 3 + 9 * descent.level
        if descent.cache == cache, range?.touches(page: descent.input, sizeLog2: sizeLog2) ?? true { continue }
        descents[kept] = descent
        kept += 1
      }
      walk.pointee.descentCount = UInt32(kept)
    }
  }

  private mutating func chainFree(from first: Int) {
    for slot in first..<capacity { walks[slot].next = slot + 1 == capacity ? .max : UInt32(slot + 1) }
    free = UInt32(first)
  }

  // Every slot is in use when this is called.
  @usableFromInline mutating func grow() {
    let old = capacity
    let due = (head..<tail).map { order[$0 & (old - 1)] }
    storage.extend(&walks, from: old, to: old * 2)
    storage.extend(&descents, from: old * WalkDescents.limit, to: old * 2 * WalkDescents.limit)
    storage.extend(&order, from: old, to: old * 2)
    storage.extend(&buckets, from: 0, to: old * 4, with: .max)
    capacity = old * 2
    for (position, entry) in due.enumerated() { order[position] = entry }
    head = 0
    tail = old
    for slot in 0..<old where !walks[slot].isCancelled {
      let place = bucket(walks[slot].address.pageNumber(12), walks[slot].context)
      walks[slot].bucket = place
      walks[slot].next = buckets[Int(place)]
      buckets[Int(place)] = UInt32(slot)
    }
    chainFree(from: old)
  }
}
