import Hardware

extension Registers {
  /// The memory type range registers (VT-d rev 5.10 section 11.4.12).
  public static let memoryTypes: [RegisterDeclaration] =
    [
      RegisterDeclaration(
        "MTRRCAP", at: 0x100, width: 64, if: extended(25), "MTRR capabilities",
        fields: [
          RegisterField("VCNT", 0...7, .readOnly, "number of variable ranges"),
          RegisterField("FIX", 8, .readOnly, "fixed ranges"),
          RegisterField("WC", 10, .readOnly, "write-combining type"),
        ]),
      RegisterDeclaration(
        "MTRRDEF", at: 0x108, width: 64, if: extended(25), "MTRR default type",
        fields: [
          RegisterField("TYPE", 0...7, .readWrite, "default memory type"),
          RegisterField("FE", 10, .readWrite, "fixed ranges are enabled"),
          RegisterField("E", 11, .readWrite, "MTRRs are enabled"),
        ]),
    ]
    + [
      ("MTRR_FIX64K_00000", 0x120), ("MTRR_FIX16K_80000", 0x128), ("MTRR_FIX16K_A0000", 0x130), ("MTRR_FIX4K_C0000", 0x138),
      ("MTRR_FIX4K_C8000", 0x140), ("MTRR_FIX4K_D0000", 0x148), ("MTRR_FIX4K_D8000", 0x150), ("MTRR_FIX4K_E0000", 0x158),
      ("MTRR_FIX4K_E8000", 0x160), ("MTRR_FIX4K_F0000", 0x168), ("MTRR_FIX4K_F8000", 0x170),
    ].map { (name: String, offset: UInt64) in
      RegisterDeclaration(
        name, at: .constant(offset), width: 64, if: extended(25), "memory types of a fixed range",
        fields: (0..<8).map { RegisterField("TYPE\($0)", ($0 * 8)...($0 * 8 + 7), .readWrite, "memory type of an eighth") })
    } + [
      RegisterDeclaration(
        "MTRR_PHYSBASE", at: 0x180, width: 64, count: 10, stride: 16, if: extended(25), "variable range base",
        fields: [
          RegisterField("TYPE", 0...7, .readWrite, "memory type"),
          RegisterField("BASE", 12...63, .readWrite, "base address, bits 63:12"),
        ]),
      RegisterDeclaration(
        "MTRR_PHYSMASK", at: 0x188, width: 64, count: 10, stride: 16, if: extended(25), "variable range mask",
        fields: [
          RegisterField("V", 11, .readWrite, "the range is valid"),
          RegisterField("MASK", 12...63, .readWrite, "address mask, bits 63:12"),
        ]),
    ]
}
