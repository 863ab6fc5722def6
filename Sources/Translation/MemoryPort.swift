import Hardware
import PageTables

/// A unit's way to memory: a latency for each read, and a bandwidth.
@frozen public struct MemoryPort: ~Copyable {
  /// The time from a read's start to its data.
  public let latency: SimTime
  @usableFromInline var channel: SlotCalendar
  /// The reads made, table entries and configuration structures alike.
  public var reads: UInt64 = 0
  /// The atomic flag updates made.
  public var updates: UInt64 = 0

  /// A port of the given latency and bandwidth.
  public init(_ parameters: TranslationParameters.MemoryPortParameters) {
    latency = parameters.latency
    channel = SlotCalendar(slot: parameters.interval)
  }

  /// Makes a read that is issued at `time`, and tells when its data is there.
  @inlinable public mutating func read(at time: SimTime) -> SimTime {
    reads &+= 1
    return channel.reserve(at: time) + latency
  }

  /// Makes an atomic update that is issued at `time`, and tells when it is done.
  @inlinable public mutating func update(at time: SimTime) -> SimTime {
    updates &+= 1
    return channel.reserve(at: time) + latency
  }
}

/// Lays time over a walk: each read waits for the one before, and what the walk learns on its way down is kept for the paging-structure caches.
@frozen public struct TimedProbe: WalkProbe, ~Copyable {
  /// A table that the walk came to.
  @frozen public struct Descent: BitwiseCopyable, Sendable {
    /// The table.
    public var table: PhysicalAddress
    /// The level of the entry that points to it.
    public var level: UInt8
    /// The rights that the entries down to it leave.
    public var rights: AccessRights

    @inlinable init(table: PhysicalAddress, level: UInt8, rights: AccessRights) {
      self.table = table
      self.level = level
      self.rights = rights
    }
  }

  /// When the walk has got as far as it has.
  public var time: SimTime
  /// The entries read.
  public var reads: UInt16 = 0
  /// How many tables were come to.
  public var descentCount = 0
  @usableFromInline let port: UnsafeMutablePointer<MemoryPort>
  @usableFromInline let descents: UnsafeMutablePointer<Descent>?

  /// A probe of a walk that starts at `time` and reads through `port`.
  ///
  /// - Parameter descents: Room for five tables that the walk comes to; `nil` if nobody wants to know.
  @inlinable public init(
    from time: SimTime, through port: UnsafeMutablePointer<MemoryPort>, noting descents: UnsafeMutablePointer<Descent>?
  ) {
    self.time = time
    self.port = port
    self.descents = descents
  }

  /// Takes the time of a read.
  @inlinable public mutating func willRead(_ address: PhysicalAddress, level: UInt8) {
    time = port.pointee.read(at: time)
    reads &+= 1
  }

  /// Takes the time of an atomic update.
  @inlinable public mutating func willUpdate(_ address: PhysicalAddress, level: UInt8) { time = port.pointee.update(at: time) }

  /// Keeps the table.
  @inlinable public mutating func descended<Table: Address>(level: UInt8, table: Table, rights: AccessRights) {
    guard let descents, descentCount < 5 else { return }
    descents[descentCount] = Descent(table: PhysicalAddress(table.rawValue), level: level, rights: rights)
    descentCount &+= 1
  }
}
