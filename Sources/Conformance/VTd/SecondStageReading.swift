import Hardware
import PageTables

/// Second-stage tables read for one address, without any cache and without setting flags (VT-d 3.7, 9.8 to 9.10).
struct SecondStageReading {
  let format: VTdSecondStage
  let root: PhysicalAddress
  let memory: MemoryView
  /// Whether any address of a leaf's page in the interrupt range counts, or the accessed one.
  var wholePageInRange = false
  /// SSADE: accessed and dirty flags are set.
  var setsFlags = false

  /// Reads the tables; the entries met are appended to `trail`.
  func outcome(for address: IOVirtualAddress, kind: AccessKind, order: OrderOfChecks, trail: inout [TableWord]) -> WalkOutcome {
    let demand = AccessRights(demand: Permissions(for: kind), privileged: false)
    var table = root
    var level = format.rootLevel
    var rights = AccessRights.all
    while true {
      let place = table.advanced(by: format.entryOffset(address, level: level))
      guard let entry = memory.read64(place) else { return .accessError(top: level == format.rootLevel) }
      trail.append(TableWord(.second, level: Int(level), address: place, value: entry))
      let kindOfEntry = format.classify(entry, level: level)
      guard kindOfEntry != .notPresent else { return .notPresent }
      rights.formIntersection(format.rights(entry, level: level))
      if order == .permissionFirst, let denial = denial(rights, demand) { return denial }
      guard kindOfEntry != .malformed else { return .malformed }
      if order == .permissionAtEachLevel, let denial = denial(rights, demand) { return denial }
      let isLeaf = kindOfEntry == .leaf
      if setsFlags {
        let dirty = isLeaf && kind.writes ? VTdSecondStage.EntryBits.dirty : 0
        trail[trail.count - 1].flags = VTdSecondStage.EntryBits.accessed | dirty
      }
      guard isLeaf else {
        table = format.nextTable(entry, level: level)
        level -= 1
        continue
      }
      let sizeLog2 = format.entrySizeLog2(level: level)
      trail[trail.count - 1].pageSizeLog2 = sizeLog2
      if order == .permissionBeforeRange, let denial = denial(rights, demand) { return denial }
      let page: PhysicalAddress = format.pageBase(entry, level: level)
      let output = page.advanced(by: address.pageOffset(sizeLog2))
      let forbidden = wholePageInRange ? InterruptAddressRange.overlaps(page, sizeLog2: sizeLog2) : format.forbids(output)
      if forbidden { return .interruptRange }
      return denial(rights, demand) ?? .translated(output, sizeLog2: sizeLog2)
    }
  }

  private func denial(_ rights: AccessRights, _ demand: AccessRights) -> WalkOutcome? {
    guard !rights.isSuperset(of: demand) else { return nil }
    return .denied(none: rights.permissions(privileged: false).isDisjoint(with: .readWrite))
  }
}
