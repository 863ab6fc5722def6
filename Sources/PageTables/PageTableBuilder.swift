import Hardware

/// Why tables could not be changed as asked; nothing has changed then.
public enum PageTableError: Error, Hashable, CustomStringConvertible {
  /// An address or length is not a multiple of the smallest page.
  case misaligned(UInt64)
  /// The range is empty, wraps, or reaches beyond what the tables can map.
  case outOfRange(UInt64)
  /// Something is mapped at the address already.
  case alreadyMapped(UInt64)
  /// A mapping must permit reading or writing.
  case noPermission
  /// The memory for tables is used up.
  case outOfTables

  /// The error in one line.
  public var description: String {
    switch self {
    case .misaligned(let value): "0x\(String(value, radix: 16)) is not a multiple of the smallest page"
    case .outOfRange(let value): "0x\(String(value, radix: 16)) lies outside what the page tables can map"
    case .alreadyMapped(let value): "0x\(String(value, radix: 16)) is mapped already"
    case .noPermission: "a mapping must permit reading or writing"
    case .outOfTables: "the memory for page tables is used up"
    }
  }
}

/// Builds and changes one set of page tables, as the software that owns them does.
///
/// Invalidating what hardware has cached is the owner's business; so is giving frames back, because hardware may hold pointers into a
/// table until it has been told.
@frozen public struct PageTableBuilder<Format: PageTableFormat> {
  /// The format of the tables.
  public let format: Format
  /// The table that walks start at.
  public let root: PhysicalAddress

  @usableFromInline let tables: TableMemory
  @usableFromInline let memory: MemoryView

  /// Empty tables of the given format.
  @inlinable public init(_ format: Format, in tables: TableMemory) throws(PageTableError) {
    guard let root = tables.allocate() else { throw .outOfTables }
    self.format = format
    self.root = root
    self.tables = tables
    memory = tables.memory
  }

  /// Maps `length` bytes from `input` on to those from `output` on, with the largest pages that fit.
  ///
  /// - Parameters:
  ///   - largestPageLog2: No page is larger than this; 12 maps everything with 4 KiB pages.
  ///   - leafBits: Bits that every leaf gets beside address, permissions and page size, such as a snoop bit.
  /// - Throws: `PageTableError`; what had been mapped of the range is unmapped again.
  @inlinable public func map<Input: Address, Output: Address>(
    _ input: Input, to output: Output, length: UInt64, permissions: Permissions, largestPageLog2: UInt8 = 63, leafBits: UInt64 = 0
  ) throws(PageTableError) {
    try check(input, length: length)
    guard output.isAligned(format.entrySizeLog2(level: 1)) else { throw .misaligned(output.rawValue) }
    guard !permissions.isDisjoint(with: .readWrite) else { throw .noPermission }
    var done: UInt64 = 0
    while done < length {
      let from = input.advanced(by: done)
      let step = mapRun(from, output.advanced(by: done), length: length - done, permissions, largestPageLog2, leafBits)
      if case .failed(let error) = step {
        var freed: [PhysicalAddress] = []
        // When tables ran out, empty ones may stand on the way to the page that could not be mapped.
        if error == .outOfTables { done += 1 << UInt64(format.entrySizeLog2(level: 1)) }
        if done > 0 { try unmap(input, length: done, freed: &freed) }
        // Nothing of a failed call was ever visible to a device with a right to look, so the frames may go back at once.
        for table in freed { tables.deallocate(table) }
        throw error
      }
      if case .mapped(let bytes) = step { done += bytes }
    }
  }

  /// Unmaps whatever is mapped in the `length` bytes from `input` on, and detaches tables that become empty.
  ///
  /// A page that lies only partly in the range is first split into pages of the next smaller size.
  ///
  /// - Parameter freed: The detached tables are appended; they may be reused once hardware has forgotten them.
  /// - Returns: The bytes that were mapped.
  @inlinable @discardableResult
  public func unmap<Input: Address>(_ input: Input, length: UInt64, freed: inout [PhysicalAddress]) throws(PageTableError) -> UInt64 {
    try check(input, length: length)
    return try unmap(
      table: root, level: format.rootLevel, first: input.rawValue, last: input.rawValue &+ (length - 1), freed: &freed)
  }

  /// The first entry of the tables, from the root down, that is not a table on the way to `input`: a leaf, or one that maps nothing.
  @inlinable public func lookup<Input: Address>(_ input: Input) -> (entry: UInt64, level: UInt8) {
    var table = root
    var level = format.rootLevel
    while true {
      let entry = memory.read64(table.advanced(by: format.entryOffset(input, level: level))) ?? 0
      guard level > 1, format.classify(entry, level: level) == .table else { return (entry, level) }
      table = tables.table(format.nextTable(entry, level: level))
      level -= 1
    }
  }

  @inlinable func check<Input: Address>(_ input: Input, length: UInt64) throws(PageTableError) {
    let smallest = format.entrySizeLog2(level: 1)
    guard input.isAligned(smallest) else { throw .misaligned(input.rawValue) }
    guard length & ((1 << UInt64(smallest)) - 1) == 0 else { throw .misaligned(length) }
    let last = input.rawValue.addingReportingOverflow(length &- 1)
    // Signed inputs have a hole in the middle, which a range must not span.
    let spansHole = (input.rawValue ^ last.partialValue) >> 63 != 0
    guard length > 0, !last.overflow, !spansHole, format.covers(input), format.covers(Input(rawValue: last.partialValue)) else {
      throw .outOfRange(input.rawValue)
    }
  }

