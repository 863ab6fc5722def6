/// Told of the words that software writes through a watched view of memory.
///
/// Watching is for checks that must know when, and from what to what, software changed a table; whatever else writes, such as hardware that sets
/// accessed flags, uses a view of its own and is not seen.
public final class WriteWatch {
  /// Called after each write of a word, with what the word held before.
  public var didWrite: (_ address: PhysicalAddress, _ before: UInt64, _ after: UInt64) -> Void = { _, _, _ in }

  /// A watch that nobody listens to yet.
  public init() {}
}

extension PhysicalMemory {
  /// A view of this memory whose writes of 64-bit words a watch is told of; it must not outlive this object.
  ///
  /// Every access through it takes the way of sparse memory, so that other views pay nothing.
  public func view(watchedBy watch: WriteWatch) -> MemoryView {
    let watched = UnsafeMutablePointer<MemoryMap>.allocate(capacity: 1)
    var map = watchableMap
    map.watch = watch
    watched.initialize(to: map)
    keep(watched)
    return MemoryView(flatBase: UnsafeMutableRawPointer(watched), flatStart: 0, flatLength: 0, map: watched)
  }
}
