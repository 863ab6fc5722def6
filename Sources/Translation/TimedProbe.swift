import Hardware
import PageTables

/// Lays time over a walk of one stage: each read waits for the one before, and what the walk learns on its way down is kept for the
/// paging-structure caches.
@frozen public struct TimedProbe: WalkProbe, ~Copyable {
  /// When the walk has got as far as it has.
  public var time: SimTime
  /// The entries read.
  public var reads: UInt16 = 0
  /// What the walk has learned.
  public var descents: WalkDescents
  @usableFromInline let port: UnsafeMutablePointer<MemoryPort>
  @usableFromInline let cache: WalkDescent.Cache
  @usableFromInline let notes: Bool
  @usableFromInline let input: UInt64

  /// A probe of a walk for `input` that starts at `time` and reads through `port`.
  ///
  /// - Parameters:
  ///   - cache: The cache that would keep the tables that the walk comes to.
  ///   - notes: Whether there is one, so that they are noted.
  ///   - place: Room for them.
  @inlinable public init(
    from time: SimTime, through port: UnsafeMutablePointer<MemoryPort>, for input: UInt64, _ cache: WalkDescent.Cache, notes: Bool,
    at place: UnsafeMutablePointer<WalkDescent>
  ) {
    self.time = time
    self.port = port
    self.input = input
    self.cache = cache
    self.notes = notes
    descents = WalkDescents(at: place)
  }

  /// Takes the time of a read.
  @inlinable public mutating func willRead(_ address: PhysicalAddress, level: UInt8) {
    time = port.pointee.read(at: time)
    reads &+= 1
  }

  /// Nobody wants to know what the walk comes to.
  @inlinable public var onlyCounts: Bool { !notes }

  /// Takes the time of reads that wait for one another.
  @inlinable @inline(__always) public mutating func didRead(count: UInt8) {
    time = port.pointee.read(count: count, at: time)
    reads &+= UInt16(count)
  }

  /// Takes the time of an atomic update.
  @inlinable public mutating func willUpdate(_ address: PhysicalAddress, level: UInt8) { time = port.pointee.update(at: time) }

  /// Keeps the table.
  @inlinable public mutating func descended<Table: Address>(level: UInt8, table: Table, rights: AccessRights) {
    guard notes else { return }
    descents.append(WalkDescent(cache, table: PhysicalAddress(rawValue: table.rawValue), level: level, rights: rights, input: input))
  }
}
