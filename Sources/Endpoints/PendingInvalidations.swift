import Hardware
import Translation

/// Invalidations that a device has carried out and not completed yet, because requests that used what they removed are still under way.
struct PendingInvalidations: Sendable {
  private var pending: [(tag: UInt8, due: SimTime)] = []

  /// When the next completion is due; never if there is none.
  var nextDue: SimTime { pending.lazy.map(\.due).min() ?? .never }

  /// Takes an invalidation that may be completed at `due`.
  mutating func append(tag: UInt8, due: SimTime) { pending.append((tag, due)) }

  /// The tags of all that may be completed at `time`, one bit each.
  mutating func take(at time: SimTime) -> UInt32 {
    var tags: UInt32 = 0
    for invalidation in pending where invalidation.due <= time { tags |= 1 << UInt32(invalidation.tag & 31) }
    pending.removeAll { $0.due <= time }
    return tags
  }
}
