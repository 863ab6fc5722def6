import Hardware
import PageTables

/// Second-stage tables read for one address, without any cache and without setting flags.
struct SecondStageReading {
  /// In which order the conditions of an entry are tested; the specification gives none.
  enum Order: CaseIterable {
    /// Reserved bits of each entry on the way; at the leaf the interrupt range, then permission.
    case permissionLast
    /// The same with permission before the interrupt range.
    case permissionBeforeRange
    /// Permission at each level, after the entry's reserved bits.
    case permissionAtEachLevel
    /// Permission at each level, before the entry's reserved bits, as the emulator does.
    case permissionFirst
  }

  /// What the tables say.
  enum Outcome: Hashable {
    case translated(PhysicalAddress, sizeLog2: UInt8)
    case accessError(top: Bool)
    case notPresent
    case malformed
    /// Permission is lacking; `none` if neither reads nor writes are permitted.
    case denied(none: Bool)
    case interruptRange
  }

  /// How the names of table entries begin.
  static let levelPrefix = "SS level "

  let format: VTdSecondStage
  let root: PhysicalAddress
  let memory: MemoryView
  /// Whether any address of a leaf's page in the interrupt range counts, or the accessed one.
  var wholePageInRange = false

  /// Reads the tables; the entries met are appended to `trail`.
  func outcome(for address: IOVirtualAddress, kind: AccessKind, order: Order, trail: inout [TableWord]) -> Outcome {
    let demand = AccessRights(demand: Permissions(for: kind), privileged: false)
    var table = root
    var level = format.rootLevel
    var rights = AccessRights.all
    while true {
      let place = table.advanced(by: format.entryOffset(address, level: level))
      guard let entry = memory.read64(place) else { return .accessError(top: level == format.rootLevel) }
      trail.append(TableWord(name: Self.levelPrefix + "\(level)", address: place, value: entry))
      let kindOfEntry = format.classify(entry, level: level)
      guard kindOfEntry != .notPresent else { return .notPresent }
      rights.formIntersection(format.rights(entry, level: level))
      if order == .permissionFirst, let denial = denial(rights, demand) { return denial }
      guard kindOfEntry != .malformed else { return .malformed }
      if order == .permissionAtEachLevel, let denial = denial(rights, demand) { return denial }
      guard kindOfEntry == .leaf else {
        table = format.nextTable(entry, level: level)
        level -= 1
        continue
      }
      if order == .permissionBeforeRange, let denial = denial(rights, demand) { return denial }
      let sizeLog2 = format.entrySizeLog2(level: level)
      let page: PhysicalAddress = format.pageBase(entry, level: level)
      let output = page.advanced(by: address.pageOffset(sizeLog2))
      let forbidden = wholePageInRange ? InterruptAddressRange.overlaps(page, sizeLog2: sizeLog2) : format.forbids(output)
      if forbidden { return .interruptRange }
      return denial(rights, demand) ?? .translated(output, sizeLog2: sizeLog2)
    }
  }

  private func denial(_ rights: AccessRights, _ demand: AccessRights) -> Outcome? {
    guard !rights.isSuperset(of: demand) else { return nil }
    return .denied(none: rights.permissions(privileged: false).isDisjoint(with: .readWrite))
  }
}

/// A word of a structure in memory that was read on the way to a translation.
struct TableWord: Hashable {
  let name: String
  let address: PhysicalAddress
  let value: UInt64
}
