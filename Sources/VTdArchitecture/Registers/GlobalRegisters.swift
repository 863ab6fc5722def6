import Hardware

extension Registers {
  /// GCMD, GSTS, RTADDR, CCMD and IRTA (VT-d rev 5.10 sections 11.4.4 to 11.4.6 and 11.4.10).
  public static let global: [RegisterDeclaration] = [
    RegisterDeclaration(
      "GCMD", at: .constant(RegisterOffset.globalCommand), width: 32, "global command",
      fields: [
        RegisterField("CFI", 23, .writeOnly, "let compatibility-format interrupts pass", if: extended(3)),
        RegisterField("SIRTP", 24, .writeOnly, "latch IRTA", if: extended(3)),
        RegisterField("IRE", 25, .writeOnly, "enable interrupt remapping", if: extended(3)),
        RegisterField("QIE", 26, .writeOnly, "enable queued invalidation", if: extended(1)),
        RegisterField("WBF", 27, .writeOnly, "flush write buffers", if: capability(4)),
        RegisterField("EAFL", 28, .writeOnly, "enable advanced fault logging (3.x)", if: capability(3)),
        RegisterField("SFL", 29, .writeOnly, "latch AFLOG (3.x)", if: capability(3)),
        RegisterField("SRTP", 30, .writeOnly, "latch RTADDR"),
        RegisterField("TE", 31, .writeOnly, "enable translation"),
      ]),
    RegisterDeclaration(
      "GSTS", at: .constant(RegisterOffset.globalStatus), width: 32, "global status",
      fields: [
        RegisterField("CFIS", 23, .readOnly, "compatibility-format interrupts pass"),
        RegisterField("IRTPS", 24, .readOnly, "IRTA is latched"),
        RegisterField("IRES", 25, .readOnly, "interrupt remapping is enabled"),
        RegisterField("QIES", 26, .readOnly, "queued invalidation is enabled"),
        RegisterField("WBFS", 27, .readOnly, "a write-buffer flush is under way"),
        RegisterField("AFLS", 28, .readOnly, "advanced fault logging is enabled (3.x)"),
        RegisterField("FLS", 29, .readOnly, "AFLOG is latched (3.x)"),
        RegisterField("RTPS", 30, .readOnly, "RTADDR is latched"),
        RegisterField("TES", 31, .readOnly, "translation is enabled"),
      ]),
    RegisterDeclaration(
      "RTADDR", at: .constant(RegisterOffset.rootTableAddress), width: 64, "root table address",
      fields: [
        RegisterField("SSIRWE", 7, .readWrite, "second-stage tables use IR and IW (5.x)", if: extended(57)),
        RegisterField(
          "TTM", 10...11, .readWrite, "translation table mode", values: [0: "legacy", 1: "scalable", 2: "reserved", 3: "abort DMA"]),
        RegisterField("RTA", 12...63, .readWrite, "root table address, bits 63:12"),
      ]),
    RegisterDeclaration(
      "CCMD", at: .constant(RegisterOffset.contextCommand), width: 64, "context command",
      fields: [
        RegisterField("DID", 0...15, .readWrite, "domain id"),
        RegisterField("SID", 16...31, .writeOnly, "source id"),
        RegisterField("FM", 32...33, .writeOnly, "function mask"),
        RegisterField("CAIG", 59...60, .readOnly, "granularity performed", values: granularities("device")),
        RegisterField("CIRG", 61...62, .readWrite, "granularity requested", values: granularities("device")),
        RegisterField("ICC", 63, .readWrite, "invalidate; 1 until done"),
      ]),
    RegisterDeclaration(
      "IRTA", at: .constant(RegisterOffset.interruptRemappingTableAddress), width: 64, if: extended(3), "interrupt remapping table address",
      fields: [
        RegisterField("S", 0...3, .readWrite, "2^(S+1) entries"),
        RegisterField("EIME", 11, .readWrite, "extended interrupt mode", if: extended(4)),
        RegisterField("IRTA", 12...63, .readWrite, "table address, bits 63:12"),
      ]),
  ]

  static func granularities(_ narrow: String) -> KeyValuePairs<UInt64, String> {
    [0: "reserved", 1: "global", 2: "domain", 3: "\(narrow)"]
  }

  /// The protected memory registers (VT-d rev 5.10 section 11.4.8).
  public static let protectedMemory: [RegisterDeclaration] = [
    RegisterDeclaration(
      "PMEN", at: .constant(RegisterOffset.protectedMemoryEnable), width: 32, if: .any([capability(5), capability(6)]),
      "protected memory enable",
      fields: [
        RegisterField("PRS", 0, .readOnly, "the regions are protected"),
        RegisterField("EPM", 31, .readWrite, "protect the regions"),
      ]),
    region("PLMBASE", RegisterOffset.protectedLowMemoryBase, width: 32, if: capability(5), "protected low memory base"),
    region("PLMLIMIT", RegisterOffset.protectedLowMemoryLimit, width: 32, if: capability(5), "protected low memory limit"),
    region("PHMBASE", RegisterOffset.protectedHighMemoryBase, width: 64, if: capability(6), "protected high memory base"),
    region("PHMLIMIT", RegisterOffset.protectedHighMemoryLimit, width: 64, if: capability(6), "protected high memory limit"),
  ]

  /// The alignment of protected memory regions, which is the implementation's to choose: 2 MiB.
  public static let protectedMemoryAlignmentLog2 = 21

  private static func region(
    _ name: String, _ offset: UInt64, width: Int, if condition: RegisterCondition, _ meaning: String
  ) -> RegisterDeclaration {
    RegisterDeclaration(
      name, at: .constant(offset), width: width, if: condition, meaning,
      fields: [RegisterField("ADDR", protectedMemoryAlignmentLog2...(width - 1), .readWrite, "address, a multiple of 2 MiB")])
  }
}
