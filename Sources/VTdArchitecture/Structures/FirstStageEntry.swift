import Hardware

/// The layouts of first-stage paging entries, which have the format of x86-64 (VT-d rev 5.10 section 9.7).
///
/// Levels by their names in the specification: 5 FS-PML5, 4 FS-PML4, 3 FS-PDPT, 2 FS-PD, 1 FS-PT.
public enum FirstStageEntry {
  /// Whether an entry ends the walk: always at level 1, by PS at levels 2 and 3, never above.
  public static func isLeaf(_ entry: UInt64, level: UInt8) -> Bool { level <= 1 || level <= 3 && entry[bit: 7] }

  /// Whether an entry is present: P is set.
  public static func isPresent(_ entry: UInt64) -> Bool { entry[bit: 0] }

  /// The layout of an entry.
  ///
  /// - Parameters:
  ///   - level: 1 to 5.
  ///   - isLeaf: Whether the entry maps a page; at levels 4 and 5 none does.
  ///   - hostAddressWidth: Address bits from here to 51 are reserved.
  public static func layout(level: UInt8, isLeaf: Bool, hostAddressWidth: Int = 52) -> StructureDeclaration {
    let maps = isLeaf && level <= 3
    let low = maps ? PagingLevel.pageSizeLog2(level) : 12
    var fields = [
      RegisterField("P", 0, "present"), RegisterField("R/W", 1, "writes are permitted"),
      RegisterField("U/S", 2, "user requests are permitted"),
    ]
    fields +=
      maps
      ? [RegisterField("PWT", 3, "page-level write-through"), RegisterField("PCD", 4, "page-level cache disable")]
      : [RegisterField("IGN", 3...4, "ignored")]
    fields.append(RegisterField("A", 5, "accessed"))
    fields.append(maps ? RegisterField("D", 6, "dirty") : RegisterField("IGN", 6, "ignored"))
    switch level {
    case 1: fields.append(RegisterField("PAT", 7, "memory type, high bit of the index"))
    case 2: fields.append(RegisterField("PS", 7, "large page"))
    // Without 1 GiB pages PS itself is reserved, but a walk that finds it clear goes on.
    case 3: fields.append(RegisterField("PS", 7, "large page", if: Registers.capability(56)))
    default: break
    }
    fields += [
      maps ? RegisterField("G", 8, "global (ignored)") : RegisterField("IGN", 8, "ignored"),
      RegisterField("IGN", 9, "ignored"), RegisterField("EA", 10, "accessed by a device, if EAFE"), RegisterField("IGN", 11, "ignored"),
    ]
    if maps, level > 1 { fields.append(RegisterField("PAT", 12, "memory type, high bit of the index")) }
    fields += [
      RegisterField(
        "ADDR", low...PagingLevel.highestAddressBit(low: low, hostAddressWidth: hostAddressWidth), maps ? "page" : "next table"),
      RegisterField("IGN", 52...62, "ignored"), RegisterField("XD", 63, "ignored (3.x: no execution, if NXE)"),
    ]
    return StructureDeclaration("FS-\(PagingLevel.name(level)) entry" + (maps ? " of a page" : ""), width: 64, fields: fields)
  }
}
