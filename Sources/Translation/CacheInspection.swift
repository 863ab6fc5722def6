import Hardware
import PageTables

/// Looks into the caches that leave no trace: nothing is counted, reordered or filled.
///
/// Directly after a request, the caches still hold what it used: a hit or a merge changes nothing, and what a miss has found fills them only
/// when its walk is done.
extension Pipeline {
  /// The cached translation of `address` under a context tag.
  public mutating func cachedTranslation(_ address: IOVirtualAddress, context: UInt64) -> IOTLBEntry? {
    iotlb.peek(address, context: context)
  }

  /// What the walk under way for the page of `address` under a context tag will fill.
  public mutating func translationUnderWay(_ address: IOVirtualAddress, context: UInt64) -> IOTLBEntry? {
    missStatus.find(address, context: context, in: missStatus.bucket(address, context: context))?.pointee.entry
  }

  /// The entry of one of the paging-structure caches that a walk of `input` from `rootLevel` starts below.
  ///
  /// - Parameter cache: `first`, `second` or `nested`.
  public mutating func tablePointer<Input: Address>(
    _ cache: WalkDescent.Cache, for input: Input, rootLevel: UInt8, domain: UInt32, addressSpace: UInt32
  ) -> TablePointer? {
    let tag = WalkCaches.tag(domain: domain, addressSpace: addressSpace)
    return switch cache {
    case .first: walkCaches.pointee.first.peekDeepest(input, rootLevel: rootLevel, context: tag, in: cache)
    case .nested: walkCaches.pointee.nested.peekDeepest(input, rootLevel: rootLevel, context: tag, in: cache)
    case .second: walkCaches.pointee.second.peekDeepest(input, rootLevel: rootLevel, context: UInt64(domain), in: cache)
    case .tables: nil
    }
  }

  /// The cached second-stage translation of the page of a first-stage table.
  public mutating func tableTranslation(of table: GuestPhysicalAddress, domain: UInt32) -> TablePointer? {
    walkCaches.pointee.tables.peek(table, domain: domain)
  }

  /// The upper-level entries that point to tables in a block of memory, those that walks under way will fill among them.
  public mutating func tablePointers(into block: PhysicalAddress, sizeLog2: UInt8) -> [TablePointer] {
    var found = walkCaches.pointee.first.pointers(into: block, sizeLog2: sizeLog2, in: .first)
    found += walkCaches.pointee.second.pointers(into: block, sizeLog2: sizeLog2, in: .second)
    found += walkCaches.pointee.nested.pointers(into: block, sizeLog2: sizeLog2, in: .nested)
    for pointer in missStatus.tablePointers(into: block, sizeLog2: sizeLog2) where !found.contains(pointer) { found.append(pointer) }
    return found
  }
}

/// An entry of a cache that shortens walks: which one, and where it points.
@frozen public struct TablePointer: Hashable, Sendable {
  /// The cache.
  public var cache: WalkDescent.Cache
  /// The level of the entry, 2 to 5; 1 for the translation of a table's page.
  public var level: UInt8
  /// The first address that it covers: an input of its stage.
  public var base: UInt64
  /// The base-2 logarithm of the bytes that it covers.
  public var coverLog2: UInt8
  /// The table that it points to.
  public var table: PhysicalAddress
  /// The rights that the entries of its stage down to the table leave.
  public var rights: AccessRights
  /// The domain that it is tagged with.
  public var domain: UInt32
  /// The address space that it is tagged with.
  public var addressSpace: UInt32

  @usableFromInline init(
    _ cache: WalkDescent.Cache, level: UInt8, base: UInt64, coverLog2: UInt8, table: PhysicalAddress, rights: AccessRights, domain: UInt32,
    addressSpace: UInt32
  ) {
    self.cache = cache
    self.level = level
    self.base = base
    self.coverLog2 = coverLog2
    self.table = table
    self.rights = rights
    self.domain = domain
    self.addressSpace = addressSpace
  }

  /// The addresses that it covers.
  public var addresses: ClosedRange<UInt64> { base...base | UInt64.mask(width: Int(coverLog2)) }
}

