import Hardware
import PageTables
import Translation

/// What page tables in memory say of an address now: read without caches, without time, and without setting flags in them.
///
/// A walk of its own and as plain as can be, so that a mistake of the unit's walker or caches is not repeated here.
struct TableReading {
  /// An entry that was read, and the addresses of its stage that it decides about.
  struct Entry {
    var place: PhysicalAddress
    var addresses: ClosedRange<UInt64>
    /// It belongs to a second stage.
    var isSecondStage: Bool
  }

  /// A table that was come to.
  struct Table: Equatable {
    /// The level of the entry that points to it.
    var level: UInt8
    var table: PhysicalAddress
    /// The rights of the entries down to it.
    var rights: AccessRights
  }

  /// A page that was found.
  struct Page: Equatable {
    var address: PhysicalAddress
    var sizeLog2: UInt8
    var rights: AccessRights
    var snoop: Bool
  }

  /// Every entry read, in order.
  private(set) var entries: [Entry] = []
  /// The tables that the last stage was walked through, second stage under a first one apart.
  private(set) var tables: [Table] = []
  /// What the address translates to; `nil` if to nothing.
  private(set) var page: Page?
  /// Why there is no page.
  private(set) var end = ""
  private let memory: MemoryView

  /// Reads the tables of `context` for `address`.
  init(_ address: IOVirtualAddress, in context: TranslationContext, _ memory: MemoryView) {
    self.memory = memory
    page = read(address, context)
    if context.forcesSnoop { page?.snoop = true }
    if context.forcesPrivilege, let rights = page?.rights { page?.rights = rights.ofPrivileged }
  }

  /// Reads a second stage from a table of the given level on, as a walk does that a paging-structure entry leads there.
  init(_ address: IOVirtualAddress, below pointer: TablePointer, in context: TranslationContext, _ memory: MemoryView) {
    self.memory = memory
    guard case .vtd(let format) = context.secondStage else { return }
    page = walk(
      format.pointee, from: pointer.table, level: pointer.level - 1, rights: pointer.rights, for: address, isSecondStage: true
    ) { $1 }
    if context.forcesSnoop { page?.snoop = true }
  }

  private mutating func read(_ address: IOVirtualAddress, _ context: TranslationContext) -> Page? {
    guard case .x86(let first) = context.firstStage else {
      guard case .vtd(let second) = context.secondStage else { return nil }
      return readSecond(address, second.pointee, context)
    }
    guard case .vtd(let second) = context.secondStage else {
      let root = PhysicalAddress(context.firstStageRoot.rawValue)
      return walk(first.pointee, from: root, level: first.pointee.rootLevel, for: address, isSecondStage: false) { $1 }
    }
    // Every address that the first stage holds is translated by the second; only the first stage's tables are told of.
    let guest = walk(first.pointee, from: context.firstStageRoot, level: first.pointee.rootLevel, for: address, isSecondStage: false) {
      $0.readBelow($1, second.pointee, context)?.address
    }
    guard let guest else { return nil }
    let target = GuestPhysicalAddress(guest.address.rawValue)
    guard let host = readBelow(target, second.pointee, context) else { return nil }
    return Page(
      address: host.address, sizeLog2: min(guest.sizeLog2, host.sizeLog2), rights: guest.rights.intersection(host.rights),
      snoop: host.snoop)
  }

  private mutating func readSecond<Input: Address>(_ input: Input, _ format: VTdSecondStage, _ context: TranslationContext) -> Page? {
    walk(format, from: context.secondStageRoot, level: format.rootLevel, for: input, isSecondStage: true) { $1 }
  }

  private mutating func readBelow(_ input: GuestPhysicalAddress, _ format: VTdSecondStage, _ context: TranslationContext) -> Page? {
    let known = tables
    defer { tables = known }
    return readSecond(input, format, context)
  }

  private mutating func walk<Format: PageTableFormat, Input: Address, Space: Address>(
    _ format: Format, from root: Space, level: UInt8, rights: AccessRights = .all, for input: Input, isSecondStage: Bool,
    locate: (inout Self, Space) -> PhysicalAddress?
  ) -> Page? {
    var level = level
    var table = root
    var rights = rights
    while true {
      guard let place = locate(&self, table.advanced(by: format.entryOffset(input, level: level))) else { return nil }
      let size = format.entrySizeLog2(level: level)
      let base = input.alignedDown(size).rawValue
      entries.append(Entry(place: place, addresses: base...base | UInt64.mask(width: Int(size)), isSecondStage: isSecondStage))
      guard let entry = memory.read64(place) else { return stop("no memory", level) }
      switch format.classify(entry, level: level) {
      case .notPresent: return stop("not present", level)
      case .malformed: return stop("malformed", level)
      case .table:
        rights.formIntersection(format.rights(entry, level: level))
        table = format.nextTable(entry, level: level)
        let lies = PhysicalAddress(table.rawValue)
        tables.append(Table(level: level, table: lies, rights: rights))
        level -= 1
      case .leaf:
        rights.formIntersection(format.rights(entry, level: level))
        let effective = format.effectiveRights(rights)
        guard !effective.isDisjoint(with: .anyReadOrWrite) else { return stop("without rights", level) }
        let page: PhysicalAddress = format.pageBase(entry, level: level)
        return Page(
          address: page.advanced(by: input.pageOffset(size)), sizeLog2: size, rights: effective, snoop: format.forcesSnoop(entry))
      }
    }
  }

  private mutating func stop(_ reason: String, _ level: UInt8) -> Page? {
    end = "\(reason) at level \(level)"
    return nil
  }
}
