import Hardware
import PageTables

/// One cached translation.
@frozen public struct IOTLBEntry: BitwiseCopyable, Sendable {
  /// What an entry needs to be remembered of beside its translation.
  @frozen public struct Flags: OptionSet, BitwiseCopyable, Sendable {
    /// Bit 0 write needs a walk, bit 1 snoop, bit 2 check output, bit 3 silent faults.
    public var rawValue: UInt8
    /// The flags with the given bits.
    @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// The leaf was not marked dirty when it was read: a write must walk, so that it gets marked.
    @inlinable public static var writeNeedsWalk: Flags { Flags(rawValue: 1) }
    /// The translated access must be coherent.
    @inlinable public static var snoop: Flags { Flags(rawValue: 2) }
    /// Part of the page is an address that nothing may translate to: each access must be checked.
    @inlinable public static var checksOutput: Flags { Flags(rawValue: 4) }
    /// Faults of requests that this entry serves are not reported.
    @inlinable public static var silentFaults: Flags { Flags(rawValue: 8) }
  }

  /// The physical base of the page.
  public var page: PhysicalAddress
  /// The domain that the entry is tagged with for invalidation.
  public var domain: UInt32
  /// The address space that the entry is tagged with for invalidation.
  public var addressSpace: UInt32
  /// The rights that the tables give.
  public var rights: AccessRights
  /// The base-2 logarithm of the page's bytes.
  public var sizeLog2: UInt8
  /// What else there is to remember.
  public var flags: Flags
  /// The stages that made the translation.
  public var stages: ContextStages

  /// An entry.
  @inlinable public init(
    page: PhysicalAddress, domain: UInt32, addressSpace: UInt32, rights: AccessRights, sizeLog2: UInt8, flags: Flags,
    stages: ContextStages
  ) {
    self.page = page
    self.domain = domain
    self.addressSpace = addressSpace
    self.rights = rights
    self.sizeLog2 = sizeLog2
    self.flags = flags
    self.stages = stages
  }

  /// The physical address of an access in the page.
  @inlinable public func output(_ input: IOVirtualAddress) -> PhysicalAddress { page.advanced(by: input.pageOffset(sizeLog2)) }
}

/// The cache of finished translations, either one for all page sizes or one for each class of sizes.
///
/// An entry is found by a context tag, whose bits 63:58 are free for the page size, and the page number. A page larger than its cache can hold is
/// held in pieces: the piece around the address that was asked for.
@frozen public struct IOTLB: ~Copyable {
  @usableFromInline var small: SetAssociativeCache<IOTLBEntry>
  @usableFromInline var medium: SetAssociativeCache<IOTLBEntry>
  @usableFromInline var large: SetAssociativeCache<IOTLBEntry>
  @usableFromInline let isShared: Bool
  /// Bit n is set if a page of 2^n bytes has been entered since the cache was last known to be empty.
  @usableFromInline var sizes: UInt64 = 0

  /// An empty cache.
  public init(_ parameters: TranslationParameters.IOTLBParameters) {
    isShared = parameters.isShared
    small = SetAssociativeCache(parameters.geometry)
    medium = SetAssociativeCache(parameters.isShared ? .none : parameters.medium)
    large = SetAssociativeCache(parameters.isShared ? .none : parameters.large)
  }

  /// The number of valid entries.
  public var count: Int { small.count + medium.count + large.count }
  /// How many entries have been displaced by others.
  public var evictions: UInt64 { small.evictions + medium.evictions + large.evictions }

  @inlinable static func tag(_ context: UInt64, _ sizeLog2: UInt8) -> UInt64 { context | UInt64(sizeLog2) &<< 58 }

  /// The entry for `address` under a context tag, noted as used; `nil` if there is none. Valid until the cache changes.
  @inlinable @inline(__always) public mutating func lookup(_ address: IOVirtualAddress, context: UInt64) -> UnsafePointer<IOTLBEntry>? {
    if isShared {
      var left = sizes
      while left != 0 {
        let size = UInt8(truncatingIfNeeded: left.trailingZeroBitCount)
        left &= left &- 1
        if let slot = small.lookup(tag: address.pageNumber(size), context: Self.tag(context, size)) { return small.place(slot) }
      }
      return nil
    }
    return lookupSplit(address, context: context)
  }

