import Hardware

/// The layouts of second-stage paging entries (VT-d rev 5.10 section 9.8).
///
/// Levels by their names in the specification: 5 SS-PML5, 4 SS-PML4, 3 SS-PDPT, 2 SS-PD, 1 SS-PT.
public enum SecondStageEntry {
  /// Whether an entry ends the walk: always at level 1, by PS at levels 2 and 3, never above.
  public static func isLeaf(_ entry: UInt64, level: UInt8) -> Bool { level <= 1 || level <= 3 && entry[bit: 7] }

  /// Whether an entry is present: R or W is set.
  public static func isPresent(_ entry: UInt64) -> Bool { entry & 3 != 0 }

  /// The layout of an entry.
  ///
  /// - Parameters:
  ///   - level: 1 to 5.
  ///   - isLeaf: Whether the entry maps a page; at levels 4 and 5 none does.
  ///   - hostAddressWidth: Address bits from here to 51 are reserved.
  public static func layout(level: UInt8, isLeaf: Bool, hostAddressWidth: Int = 52) -> StructureDeclaration {
    let maps = isLeaf && level <= 3
    let low = maps ? PagingLevel.pageSizeLog2(level) : 12
    var fields = [RegisterField("R", 0, "reads are permitted"), RegisterField("W", 1, "writes are permitted")]
    fields += maps ? leaf(level) : table(level)
    fields += [
      RegisterField("A", 8, "accessed, if SSADE"),
      maps ? RegisterField("D", 9, "dirty, if SSADE") : RegisterField("IGN", 9, "ignored"),
      RegisterField("IGN", 10, "ignored"),
    ]
    if maps { fields.append(RegisterField("SNP", 11, "accesses to the page snoop", if: Registers.extended(7))) }
    fields += [
      RegisterField(
        "ADDR", low...PagingLevel.highestAddressBit(low: low, hostAddressWidth: hostAddressWidth), maps ? "page" : "next table"),
      RegisterField("IGN", 52...60, "ignored"),
      RegisterField("IR", 61, "reads are permitted, if RTADDR.SSIRWE (5.x; else ignored)"),
      RegisterField(
        "IW", 62, "writes are permitted, if RTADDR.SSIRWE (5.x)", if: .all([RevisionProfile.revision5.condition, Registers.extended(57)])),
    ]
    if maps {
      let condition = RegisterCondition.all([RevisionProfile.revision3.condition, Registers.extended(2)])
      fields.append(RegisterField("TM", 62, "transient mapping (up to 3.1)", if: condition))
    }
    fields.append(RegisterField("IGN", 63, "ignored"))
    return StructureDeclaration("SS-\(PagingLevel.name(level)) entry" + (maps ? " of a page" : ""), width: 64, fields: fields)
  }

  private static func leaf(_ level: UInt8) -> [RegisterField] {
    [
      RegisterField("X", 2, "ignored (3.x: execution is permitted)"),
      RegisterField("EMT", 3...5, "memory type, if EMTE", values: Registers.memoryTypeNames),
      RegisterField("IPAT", 6, "EMT alone decides, if EMTE and nested"),
      level == 1 ? RegisterField("IGN", 7, "ignored") : RegisterField("PS", 7, "large page"),
    ]
  }

  private static func table(_ level: UInt8) -> [RegisterField] {
    [RegisterField("X", 2, "ignored (3.x: execution is permitted)"), RegisterField("IGN", 3...6, "ignored")]
      + (level <= 3 ? [RegisterField("PS", 7, "large page")] : [])
  }
}

/// What first-stage and second-stage tables have in common.
public enum PagingLevel {
  /// The base-2 logarithm of the size of a page that an entry of level 1 to 3 maps.
  public static func pageSizeLog2(_ level: UInt8) -> Int { 12 + 9 * (Int(min(max(level, 1), 3)) - 1) }

  /// The name of a level's table: `PT`, `PD`, `PDPT`, `PML4`, `PML5`.
  public static func name(_ level: UInt8) -> String {
    let names = ["PT", "PD", "PDPT"]
    return names.indices.contains(Int(level) - 1) ? names[Int(level) - 1] : "PML\(level)"
  }

  static func highestAddressBit(low: Int, hostAddressWidth: Int) -> Int { max(low, min(hostAddressWidth, 52) - 1) }
}
