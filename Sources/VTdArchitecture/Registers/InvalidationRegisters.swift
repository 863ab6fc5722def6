import Hardware

extension Registers {
  /// Queued and register-based invalidation (VT-d rev 5.10 sections 11.4.6.2, 11.4.6.3 and 11.4.9).
  public static let invalidation: [RegisterDeclaration] =
    [
      RegisterDeclaration(
        "IQH", at: .constant(RegisterOffset.invalidationQueueHead), width: 64, if: extended(1), "invalidation queue head",
        fields: [RegisterField("QH", 4...18, .readOnly, "offset of the next descriptor to fetch / 16")]),
      RegisterDeclaration(
        "IQT", at: .constant(RegisterOffset.invalidationQueueTail), width: 64, if: extended(1), "invalidation queue tail",
        fields: [RegisterField("QT", 4...18, .readWrite, "offset behind the last descriptor / 16")]),
      RegisterDeclaration(
        "IQA", at: .constant(RegisterOffset.invalidationQueueAddress), width: 64, if: extended(1), "invalidation queue address",
        fields: [
          RegisterField("QS", 0...2, .readWrite, "2^QS pages"),
          RegisterField("DW", 11, .readWrite, "descriptor width", values: [0: "128 bits", 1: "256 bits"]),
          RegisterField("IQA", 12...63, .readWrite, "queue address, bits 63:12"),
        ]),
      RegisterDeclaration(
        "ICS", at: .constant(RegisterOffset.invalidationCompletionStatus), width: 32, if: extended(1), "invalidation completion status",
        fields: [RegisterField("IWC", 0, .writeOneToClear, "a wait descriptor with interrupt flag completed")]),
    ] + event("IE", at: RegisterOffset.invalidationEventControl, "invalidation", if: extended(1)) + [
      RegisterDeclaration(
        "IQERCD", at: .constant(RegisterOffset.invalidationQueueErrorRecord), width: 64, if: extended(1), "invalidation queue error record",
        fields: [
          RegisterField(
            "IQEI", 0...3, .readOnly, "invalidation queue error",
            values: [
              0: "none", 1: "invalid tail", 2: "descriptor fetch error", 3: "invalid type", 4: "reserved field", 5: "descriptor width",
              6: "tail not aligned", 7: "translation table mode",
            ]),
          RegisterField("ITESID", 32...47, .readOnly, "source id of the time-out"),
          RegisterField("ICESID", 48...63, .readOnly, "source id of the wrong completion"),
        ]),
      RegisterDeclaration(
        "IVA", at: .field(FieldReference("ECAP", 8...17), times: 16), width: 64, "IOTLB invalidate address",
        fields: [
          RegisterField("AM", 0...5, .writeOnly, "2^AM pages"),
          RegisterField("IH", 6, .writeOnly, "paging structures are unchanged"),
          RegisterField("ADDR", 12...63, .writeOnly, "address, bits 63:12"),
        ]),
      RegisterDeclaration(
        "IOTLB", at: .field(FieldReference("ECAP", 8...17), times: 16, plus: 8), width: 64, "IOTLB invalidate",
        fields: [
          RegisterField("DID", 32...47, .readWrite, "domain id"),
          RegisterField("DW", 48, .readWrite, "drain writes"),
          RegisterField("DR", 49, .readWrite, "drain reads"),
          RegisterField("IAIG", 57...58, .readOnly, "granularity performed", values: granularities("page")),
          RegisterField("IIRG", 60...61, .readWrite, "granularity requested", values: granularities("page")),
          RegisterField("IVT", 63, .readWrite, "invalidate; 1 until done"),
        ]),
    ]

  /// The page request queue (VT-d rev 5.10 section 11.4.11).
  public static let pageRequests: [RegisterDeclaration] =
    [
      RegisterDeclaration(
        "PQH", at: .constant(RegisterOffset.pageRequestQueueHead), width: 64, if: extended(29), "page request queue head",
        fields: [RegisterField("PQH", 5...18, .readWrite, "offset of the next descriptor to handle / 32")]),
      RegisterDeclaration(
        "PQT", at: .constant(RegisterOffset.pageRequestQueueTail), width: 64, if: extended(29), "page request queue tail",
        fields: [RegisterField("PQT", 5...18, .readWrite, "offset of the next descriptor to fill / 32")]),
      RegisterDeclaration(
        "PQA", at: .constant(RegisterOffset.pageRequestQueueAddress), width: 64, if: extended(29), "page request queue address",
        fields: [
          RegisterField("PQS", 0...2, .readWrite, "2^PQS pages"),
          RegisterField("PQA", 12...63, .readWrite, "queue address, bits 63:12"),
        ]),
      RegisterDeclaration(
        "PRS", at: .constant(RegisterOffset.pageRequestStatus), width: 32, if: extended(29), "page request status",
        fields: [
          RegisterField("PPR", 0, .writeOneToClear, "a page request was queued"),
          RegisterField("PRO", 1, .writeOneToClear, "a page request found the queue full"),
        ]),
    ] + event("PE", at: RegisterOffset.pageRequestEventControl, "page request", if: extended(29))
}