  @inlinable @inline(never) mutating func lookupSplit(_ address: IOVirtualAddress, context: UInt64) -> UnsafePointer<IOTLBEntry>? {
    var left = sizes
    while left != 0 {
      let size = UInt8(truncatingIfNeeded: left.trailingZeroBitCount)
      left &= left &- 1
      let page = address.pageNumber(size)
      let tag = Self.tag(context, size)
      if size <= 16 {
        if let slot = small.lookup(tag: page, context: tag) { return small.place(slot) }
      } else if size <= 25 {
        if let slot = medium.lookup(tag: page, context: tag) { return medium.place(slot) }
      } else if let slot = large.lookup(tag: page, context: tag) {
        return large.place(slot)
      }
    }
    return nil
  }

  /// Enters a translation of `address` under a context tag.
  @inlinable @inline(__always) public mutating func insert(_ address: IOVirtualAddress, context: UInt64, _ entry: UnsafePointer<IOTLBEntry>)
  {
    let size = entry.pointee.sizeLog2
    if isShared || size <= 16 {
      sizes |= 1 &<< UInt64(size)
      small.insert(tag: address.pageNumber(size), context: Self.tag(context, size), copying: entry)
    } else {
      insertLarge(address, context: context, entry.pointee)
    }
  }

  @usableFromInline mutating func insertLarge(_ address: IOVirtualAddress, context: UInt64, _ entry: IOTLBEntry) {
    var piece = entry
    if piece.sizeLog2 > 25, !large.isPresent { piece = Self.piece(piece, around: address, sizeLog2: 21) }
    if piece.sizeLog2 <= 25, !medium.isPresent { piece = Self.piece(piece, around: address, sizeLog2: 12) }
    let size = piece.sizeLog2
    sizes |= 1 << UInt64(size)
    let page = address.pageNumber(size)
    let tag = Self.tag(context, size)
    if size <= 16 {
      small.insert(tag: page, context: tag, value: piece)
    } else if size <= 25 {
      medium.insert(tag: page, context: tag, value: piece)
    } else {
      large.insert(tag: page, context: tag, value: piece)
    }
  }

  @usableFromInline static func piece(_ entry: IOTLBEntry, around address: IOVirtualAddress, sizeLog2: UInt8) -> IOTLBEntry {
    var piece = entry
    piece.page = entry.output(address).alignedDown(sizeLog2)
    piece.sizeLog2 = sizeLog2
    return piece
  }

  /// Removes the entries that `matches` accepts by context tag (without size) and entry, if they translate any of `range`; tells how many.
  @inlinable public mutating func removeAll(
    translating range: ClosedRange<UInt64>, where matches: (_ context: UInt64, _ entry: IOTLBEntry) -> Bool
  ) -> Int {
    var removed = 0
    var left = sizes
    while left != 0 {
      let size = UInt8(truncatingIfNeeded: left.trailingZeroBitCount)
      left &= left &- 1
      let pages = range.lowerBound &>> UInt64(size)...range.upperBound &>> UInt64(size)
      let accepts = { (_: UInt64, context: UInt64, entry: IOTLBEntry) in
        context &>> 58 == UInt64(size) && matches(context & UInt64.mask(width: 58), entry)
      }
      if isShared || size <= 16 {
        removed += small.removeAll(tags: pages, where: accepts)
      } else if size <= 25 {
        removed += medium.removeAll(tags: pages, where: accepts)
      } else {
        removed += large.removeAll(tags: pages, where: accepts)
      }
    }
    if count == 0 { sizes = 0 }
    return removed
  }

  /// Removes the entries that `matches` accepts by context tag (without size) and entry; tells how many.
  @inlinable public mutating func removeAll(where matches: (_ context: UInt64, _ entry: IOTLBEntry) -> Bool) -> Int {
    let accepts = { (_: UInt64, context: UInt64, entry: IOTLBEntry) in matches(context & UInt64.mask(width: 58), entry) }
    let removed = small.removeAll(where: accepts) + medium.removeAll(where: accepts) + large.removeAll(where: accepts)
    if count == 0 { sizes = 0 }
    return removed
  }
}
