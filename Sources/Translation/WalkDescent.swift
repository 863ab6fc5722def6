import Hardware
import PageTables

/// Something that a walk learned on its way, for one of the caches of upper-level entries.
@frozen public struct WalkDescent: BitwiseCopyable, Sendable {
  /// The cache that it is for.
  @frozen public enum Cache: UInt8, BitwiseCopyable, Sendable {
    /// First-stage entries whose tables are physical.
    case first
    /// Second-stage entries.
    case second
    /// First-stage entries under a second stage, with the physical addresses of their tables.
    case nested
    /// Second-stage translations of first-stage tables.
    case tables
  }

  /// The cache that it is for.
  public var cache: Cache
  /// The level of the entry that points to the table.
  public var level: UInt8
  /// The rights that the entries of the stage down to the table leave.
  public var rights: AccessRights
  /// The address that the entry covers: an input of its stage.
  public var input: UInt64
  /// Where the table lies; for `tables`, the page that holds it.
  public var table: PhysicalAddress
  /// Where the guest has the table, if the second stage translated it.
  public var guestTable: GuestPhysicalAddress
  /// What the second stage says of it then.
  public var translation: TableTranslation

  /// A table of a single stage.
  @inlinable public init(_ cache: Cache, table: PhysicalAddress, level: UInt8, rights: AccessRights, input: UInt64) {
    self.cache = cache
    self.level = level
    self.rights = rights
    self.input = input
    self.table = table
    guestTable = GuestPhysicalAddress(rawValue: 0)
    translation = TableTranslation(page: table, sizeLog2: 12, rights: rights, needsDirtyUpdate: false)
  }

  /// A first-stage table with what the second stage says of its page.
  @inlinable public init(
    _ cache: Cache, guestTable: GuestPhysicalAddress, level: UInt8, rights: AccessRights, input: UInt64, translation: TableTranslation
  ) {
    self.cache = cache
    self.level = level
    self.rights = rights
    self.input = input
    self.guestTable = guestTable
    self.translation = translation
    table = translation.page.advanced(by: guestTable.pageOffset(translation.sizeLog2))
  }

  /// Whether it is about the same entry of the same cache, `coverLog2` being the base-2 logarithm of the bytes that the entry covers.
  @inlinable func isSameEntry(as other: WalkDescent, coverLog2: UInt8) -> Bool {
    cache == other.cache && level == other.level && input &>> UInt64(coverLog2) == other.input &>> UInt64(coverLog2)
  }
}

/// What a walk learned on its way, in the place where it is put until the walk is done.
@frozen public struct WalkDescents: BitwiseCopyable {
  /// The most that one walk may learn: five levels over five take four first-stage tables in two caches and, for six addresses, four
  /// second-stage tables each.
  @inlinable public static var limit: Int { 40 }

  /// How many there are.
  public var count = 0
  @usableFromInline let place: UnsafeMutablePointer<WalkDescent>

  /// None yet, with room for `limit` at `place`.
  @inlinable public init(at place: UnsafeMutablePointer<WalkDescent>) { self.place = place }

  /// Adds something that the walk cannot have learned before.
  @inlinable public mutating func append(_ descent: WalkDescent) {
    guard count < Self.limit else { return }
    (place + count).initialize(to: descent)
    count &+= 1
  }

  /// Adds something that replaces what the walk learned of the same entry before.
  @inlinable public mutating func put(_ descent: WalkDescent, coverLog2: UInt8) {
    for index in 0..<count where place[index].isSameEntry(as: descent, coverLog2: coverLog2) {
      place[index] = descent
      return
    }
    append(descent)
  }
}
