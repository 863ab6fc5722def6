/// A place of its own for one value, which hot code reaches through a bare pointer without exclusivity checks or reference counts.
public final class UniqueBox<Value: ~Copyable> {
  /// The value; valid as long as the box lives.
  public let pointer: UnsafeMutablePointer<Value>

  /// Puts a value into a box.
  public init(_ value: consuming Value) {
    pointer = .allocate(capacity: 1)
    pointer.initialize(to: value)
  }

  deinit {
    pointer.deinitialize(count: 1)
    pointer.deallocate()
  }
}
