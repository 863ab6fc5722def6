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
    var level: UInt8
    var addresses: ClosedRange<UInt64>
    /// It belongs to a second stage.
    var isSecondStage: Bool
  }

  /// A table that was come to.
  struct Table {
    /// The level of the entry that points to it.
    var level: UInt8
    /// Where it lies.
    var table: PhysicalAddress
    /// The rights that the entries of its stage down to it leave.
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
  /// The tables that were come to, those of a second stage under a first one apart.
  private(set) var tables: [Table] = []
  /// Nested: the guest addresses that the second stage translated, of first-stage entries by level and of the page with level 0.
  private(set) var guests: [(address: GuestPhysicalAddress, level: UInt8)] = []
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

  /// Reads the second stage of `context` for a guest address alone.
  init(_ guest: GuestPhysicalAddress, in context: TranslationContext, _ memory: MemoryView) {
    self.memory = memory
    if case .vtd(let format) = context.secondStage { page = readSecond(guest, format.pointee, context) }
  }

  /// The words that an entry of a stage of `level` rests on: those read up to it, and what translates the table that it points to.
  func places(downTo level: UInt8, isSecondStage: Bool) -> [PhysicalAddress] {
    entries.prefix { $0.isSecondStage != isSecondStage || $0.level >= level }.map(\.place)
  }

  private mutating func read(_ address: IOVirtualAddress, _ context: TranslationContext) -> Page? {
    guard case .x86(let first) = context.firstStage else {
      guard case .vtd(let second) = context.secondStage else { return nil }
      return readSecond(address, second.pointee, context)
    }
    guard case .vtd(let second) = context.secondStage else {
      let root = PhysicalAddress(context.firstStageRoot.rawValue)
      return walk(first.pointee, from: root, level: first.pointee.rootLevel, for: address, isSecondStage: false) {
        $1
      }
    }
    // Every address that the first stage holds is translated by the second; only the first stage's tables are told of.
    let guest = walk(first.pointee, from: context.firstStageRoot, level: first.pointee.rootLevel, for: address, isSecondStage: false) {
      $0.readBelow($1, second.pointee, context)?.address
    }
    guard let guest else { return nil }
    let target = GuestPhysicalAddress(guest.address.rawValue)
    guests.append((target, 0))
    guard let host = readBelow(target, second.pointee, context) else { return nil }
    return Page(
      address: host.address, sizeLog2: min(guest.sizeLog2, host.sizeLog2), rights: guest.rights.intersection(host.rights),
      snoop: host.snoop)
  }

  private mutating func readSecond<Input: Address>(_ input: Input, _ format: VTdSecondStage, _ context: TranslationContext) -> Page? {
    walk(format, from: context.secondStageRoot, level: format.rootLevel, for: input, isSecondStage: true) {
      $1
    }
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
      let reference = table.advanced(by: format.entryOffset(input, level: level))
      if Space.self == GuestPhysicalAddress.self { guests.append((GuestPhysicalAddress(reference.rawValue), level)) }
      guard let place = locate(&self, reference) else { return nil }
      let size = format.entrySizeLog2(level: level)
      let base = input.alignedDown(size).rawValue
      let addresses = base...base | UInt64.mask(width: Int(size))
      entries.append(Entry(place: place, level: level, addresses: addresses, isSecondStage: isSecondStage))
      guard let entry = memory.read64(place) else { return stop("no memory", level) }
      switch format.classify(entry, level: level) {
      case .notPresent: return stop("not present", level)
      case .malformed: return stop("malformed", level)
      case .table:
        rights.formIntersection(format.rights(entry, level: level))
        table = format.nextTable(entry, level: level)
        guard let lies = locate(&self, table) else { return nil }
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
