import Hardware
import VTdArchitecture

/// A wait descriptor that has been fetched and waits for devices.
struct PendingWait {
  var descriptor: InvalidationWait
  /// How many device-TLB invalidations had been issued before it: it waits for all of them.
  var precedingInvalidations: UInt64
}

/// Invalidation wait descriptors (VT-d rev 5.10 sections 6.5.2.9 and 6.5.2.12).
///
/// What caches forget, they forget at once, so that a wait has only devices to wait for. Page requests are in their queue, and its tail has
/// moved, before the unit takes the next message of a device: a page-request drain has nothing left to do.
extension ControlPlane {
  /// Whether a fence keeps descriptors behind it from being fetched; no wait can be pending behind one.
  var isFenced: Bool { waits.last?.descriptor.fence ?? false }

  /// Takes a wait descriptor, and completes it if nothing is under way.
  mutating func begin(_ wait: InvalidationWait) {
    waits.append(PendingWait(descriptor: wait, precedingInvalidations: invalidations.issued))
    completeWaits()
  }

  /// Completes the waits that have nothing to wait for any more, in the order of the queue.
  mutating func completeWaits() {
    while let first = waits.first, invalidations.oldest >= first.precedingInvalidations {
      complete(first.descriptor)
      waits.removeFirst()
    }
  }

  /// Completes a wait descriptor: the status word is visible before the event.
  private mutating func complete(_ wait: InvalidationWait) {
    if wait.statusWrite { memory.write32(wait.statusAddress, wait.statusData) }
    if wait.interrupt { raise(.invalidationCompletion, status: 1) }
  }
}
