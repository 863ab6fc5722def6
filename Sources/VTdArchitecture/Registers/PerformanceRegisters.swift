import Hardware

extension Registers {
  private static let counting = RegisterCondition.all([extended(51), .set(FieldReference("PERFCAP", 0...15))])
  private static let counters = RegisterQuantity.field(FieldReference("PERFCAP", 0...15))

  private static func pointer(_ name: String, _ offset: UInt64, _ target: String) -> RegisterDeclaration {
    RegisterDeclaration(
      name, at: .constant(offset), width: 32, if: extended(51), "offset of the \(target)",
      fields: [RegisterField("OFFSET", 0...31, .readOnly, "bytes from the register base")])
  }

  /// Performance monitoring (VT-d rev 5.10 section 11.4.13).
  ///
  /// The configuration block of a counter starts at PERFCFGOFF and takes 256 bytes; the counters themselves lie at PERFCNTROFF, a stride apart
  /// that PERFCAP gives as a power of two, so they are not part of this table.
  public static let performance: [RegisterDeclaration] =
    [
      RegisterDeclaration(
        "PERFCAP", at: .constant(RegisterOffset.performanceCapabilities), width: 64, if: extended(51),
        "performance monitoring capabilities",
        fields: [
          RegisterField("NUM", 0...15, .readOnly, "number of counters"),
          RegisterField("WIDTH", 16...22, .readOnly, "bits of a counter"),
          RegisterField("GROUPS", 24...28, .readOnly, "number of event groups"),
          RegisterField("FILTERS", 32...36, .readOnly, "filters: requester 1, domain 2, PASID 4, ATS 8, page-table level 10h"),
          RegisterField("CWE", 48, .readOnly, "counters are writable while enabled"),
          RegisterField("FREEZE", 49, .readOnly, "all counters can be frozen"),
          RegisterField("OVF", 50, .readOnly, "overflow interrupt"),
          RegisterField("PCC", 51, .readOnly, "counters have capabilities of their own"),
          RegisterField("STRIDE", 52...54, .readOnly, "counters lie 2^(STRIDE+10) bytes apart"),
        ]),
      pointer("PERFCFGOFF", 0x310, "counter configurations"), pointer("PERFFRZOFF", 0x314, "freeze status"),
      pointer("PERFOVFOFF", 0x318, "overflow status"), pointer("PERFCNTROFF", 0x31C, "counters"),
      RegisterDeclaration(
        "PERFINTRSTS", at: .constant(RegisterOffset.performanceInterruptStatus), width: 32, if: extended(51),
        "performance monitoring interrupt status", fields: [RegisterField("PIS", 0, .writeOneToClear, "a counter overflowed")]),
    ] + event("PERFINTR", at: RegisterOffset.performanceInterruptControl, "performance monitoring", if: extended(51)) + [
      RegisterDeclaration(
        "PERFEVNTCAP", at: 0x380, width: 64, count: .field(FieldReference("PERFCAP", 24...28)), stride: 8, if: extended(51),
        "events of a group", fields: [RegisterField("EVENTS", 0...27, .readOnly, "bitmap of the events that can be counted")]),
      RegisterDeclaration(
        "PERFCFG", at: .field(FieldReference("PERFCFGOFF", 0...31)), width: 64, count: counters, stride: 0x100, if: counting,
        "counter configuration",
        fields: [
          RegisterField("EN", 0, .readOnly, "the counter counts"),
          RegisterField("INT", 1, .readWrite, "interrupt on overflow"),
          RegisterField("GFO", 2, .readWrite, "freeze all counters on overflow"),
          RegisterField("EG", 8...11, .readWrite, "event group"),
          RegisterField("ES", 32...59, .readWrite, "bitmap of the events counted"),
        ]),
      RegisterDeclaration(
        "PERFFRZ", at: .field(FieldReference("PERFFRZOFF", 0...31)), width: 64, if: counting, "freeze status",
        fields: [RegisterField("FRZ", 0...63, .readOnly, "bitmap of frozen counters")]),
      RegisterDeclaration(
        "PERFOVF", at: .field(FieldReference("PERFOVFOFF", 0...31)), width: 64, if: counting, "overflow status",
        fields: [RegisterField("OVF", 0...63, .writeOneToClear, "bitmap of counters that rolled over")]),
    ]
}
