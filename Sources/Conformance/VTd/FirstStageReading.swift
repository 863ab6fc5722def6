import Hardware
import PageTables

/// First-stage tables read for one address of a request without privilege, alone or through a second stage, without any cache and without
/// setting flags (VT-d 3.6, 3.8, 9.7).
///
/// It shares no code with the model's format: what an entry means is written down here once more.
struct FirstStageReading {
  /// 4 or 5.
  let levels: Int
  /// The top table: a physical address, or a guest physical one if there is a second stage.
  let root: UInt64
  /// The host address width in bits: address bits from here to 51 are reserved.
  let hostAddressWidth: Int
  /// Whether PS may be set in a PDPE.
  let pages1G: Bool
  /// EAFE: extended-accessed flags are set.
  var setsExtendedAccessed = false
  /// Whether any address of a leaf's page in the interrupt range counts, or the accessed one.
  var wholePageInRange = false
  /// What guest physical addresses go through, and how many bits of them it translates.
  var secondStage: SecondStageReading?
  var guestAddressWidth = 64
  let memory: MemoryView

  private static let address = UInt64.mask(bits: 12...51)

  /// Whether the bits from the highest translated one up are all equal.
  func isCanonical(_ address: IOVirtualAddress) -> Bool { Self.isCanonical(address, width: 12 + 9 * levels) }

  /// Whether bits `width - 1` to 63 are all equal.
  static func isCanonical(_ address: IOVirtualAddress, width: Int) -> Bool {
    let upper = Int64(bitPattern: address.rawValue) >> Int64(width - 1)
    return upper == 0 || upper == -1
  }

  /// Reads the tables; the entries met are appended to `trail`, those of the second stage before the entry that they lead to.
  func outcome(for input: IOVirtualAddress, kind: AccessKind, order: OrderOfChecks, trail: inout [TableWord]) -> WalkOutcome {
    var table = root
    var level = levels
    var (isWritable, isForUsers) = (true, true)
    func denial() -> WalkOutcome? { !isForUsers ? .supervisorPage : kind.writes && !isWritable ? .denied(none: false) : nil }
    while true {
      let sizeLog2 = UInt64(3 + 9 * level)
      guard let place = place(table &+ input.rawValue >> (sizeLog2 - 3) & 0xFF8, &trail), let entry = memory.read64(place) else {
        return .accessError(top: level == levels)
      }
      trail.append(TableWord(.first, level: level, address: place, value: entry))
      guard entry[bit: 0] else { return .notPresent }
      isWritable = isWritable && entry[bit: 1]
      isForUsers = isForUsers && entry[bit: 2]
      if order == .permissionFirst, let denial = denial() { return denial }
      let isLeaf = level == 1 || entry[bit: 7]
      guard entry & reserved(level: level, isLeaf: isLeaf) == 0 else { return .malformed }
      if order == .permissionAtEachLevel, let denial = denial() { return denial }
      let output = entry & Self.address
      guard guestAddressWidth >= 52 || output >> UInt64(guestAddressWidth) == 0 else { return .beyondSecondStage }
      mark(&trail, isDirtied: isLeaf && kind.writes)
      guard isLeaf else {
        table = output
        level -= 1
        continue
      }
      trail[trail.count - 1].pageSizeLog2 = UInt8(sizeLog2)
      if order == .permissionBeforeRange, let denial = denial() { return denial }
      let offset = UInt64.mask(width: Int(sizeLog2))
      let page = PhysicalAddress(output & ~offset)
      return final(page, input.rawValue & offset, UInt8(sizeLog2), kind, order, &trail, denial: denial())
    }
  }

  private func final(
    _ page: PhysicalAddress, _ offset: UInt64, _ sizeLog2: UInt8, _ kind: AccessKind, _ order: OrderOfChecks, _ trail: inout [TableWord],
    denial: WalkOutcome?
  ) -> WalkOutcome {
    let output = page.advanced(by: offset)
    guard let secondStage else {
      let range = wholePageInRange ? (page, sizeLog2) : (output, 0)
      if InterruptAddressRange.overlaps(range.0, sizeLog2: range.1) { return .interruptRange }
      return denial ?? .translated(output, sizeLog2: sizeLog2)
    }
    let outcome = secondStage.outcome(for: IOVirtualAddress(output.rawValue), kind: kind, order: order, trail: &trail)
    guard case .translated(let address, let size) = outcome else { return outcome }
    return denial ?? .translated(address, sizeLog2: min(size, sizeLog2))
  }

  /// Where an entry lies; nil if the second stage doesn't lead there.
  private func place(_ entry: UInt64, _ trail: inout [TableWord]) -> PhysicalAddress? {
    guard let secondStage else { return PhysicalAddress(entry) }
    let outcome = secondStage.outcome(for: IOVirtualAddress(entry), kind: .read, order: .permissionLast, trail: &trail)
    if case .translated(let place, _) = outcome { return place }
    return nil
  }

  /// A and EA of an entry used, D of the leaf of a write; a flag that is set this way dirties the page that the table lies in.
  private func mark(_ trail: inout [TableWord], isDirtied: Bool) {
    let last = trail.count - 1
    trail[last].flags = 1 << 5 | (isDirtied ? 1 << 6 : 0) | (setsExtendedAccessed ? 1 << 10 : 0)
    if trail[last].missingFlags != 0, secondStage?.setsFlags == true { trail[last - 1].flags |= VTdSecondStage.EntryBits.dirty }
  }

  private func reserved(level: Int, isLeaf: Bool) -> UInt64 {
    let beyondHost = Self.address & ~UInt64.mask(width: hostAddressWidth)
    switch (level, isLeaf) {
    case (1, _), (_, false): return beyondHost
    case (2, true): return beyondHost | .mask(bits: 13...20)
    case (3, true): return beyondHost | .mask(bits: 13...29) | (pages1G ? 0 : 1 << 7)
    default: return beyondHost | 1 << 7
    }
  }
}
