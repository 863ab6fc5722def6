/// Plain arrays that live as long as this object.
///
/// Hot structures keep bare pointers into it and hold one reference to it, so that nothing is counted or checked on the way to an element,
/// and memory is still freed with its owner.
public final class OwnedStorage {
  private var blocks: [UnsafeMutableRawPointer] = []

  /// Storage that owns nothing yet.
  public init() {}

  deinit { for block in blocks { block.deallocate() } }

  /// A new array of `count` elements (at least one is allocated) that must be written before they are read.
  public func array<Element: BitwiseCopyable>(uninitialized count: Int) -> UnsafeMutablePointer<Element> {
    let array = UnsafeMutablePointer<Element>.allocate(capacity: max(1, count))
    blocks.append(UnsafeMutableRawPointer(array))
    return array
  }

  /// A new array of `count` elements (at least one is allocated), all equal to `value`.
  public func array<Element: BitwiseCopyable>(_ count: Int, of value: Element) -> UnsafeMutablePointer<Element> {
    let array: UnsafeMutablePointer<Element> = self.array(uninitialized: count)
    array.initialize(repeating: value, count: max(1, count))
    return array
  }

  /// Replaces an array of this storage by a longer one that begins with its elements; what follows them must be written before it is read.
  public func extend<Element: BitwiseCopyable>(_ array: inout UnsafeMutablePointer<Element>, from old: Int, to new: Int) {
    let longer: UnsafeMutablePointer<Element> = self.array(uninitialized: new)
    longer.initialize(from: array, count: min(old, new))
    blocks.removeAll { $0 == UnsafeMutableRawPointer(array) }
    array.deallocate()
    array = longer
  }

  /// Replaces an array of this storage by a longer one that begins with its elements and goes on with `value`.
  public func extend<Element: BitwiseCopyable>(
    _ array: inout UnsafeMutablePointer<Element>, from old: Int, to new: Int, with value: Element
  ) {
    extend(&array, from: old, to: new)
    (array + old).initialize(repeating: value, count: max(0, new - old))
  }
}