  @usableFromInline enum Step {
    case mapped(UInt64)
    case failed(PageTableError)
  }

  // Maps as many pages of one size as lie side by side in one table.
  @inlinable func mapRun<Input: Address, Output: Address>(
    _ input: Input, _ output: Output, length: UInt64, _ permissions: Permissions, _ largestPageLog2: UInt8, _ leafBits: UInt64
  ) -> Step {
    let target = leafLevel(input, output, length: length, largestPageLog2)
    var table = root
    var level = format.rootLevel
    while level > target {
      let place = table.advanced(by: format.entryOffset(input, level: level))
      let entry = memory.read64(place) ?? 0
      switch format.classify(entry, level: level) {
      case .table: table = tables.table(format.nextTable(entry, level: level))
      case .leaf, .malformed: return .failed(.alreadyMapped(input.rawValue))
      case .notPresent:
        guard let next = tables.allocate() else { return .failed(.outOfTables) }
        memory.write64(place, format.tableEntry(tables.reference(next), level: level))
        tables.counts[tables.index(table)] &+= 1
        table = next
      }
      level -= 1
    }
    let sizeLog2 = UInt64(format.entrySizeLog2(level: target))
    let size: UInt64 = 1 << sizeLog2
    let tableEnd = UInt64(format.entryCount(level: target)) * 8
    var offset = format.entryOffset(input, level: target)
    var done: UInt64 = 0
    while offset < tableEnd, length - done >= size {
      let place = table.advanced(by: offset)
      let entry = memory.read64(place) ?? 0
      if format.classify(entry, level: target) != .notPresent {
        if done > 0 { break }
        // A table with smaller pages stands where a large page would fit: go on below it.
        guard target > 1, format.classify(entry, level: target) == .table else { return .failed(.alreadyMapped(input.rawValue)) }
        return mapRun(input, output, length: length, permissions, format.entrySizeLog2(level: target - 1), leafBits)
      }
      memory.write64(
        place, format.leafEntry(output.advanced(by: done), level: target, permissions: permissions) | leafBits)
      done += size
      offset += 8
    }
    tables.counts[tables.index(table)] &+= UInt16(truncatingIfNeeded: done >> sizeLog2)
    return .mapped(done)
  }

  @inlinable func leafLevel<Input: Address, Output: Address>(
    _ input: Input, _ output: Output, length: UInt64, _ largestPageLog2: UInt8
  ) -> UInt8 {
    var level: UInt8 = 1
    while level < format.rootLevel {
      let next = format.entrySizeLog2(level: level + 1)
      guard next <= largestPageLog2, format.allowsLeaf(level: level + 1), input.isAligned(next), output.isAligned(next),
        length >> UInt64(next) != 0
      else { break }
      level += 1
    }
    return level
  }

  // Addresses are inclusive on both ends, so that the last byte of the space needs no exception.
  @inlinable func unmap(
    table: PhysicalAddress, level: UInt8, first: UInt64, last: UInt64, freed: inout [PhysicalAddress]
  ) throws(PageTableError) -> UInt64 {
    let size: UInt64 = 1 << UInt64(format.entrySizeLog2(level: level))
    var bytes: UInt64 = 0
    var from = first
    while true {
      let entryLast = from | (size - 1)
      let place = table.advanced(by: format.entryOffset(IOVirtualAddress(from), level: level))
      var entry = memory.read64(place) ?? 0
      let whole = from & (size - 1) == 0 && entryLast <= last
      if format.classify(entry, level: level) == .leaf, !whole { entry = try split(place, entry, level: level) }
      switch format.classify(entry, level: level) {
      case .notPresent: break
      case .leaf, .malformed:
        bytes += format.classify(entry, level: level) == .leaf ? size : 0
        clear(place, of: table)
      case .table:
        let next = tables.table(format.nextTable(entry, level: level))
        bytes += try unmap(table: next, level: level - 1, first: from, last: min(last, entryLast), freed: &freed)
        if tables.counts[tables.index(next)] == 0 {
          clear(place, of: table)
          freed.append(next)
        }
      }
      guard entryLast < last else { return bytes }
      from = entryLast + 1
    }
  }

  @inlinable func clear(_ place: PhysicalAddress, of table: PhysicalAddress) {
    memory.write64(place, 0)
    tables.counts[tables.index(table)] &-= 1
  }

  // Replaces a leaf by a table of leaves one level down that map the same with the same rights and flags.
  @inlinable func split(_ place: PhysicalAddress, _ entry: UInt64, level: UInt8) throws(PageTableError) -> UInt64 {
    guard let table = tables.allocate() else { throw .outOfTables }
    let first = format.splitEntry(entry, level: level)
    let size: UInt64 = 1 << UInt64(format.entrySizeLog2(level: level - 1))
    let count = UInt64(format.entryCount(level: level - 1))
    // The base of a large page is a multiple of its size, so adding up the smaller pages carries into no other field.
    for index in 0..<count { memory.write64(table.advanced(by: index * 8), first &+ index * size) }
    tables.counts[tables.index(table)] = UInt16(truncatingIfNeeded: count)
    let pointer = format.tableEntry(tables.reference(table), level: level)
    memory.write64(place, pointer)
    return pointer
  }
}
