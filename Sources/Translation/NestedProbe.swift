import Hardware
import PageTables

/// Lays time and caches over a nested walk: each step waits for the one before, walks of the second stage begin where its caches lead, and what
/// is learned of both stages is kept for all caches.
@frozen public struct NestedProbe<Second: PageTableFormat>: WalkProbe, ~Copyable {
  /// When the walk has got as far as it has.
  public var time: SimTime
  /// The entries read, of both stages.
  public var reads: UInt16 = 0
  /// What the walk has learned.
  public var descents: WalkDescents
  @usableFromInline let port: UnsafeMutablePointer<MemoryPort>
  @usableFromInline let caches: UnsafeMutablePointer<WalkCaches>
  @usableFromInline let second: UnsafePointer<Second>
  @usableFromInline let domain: UInt64
  @usableFromInline let input: UInt64
  // The guest address that the second stage is being walked for; none while the first stage is.
  @usableFromInline var guest: UInt64 = .max
  // The table that the walk began at if a nested entry led to it.
  @usableFromInline var startTable = GuestPhysicalAddress(rawValue: .max)
  @usableFromInline var startTranslation: TableTranslation
  // The table that the first stage has come to and that the second has not translated yet; its level is 0 if there is none.
  @usableFromInline var pendingTable = GuestPhysicalAddress(rawValue: 0)
  @usableFromInline var pendingLevel: UInt8 = 0
  @usableFromInline var pendingRights: AccessRights = []

  /// A probe of a nested walk for `input` that starts at `time` and reads through `port`.
  ///
  /// - Parameters:
  ///   - start: The entry of the nested caches that the walk begins below, if there is one.
  ///   - place: Room for what the walk learns.
  @inlinable public init(
    from time: SimTime, through port: UnsafeMutablePointer<MemoryPort>, caches: UnsafeMutablePointer<WalkCaches>, domain: UInt32,
    second: UnsafePointer<Second>, for input: IOVirtualAddress, below start: PagingStructureEntry?,
    at place: UnsafeMutablePointer<WalkDescent>
  ) {
    self.time = time
    self.port = port
    self.caches = caches
    self.second = second
    self.domain = UInt64(domain)
    self.input = input.rawValue
    descents = WalkDescents(at: place)
    startTranslation = start?.translation ?? TableTranslation(page: .init(rawValue: 0), sizeLog2: 12, rights: [], needsDirtyUpdate: true)
    if let start { startTable = start.guestTable }
  }

  /// Takes the time of a read.
  @inlinable public mutating func willRead(_ address: PhysicalAddress, level: UInt8) {
    time = port.pointee.read(at: time)
    reads &+= 1
  }

  /// Nobody wants to know what walks of the second stage come to.
  @inlinable public var onlyCounts: Bool { !caches.pointee.second.isPresent }

  /// Takes the time of reads that wait for one another.
  @inlinable @inline(__always) public mutating func didRead(count: UInt8) {
    time = port.pointee.read(count: count, at: time)
    reads &+= UInt16(count)
  }

  /// Takes the time of an atomic update.
  @inlinable public mutating func willUpdate(_ address: PhysicalAddress, level: UInt8) { time = port.pointee.update(at: time) }

  /// Keeps a table of the second stage; one of the first stage waits until the second has translated it.
  @inlinable public mutating func descended<Table: Address>(level: UInt8, table: Table, rights: AccessRights) {
    if guest == .max {
      pendingTable = GuestPhysicalAddress(rawValue: table.rawValue)
      pendingLevel = level
      pendingRights = rights
    } else if caches.pointee.second.isPresent {
      descents.put(
        WalkDescent(.second, table: PhysicalAddress(rawValue: table.rawValue), level: level, rights: rights, input: guest),
        coverLog2: second.pointee.entrySizeLog2(level: level))
    }
  }

  /// Where the walk began, or what the cache of translated tables has.
  @inlinable public mutating func knownTable(_ address: GuestPhysicalAddress, level: UInt8) -> TableTranslation? {
    if address.alignedDown(12) == startTable.alignedDown(12) { return startTranslation }
    guard caches.pointee.tables.isPresent, let known = caches.pointee.tables.lookup(address, context: domain) else { return nil }
    time += caches.pointee.latency
    keepPending(known)
    return known
  }

  /// Where the second stage's caches lead.
  @inlinable @inline(__always) public mutating func willWalkSecondStage(
    for address: GuestPhysicalAddress, level: UInt8, from root: WalkStart<PhysicalAddress>
  ) -> WalkStart<PhysicalAddress> {
    guest = address.rawValue
    guard caches.pointee.second.isPresent else { return root }
    time += caches.pointee.latency
    return caches.pointee.second.deepest(second.pointee, from: root, for: address, context: domain)
  }

  /// Keeps the translation of a table, alone and as that of the entry that led to it.
  @inlinable public mutating func didWalkSecondStage(for address: GuestPhysicalAddress, level: UInt8, found: TableTranslation?) {
    guest = .max
    guard let found, level > 0 else { return }
    if caches.pointee.tables.isPresent {
      descents.put(
        WalkDescent(
          .tables, guestTable: address.alignedDown(12), level: level, rights: found.rights, input: address.rawValue, translation: found),
        coverLog2: 12)
    }
    keepPending(found)
  }

  // The pending table stays, because a flag update may tell more of its translation.
  @inlinable mutating func keepPending(_ translation: TableTranslation) {
    guard pendingLevel > 0, caches.pointee.nested.isPresent else { return }
    descents.put(
      WalkDescent(
        .nested, guestTable: pendingTable, level: pendingLevel, rights: pendingRights, input: input, translation: translation),
      coverLog2: 0)
  }
}
