/// The machine's physical memory as hardware sees it: reads, writes and atomic updates that may abort.
///
/// A small plain value that can be copied into every unit of a machine. It refers to storage that a `PhysicalMemory` owns and must not
/// outlive it. Words are little-endian. An address that nothing backs aborts, which callers see as `nil` or `false`.
///
/// - Complexity: O(1) for every access of one word; the first flat region of a memory costs one comparison, frames outside it a four-step
///   radix walk.
@frozen public struct MemoryView: @unchecked Sendable {
  // The first flat region is held inline: it is where tables live in a replay, and the walker's reads are the hot path.
  @usableFromInline let flatBase: UnsafeMutableRawPointer
  @usableFromInline let flatStart: UInt64
  // The offset of the last whole word; 0 stands for a region that no aligned address reaches.
  @usableFromInline let flatLast: UInt64
  @usableFromInline let map: UnsafeMutablePointer<MemoryMap>

  @usableFromInline
  init(flatBase: UnsafeMutableRawPointer, flatStart: UInt64, flatLength: UInt64, map: UnsafeMutablePointer<MemoryMap>) {
    self.flatBase = flatBase
    self.flatStart = flatLength < 8 ? .max : flatStart
    flatLast = flatLength < 8 ? 0 : flatLength - 8
    self.map = map
  }

  /// The host location of the word at `address`, a multiple of 8, or `nil` if nothing backs it.
  @inlinable func location(_ address: PhysicalAddress) -> UnsafeMutableRawPointer? {
    let offset = address.rawValue &- flatStart
    if offset <= flatLast { return flatBase + Int(truncatingIfNeeded: offset) }
    return sparseLocation(address, count: 8)
  }

  @inline(never) @usableFromInline func sparseLocation(_ address: PhysicalAddress, count: UInt64) -> UnsafeMutableRawPointer? {
    map.pointee.location(address, count: count)
  }

  @inline(never) @usableFromInline func refusesAtomics(_ address: PhysicalAddress) -> Bool { map.pointee.refusesAtomics(address) }

  /// The 64-bit word at `address`, which is taken down to a multiple of 8; `nil` if the read aborts.
  @inlinable public func read64(_ address: PhysicalAddress) -> UInt64? {
    location(PhysicalAddress(address.rawValue & ~7)).map { UInt64(littleEndian: $0.load(as: UInt64.self)) }
  }

  /// The 64-bit word at `address`, a multiple of 8, if it lies in the first flat region; `nil` says nothing about the word.
  ///
  /// Address and offset come apart because in a walk the address comes last, from the entry before: all that can be added up without it is.
  @inlinable @inline(__always) public func readFlat64(_ address: PhysicalAddress, offset: UInt64) -> UInt64? {
    guard address.rawValue &+ offset &- flatStart <= flatLast else { return nil }
    let start = UInt(bitPattern: flatBase) &- UInt(truncatingIfNeeded: flatStart) &+ UInt(truncatingIfNeeded: offset)
    // Within the region, so that the sum is a place in it and not zero.
    let place = UnsafeRawPointer(bitPattern: start &+ UInt(truncatingIfNeeded: address.rawValue)).unsafelyUnwrapped
    return UInt64(littleEndian: place.load(as: UInt64.self))
  }

  /// The 32-bit word at `address`, which is taken down to a multiple of 4; `nil` if the read aborts.
  @inlinable public func read32(_ address: PhysicalAddress) -> UInt32? {
    sparseLocation(PhysicalAddress(address.rawValue & ~3), count: 4).map { UInt32(littleEndian: $0.load(as: UInt32.self)) }
  }

  /// The byte at `address`; `nil` if the read aborts.
  @inlinable public func read8(_ address: PhysicalAddress) -> UInt8? {
    sparseLocation(address, count: 1).map { $0.load(as: UInt8.self) }
  }