extension IOTLB {
  /// The entry that `lookup` would find, without noting a use.
  public mutating func peek(_ address: IOVirtualAddress, context: UInt64) -> IOTLBEntry? {
    var left = sizes
    while left != 0 {
      let size = UInt8(truncatingIfNeeded: left.trailingZeroBitCount)
      left &= left &- 1
      let page = address.pageNumber(size)
      let tag = Self.tag(context, size)
      if isShared || size <= 16 {
        if let slot = small.peek(tag: page, context: tag) { return small[slot] }
      } else if size <= 25 {
        if let slot = medium.peek(tag: page, context: tag) { return medium[slot] }
      } else if let slot = large.peek(tag: page, context: tag) {
        return large[slot]
      }
    }
    return nil
  }
}

extension PagingStructureCaches {
  mutating func peekDeepest<Input: Address>(
    _ input: Input, rootLevel: UInt8, context: UInt64, in cache: WalkDescent.Cache
  ) -> TablePointer? {
    guard isPresent, rootLevel >= 2 else { return nil }
    for level in 2...min(rootLevel, 5) {
      let tag = input.pageNumber(3 + 9 * level)
      let found: PagingStructureEntry? =
        switch level {
        case 2: Self.peek(&level2, tag, context)
        case 3: Self.peek(&level3, tag, context)
        case 4: Self.peek(&level4, tag, context)
        default: Self.peek(&level5, tag, context)
        }
      if let found { return Self.pointer(found, level: level, tag: tag, in: cache) }
    }
    return nil
  }

  mutating func pointers(into block: PhysicalAddress, sizeLog2: UInt8, in cache: WalkDescent.Cache) -> [TablePointer] {
    var found: [TablePointer] = []
    func note(_ level: UInt8) -> (UInt64, UInt64, PagingStructureEntry) -> Void {
      { tag, _, entry in
        guard entry.table.pageNumber(sizeLog2) == block.pageNumber(sizeLog2) else { return }
        found.append(Self.pointer(entry, level: level, tag: tag, in: cache))
      }
    }
    level2.forEach(note(2))
    level3.forEach(note(3))
    level4.forEach(note(4))
    level5.forEach(note(5))
    return found
  }

  private static func peek(
    _ cache: inout SetAssociativeCache<PagingStructureEntry>, _ tag: UInt64, _ context: UInt64
  ) -> PagingStructureEntry? {
    cache.peek(tag: tag, context: context).map { cache[$0] }
  }

  private static func pointer(
    _ entry: PagingStructureEntry, level: UInt8, tag: UInt64, in cache: WalkDescent.Cache
  ) -> TablePointer {
    let cover = 3 + 9 * level
    return TablePointer(
      cache, level: level, base: tag << UInt64(cover), coverLog2: cover, table: entry.table, rights: entry.rights, domain: entry.domain,
      addressSpace: entry.addressSpace)
  }
}

extension TableTranslationCache {
  mutating func peek(_ table: GuestPhysicalAddress, domain: UInt32) -> TablePointer? {
    guard let slot = entries.peek(tag: table.pageNumber(12), context: UInt64(domain)) else { return nil }
    let entry = entries[slot]
    let size = entry.translation.sizeLog2
    let frame = entry.translation.page.advanced(by: table.alignedDown(12).pageOffset(size))
    return TablePointer(
      .tables, level: 1, base: table.alignedDown(12).rawValue, coverLog2: 12, table: frame, rights: entry.translation.rights,
      domain: entry.domain, addressSpace: 0)
  }
}

extension MissStatus {
  mutating func tablePointers(into block: PhysicalAddress, sizeLog2: UInt8) -> [TablePointer] {
    var found: [TablePointer] = []
    for position in head..<tail {
      let walk = walks + Int(order[position & (capacity - 1)].slot)
      if walk.pointee.isCancelled { continue }
      let descents = descents(of: UnsafePointer(walk))
      for index in 0..<Int(walk.pointee.descentCount) {
        let descent = descents[index]
        guard descent.cache != .tables, descent.table.pageNumber(sizeLog2) == block.pageNumber(sizeLog2) else { continue }
        let cover = 3 + 9 * descent.level
        found.append(
          TablePointer(
            descent.cache, level: descent.level, base: IOVirtualAddress(descent.input).alignedDown(cover).rawValue, coverLog2: cover,
            table: descent.table, rights: descent.rights, domain: walk.pointee.entry.domain,
            addressSpace: walk.pointee.entry.addressSpace))
      }
    }
    return found
  }
}
