import Hardware

extension InvalidationDescriptor {
  /// The layout of a descriptor by its type, 1 to 10; `nil` for other types.
  ///
  /// The second 128 bits of a 256-bit descriptor are reserved in every type.
  public static func layout(type: UInt8) -> StructureDeclaration? {
    layouts.indices.contains(Int(type) - 1) ? layouts[Int(type) - 1] : nil
  }

  /// The layout that fits the type field of the given first word.
  public static func layout(of low: UInt64) -> StructureDeclaration? {
    low[bits: 9...11] == 0 ? layout(type: UInt8(low[bits: 0...3])) : nil
  }

  private static func descriptor(_ name: String, _ fields: [RegisterField]) -> StructureDeclaration {
    StructureDeclaration(
      name, width: 256,
      fields: [RegisterField("TYPE", 0...3, "type, bits 3:0"), RegisterField("TYPEH", 9...11, "type, bits 6:4")] + fields)
  }

  private static let domain = RegisterField("DID", 16...31, "domain id")
  private static let pasid = RegisterField("PASID", 32...51, "PASID")
  private static let pages = [
    RegisterField("AM", 64...69, "2^AM pages"), RegisterField("IH", 70, "paging structures are unchanged"),
    RegisterField("ADDR", 76...127, "address, bits 63:12"),
  ]
  private static let function = [
    RegisterField("PFSIDL", 12...15, "physical function, bits 3:0", if: Registers.extended(41)),
    RegisterField("PFSIDH", 52...63, "physical function, bits 15:4", if: Registers.extended(41)),
  ]

  /// The layouts of types 1 to 10 in order.
  public static let layouts: [StructureDeclaration] = [
    descriptor(
      "context-cache invalidate",
      [
        RegisterField("G", 4...5, "granularity", values: [0: "reserved", 1: "global", 2: "domain", 3: "device"]), domain,
        RegisterField("SID", 32...47, "source id"), RegisterField("FM", 48...49, "function mask"),
      ]),
    descriptor(
      "IOTLB invalidate",
      [
        RegisterField("G", 4...5, "granularity", values: [0: "reserved", 1: "global", 2: "domain", 3: "page"]),
        RegisterField("DW", 6, "drain writes"), RegisterField("DR", 7, "drain reads"), domain,
      ] + pages),
    descriptor(
      "device-TLB invalidate",
      [
        RegisterField("MIP", 16...20, "invalidations that may be pending"), RegisterField("SID", 32...47, "source id"),
        RegisterField("S", 64, "more than 4 KiB"), RegisterField("ADDR", 76...127, "address, bits 63:12"),
      ] + function),
    descriptor(
      "interrupt entry cache invalidate",
      [
        RegisterField("G", 4, "granularity", values: [0: "global", 1: "index"]), RegisterField("IM", 27...31, "index mask"),
        RegisterField("IIDX", 32...47, "interrupt index"),
      ]),
    descriptor(
      "invalidation wait",
      [
        RegisterField("IF", 4, "raise the completion event"), RegisterField("SW", 5, "write the status"),
        RegisterField("FN", 6, "fence"), RegisterField("PD", 7, "drain page requests", if: Registers.extended(42)),
        RegisterField("STDATA", 32...63, "status data"), RegisterField("STADDR", 66...127, "status address, bits 63:2"),
      ]),
    descriptor(
      "PASID-based IOTLB invalidate",
      [RegisterField("G", 4...5, "granularity", values: [0: "reserved", 1: "reserved", 2: "PASID", 3: "page"]), domain, pasid] + pages),
    descriptor(
      "PASID-cache invalidate",
      [RegisterField("G", 4...5, "granularity", values: [0: "domain", 1: "PASID", 2: "reserved", 3: "global"]), domain, pasid]),
    descriptor(
      "PASID-based device-TLB invalidate",
      [
        RegisterField("MIP", 4...8, "invalidations that may be pending"), RegisterField("SID", 16...31, "source id"), pasid,
        RegisterField("GI", 64, "all PASIDs"), RegisterField("S", 75, "more than 4 KiB"),
        RegisterField("ADDR", 76...127, "address, bits 63:12"),
      ] + function),
    descriptor(
      "page group response",
      [
        RegisterField("PP", 4, "PASID is present"),
        RegisterField("RC", 12...15, "response code", values: [0: "success", 1: "invalid request", 15: "response failure"]),
        RegisterField("RID", 16...31, "requester id"), pasid,
        RegisterField("LPIG", 66, "last request of the group (3.x; ignored since 5.10)"),
        RegisterField("PRGI", 67...75, "page request group index"),
      ]),
    descriptor(
      "HPT cache invalidate",
      [
        RegisterField("G", 4...5, "granularity", values: [0: "reserved", 1: "global", 2: "domain", 3: "page"]),
        RegisterField("HPTDID", 16...31, "domain id"), RegisterField("AM", 64...69, "2^AM pages"),
        RegisterField("IH", 70...71, "levels", values: [0: "1", 1: "1 to 2", 2: "1 to 3", 3: "1 to 4"]),
        RegisterField("ADDR", 76...127, "address, bits 63:12"),
      ]),
  ]
}
