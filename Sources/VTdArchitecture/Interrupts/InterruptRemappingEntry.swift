import Hardware

/// The layouts of interrupt remapping table entries (VT-d rev 5.10 sections 9.9 and 9.10).
public enum InterruptRemappingEntry {
  /// Whether the entry posts the interrupt to a descriptor instead of remapping it.
  public static func isPosted(_ low: UInt64) -> Bool { low[bit: 15] }

  /// The layout of an entry.
  public static func layout(isPosted: Bool) -> StructureDeclaration { isPosted ? posted : remapped }

  static let deliveryModes: KeyValuePairs<UInt64, String> = [
    0: "fixed", 1: "lowest priority", 2: "SMI", 4: "NMI", 5: "INIT", 7: "ExtINT",
  ]

  private static let source = [
    RegisterField("SID", 64...79, "source id"),
    RegisterField(
      "SQ", 80...81, "source id bits compared", values: [0: "all", 1: "all but bit 2", 2: "all but bits 2:1", 3: "all but bits 2:0"]),
    RegisterField("SVT", 82...83, "source validation", values: [0: "none", 1: "source id", 2: "bus range", 3: "reserved"]),
  ]

  private static let remapped = StructureDeclaration(
    "interrupt remapping entry", width: 128,
    fields: [
      RegisterField("P", 0, "present"), RegisterField("FPD", 1, "qualified faults are not recorded"),
      RegisterField("DM", 2, "destination mode", values: [0: "physical", 1: "logical"]), RegisterField("RH", 3, "redirection hint"),
      RegisterField("TM", 4, "trigger mode", values: [0: "edge", 1: "level"]),
      RegisterField("DLM", 5...7, "delivery mode", values: deliveryModes), RegisterField("IGN", 8...11, "ignored"),
      RegisterField("IM", 15, "mode", values: [0: "remapped", 1: "posted"]), RegisterField("V", 16...23, "vector"),
      RegisterField("DST", 32...63, "destination id; without EIME in bits 47:40"),
    ] + source)

  private static let posted = StructureDeclaration(
    "interrupt remapping entry, posted", width: 128,
    fields: [
      RegisterField("P", 0, "present"), RegisterField("FPD", 1, "qualified faults are not recorded"),
      RegisterField("IGN", 8...11, "ignored"), RegisterField("URG", 14, "urgent"),
      RegisterField("IM", 15, "mode", values: [0: "remapped", 1: "posted"]), RegisterField("V", 16...23, "vector"),
      RegisterField("PDAL", 38...63, "posted interrupt descriptor, bits 31:6"),
    ] + source + [RegisterField("PDAH", 96...127, "posted interrupt descriptor, bits 63:32")])
}