  /// Stores a 64-bit word at `address`, which is taken down to a multiple of 8; false if the write aborts.
  @inlinable @discardableResult public func write64(_ address: PhysicalAddress, _ value: UInt64) -> Bool {
    let word = PhysicalAddress(address.rawValue & ~7)
    let offset = word.rawValue &- flatStart
    guard offset <= flatLast else { return sparseWrite64(word, value) }
    (flatBase + Int(truncatingIfNeeded: offset)).storeBytes(of: value.littleEndian, as: UInt64.self)
    return true
  }

  @inline(never) @usableFromInline func sparseWrite64(_ address: PhysicalAddress, _ value: UInt64) -> Bool {
    map.pointee.write64(address, value)
  }

  /// Stores a 32-bit word at `address`, which is taken down to a multiple of 4; false if the write aborts.
  @inlinable @discardableResult public func write32(_ address: PhysicalAddress, _ value: UInt32) -> Bool {
    guard let place = sparseLocation(PhysicalAddress(address.rawValue & ~3), count: 4) else { return false }
    place.storeBytes(of: value.littleEndian, as: UInt32.self)
    return true
  }

  /// Stores a byte at `address`; false if the write aborts.
  @inlinable @discardableResult public func write8(_ address: PhysicalAddress, _ value: UInt8) -> Bool {
    guard let place = sparseLocation(address, count: 1) else { return false }
    place.storeBytes(of: value, as: UInt8.self)
    return true
  }

  /// What became of an atomic compare-exchange.
  @frozen public enum CompareExchange: Hashable, Sendable {
    /// The word held the expected value and now holds the new one.
    case exchanged
    /// The word held this other value and is unchanged.
    case different(UInt64)
    /// Nothing backs the address, or what does has no atomic operations.
    case aborted
  }

  // Out of line, because it is rare and whoever read the word has better things to keep in registers.
  /// Replaces the 64-bit word at `address` (taken down to a multiple of 8) by `desired` if it holds `expected`.
  @inline(never) public func compareExchange64(_ address: PhysicalAddress, expected: UInt64, desired: UInt64) -> CompareExchange {
    guard let current = read64(address) else { return .aborted }
    if address.rawValue &- flatStart > flatLast, refusesAtomics(address) { return .aborted }
    guard current == expected else { return .different(current) }
    write64(address, desired)
    return .exchanged
  }

  /// The `count` bytes from `address` on; `nil` if any of them aborts.
  public func readBytes(_ address: PhysicalAddress, count: Int) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(max(0, count))
    for index in 0..<UInt64(max(0, count)) {
      guard let byte = read8(address.advanced(by: index)) else { return nil }
      bytes.append(byte)
    }
    return bytes
  }

  /// Stores bytes from `address` on; stops and answers false at the first that aborts.
  @discardableResult public func writeBytes(_ address: PhysicalAddress, _ bytes: some Sequence<UInt8>) -> Bool {
    var place = address
    for byte in bytes {
      guard write8(place, byte) else { return false }
      place = place.advanced(by: 1)
    }
    return true
  }

  /// Stores 64-bit words from `address` on, which is taken down to a multiple of 8; stops and answers false at the first that aborts.
  ///
  /// - Complexity: one look-up for each 4 KiB frame.
  @discardableResult public func writeWords(_ address: PhysicalAddress, _ words: [UInt64]) -> Bool {
    let stored = UInt64(1).littleEndian == 1 ? words : words.map(\.littleEndian)
    return stored.withUnsafeBytes { source in
      var done = 0
      while done < source.count {
        let place = PhysicalAddress(address.rawValue & ~7).advanced(by: UInt64(done))
        let count = min(source.count - done, 4096 - Int(place.pageOffset(PageSizeLog2.size4K)))
        guard let target = location(place) else { return false }
        let piece = UnsafeRawBufferPointer(rebasing: source[done..<done + count])
        UnsafeMutableRawBufferPointer(start: target, count: count).copyMemory(from: piece)
        done += count
      }
      return true
    }
  }

  /// Clears the 4 KiB frame that holds `address`; false if nothing backs it.
  @discardableResult public func clearFrame(_ address: PhysicalAddress) -> Bool {
    guard let place = location(address.alignedDown(PageSizeLog2.size4K)) else { return false }
    place.initializeMemory(as: UInt8.self, repeating: 0, count: 4096)
    return true
  }
}
