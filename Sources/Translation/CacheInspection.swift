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

  /// The upper-level entries that point to tables in a block of memory, those that walks under way will fill among them.
  public mutating func tablePointers(into block: PhysicalAddress, sizeLog2: UInt8) -> [TablePointer] {
    var found = secondStageCaches.pointers(into: block, sizeLog2: sizeLog2)
    for pointer in missStatus.tablePointers(into: block, sizeLog2: sizeLog2) where !found.contains(pointer) { found.append(pointer) }
    return found
  }
}

/// An upper-level entry in a paging-structure cache: which one, and where it points.
@frozen public struct TablePointer: Hashable, Sendable {
  /// The level of the entry, 2 to 5.
  public var level: UInt8
  /// The first address that it covers.
  public var base: UInt64
  /// The table that it points to.
  public var table: PhysicalAddress
  /// The rights that the entries down to the table leave.
  public var rights: AccessRights
  /// The domain that it is tagged with.
  public var domain: UInt32

  /// A pointer of the given particulars.
  public init(level: UInt8, base: UInt64, table: PhysicalAddress, rights: AccessRights, domain: UInt32) {
    self.level = level
    self.base = base
    self.table = table
    self.rights = rights
    self.domain = domain
  }

  /// The base-2 logarithm of the bytes that an entry of this level covers.
  public var coverLog2: UInt8 { 3 + 9 * level }
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
  /// The entry from which a walk of `input` from `rootLevel` would start, without noting a use.
  public mutating func peekDeepest<Input: Address>(_ input: Input, rootLevel: UInt8, context: UInt64) -> TablePointer? {
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
      if let found { return Self.pointer(found, level: level, tag: tag) }
    }
    return nil
  }

  mutating func pointers(into block: PhysicalAddress, sizeLog2: UInt8) -> [TablePointer] {
    var found: [TablePointer] = []
    func note(_ level: UInt8) -> (UInt64, UInt64, PagingStructureEntry) -> Void {
      { tag, _, entry in
        if entry.table.pageNumber(sizeLog2) == block.pageNumber(sizeLog2) { found.append(Self.pointer(entry, level: level, tag: tag)) }
      }
    }
    level2.forEach(note(2))
    level3.forEach(note(3))
    level4.forEach(note(4))
    level5.forEach(note(5))
    return found
  }

  private static func peek(_ cache: inout SetAssociativeCache<PagingStructureEntry>, _ tag: UInt64, _ context: UInt64) -> PagingStructureEntry? {
    cache.peek(tag: tag, context: context).map { cache[$0] }
  }

  private static func pointer(_ entry: PagingStructureEntry, level: UInt8, tag: UInt64) -> TablePointer {
    TablePointer(
      level: level, base: tag << UInt64(3 + 9 * level), table: entry.table, rights: entry.rights, domain: entry.domain)
  }
}

extension MissStatus {
  mutating func tablePointers(into block: PhysicalAddress, sizeLog2: UInt8) -> [TablePointer] {
    var found: [TablePointer] = []
    for position in head..<tail {
      let walk = walks + Int(order[position & (capacity - 1)].slot)
      if walk.pointee.isCancelled { continue }
      let descents = descents(of: UnsafePointer(walk))
      for index in 0..<Int(walk.pointee.descentCount) where descents[index].table.pageNumber(sizeLog2) == block.pageNumber(sizeLog2) {
        let descent = descents[index]
        found.append(
          TablePointer(
            level: descent.level, base: walk.pointee.address.alignedDown(3 + 9 * descent.level).rawValue, table: descent.table,
            rights: descent.rights, domain: walk.pointee.entry.domain))
      }
    }
    return found
  }
}
