import Hardware

extension Registers {
  /// Fault status, event and recording registers (VT-d rev 5.10 sections 11.4.7 and 11.4.7.6).
  public static let faults: [RegisterDeclaration] =
    [
      RegisterDeclaration(
        "FSTS", at: .constant(RegisterOffset.faultStatus), width: 32, "fault status",
        fields: [
          RegisterField("PFO", 0, .writeOneToClear, "a fault found no free recording register"),
          RegisterField("PPF", 1, .readOnly, "a fault is recorded"),
          RegisterField("IQE", 4, .writeOneToClear, "invalidation queue error", if: extended(1)),
          RegisterField("ICE", 5, .writeOneToClear, "invalidation completion error", if: extended(2)),
          RegisterField("ITE", 6, .writeOneToClear, "invalidation time-out error", if: extended(2)),
          RegisterField("FRI", 8...15, .readOnly, "index of the first recording register filled"),
        ])
    ] + event("FE", at: RegisterOffset.faultEventControl, "fault") + [
      RegisterDeclaration(
        "AFLOG", at: 0x058, width: 64, if: capability(3), "advanced fault log (3.x)",
        fields: [
          RegisterField("FLS", 9...11, .readWrite, "2^FLS pages"),
          RegisterField("FLA", 12...63, .readWrite, "log address, bits 63:12"),
        ]),
      RegisterDeclaration(
        "FRCD", at: .field(FieldReference("CAP", 24...33), times: 16), width: 128,
        count: .field(FieldReference("CAP", 40...47), plus: 1), stride: 16, "fault recording", fields: faultRecordFields),
    ]

  static let faultRecordFields: [RegisterField] = [
    RegisterField("FI", 12...63, .readOnly, "address bits 63:12, or interrupt index in bits 63:48"),
    RegisterField("SID", 64...79, .readOnly, "source id"),
    RegisterField("T2", 92, .readOnly, "request type, low bit"),
    RegisterField("PRIV", 93, .readOnly, "privileged mode requested", if: extended(40)),
    RegisterField("EXE", 94, .readOnly, "execute permission requested", if: extended(40)),
    RegisterField("PP", 95, .readOnly, "the request had a PASID", if: extended(40)),
    RegisterField("FR", 96...103, .readOnly, "fault reason"),
    RegisterField("PV", 104...123, .readOnly, "PASID", if: extended(40)),
    RegisterField(
      "AT", 124...125, .readOnly, "address type", values: [0: "untranslated", 1: "translation request", 2: "translated"], if: extended(2)),
    RegisterField("T1", 126, .readOnly, "request type, high bit"),
    RegisterField("F", 127, .writeOneToClear, "the record is valid"),
  ]
}
