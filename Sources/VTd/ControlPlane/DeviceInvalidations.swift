import Hardware
import Translation

/// Device-TLB invalidations that devices have not completed yet, by the tags that name them (VT-d rev 5.10 section 4.3).
///
/// Each source-id has 32 tags of its own. These are rare messages: everything here is linear in the number of those under way.
struct DeviceInvalidations {
  /// The tags of a source-id, and the most that can be pending for a physical function.
  static let tagCount = 32

  private struct Pending {
    var device: RequesterID
    /// Whose limit the invalidation counts against.
    var physicalFunction: RequesterID
    var tag: UInt8
    /// InvCmpCnt: the completions received.
    var completions: UInt8 = 0
    var deadline: SimTime
    var sequence: UInt64
  }

  // Oldest first, so that deadlines ascend as well.
  private var pending: [Pending] = [] {
    didSet { nextDeadline = pending.first?.deadline ?? .never }
  }
  /// How many invalidations have been issued: the sequence number of the next.
  private(set) var issued: UInt64 = 0

  /// When the oldest invalidation times out; never if none is under way.
  private(set) var nextDeadline = SimTime.never

  /// The sequence number of the oldest invalidation under way; that of the next if none is.
  var oldest: UInt64 { pending.first?.sequence ?? issued }

  /// Takes the lowest free tag of a device; `nil` if it has none, or if `limit` invalidations of the physical function are under way.
  mutating func issue(to device: RequesterID, physicalFunction: RequesterID, limit: Int, deadline: SimTime) -> UInt8? {
    var used: UInt32 = 0
    var count = 0
    for invalidation in pending {
      if invalidation.device == device { used |= 1 << UInt32(invalidation.tag) }
      if invalidation.physicalFunction == physicalFunction { count += 1 }
    }
    guard used != .max, count < limit else { return nil }
    let tag = UInt8((~used).trailingZeroBitCount)
    pending.append(
      Pending(device: device, physicalFunction: physicalFunction, tag: tag, deadline: deadline, sequence: issued))
    issued += 1
    return tag
  }

  /// Counts a completion for the tags that it names; an invalidation with all its completions is over, and its tag free.
  ///
  /// - Parameter stopsEarly: Tags above one that is not allocated are left out.
  /// - Returns: Whether every tag was allocated for the device.
  mutating func complete(_ completion: InvalidationCompletion, stopsEarly: Bool) -> Bool {
    var areAllocated = true
    for tag in 0..<UInt8(Self.tagCount) where completion.tags[bit: Int(tag)] {
      guard let index = pending.firstIndex(where: { $0.device == completion.requester && $0.tag == tag }) else {
        areAllocated = false
        if stopsEarly { break }
        continue
      }
      pending[index].completions += 1
      if pending[index].completions >= completion.messageCount { pending.remove(at: index) }
    }
    return areAllocated
  }

  /// Frees the tag of the oldest invalidation if it has timed out at `time`, and tells its device.
  mutating func expire(at time: SimTime) -> RequesterID? {
    guard !pending.isEmpty, nextDeadline <= time else { return nil }
    return pending.removeFirst().device
  }
}
