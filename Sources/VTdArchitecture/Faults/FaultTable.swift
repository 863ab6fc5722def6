// The answers of a row stand in the order of `RequestKind`: untranslated, with PASID; translation, with PASID; translated, with PASID;
// page request; interrupt.

extension FaultReason {
  static let legacyConditions: [FaultCondition] = [
    .init("LRT.1", 0x08, .legacy, qualified: false, "UR - CA - UR - - -", "the root entry cannot be read"),
    .init("LRT.2", 0x01, .legacy, qualified: false, "UR - UR - UR - - -", "the root entry is not present"),
    .init("LRT.3", 0x0A, .legacy, qualified: false, "UR - CA - UR - - -", "a reserved bit of the root entry is set"),
    .init("LCT.1", 0x09, .legacy, qualified: false, "UR - CA - UR - - -", "the context entry cannot be read"),
    .init("LCT.2", 0x02, .legacy, qualified: true, "UR - UR - UR - - -", "the context entry is not present"),
    .init("LCT.3", 0x0B, .legacy, qualified: true, "UR - CA - UR - - -", "a reserved bit of the context entry is set"),
    .init("LCT.4.1", 0x03, .legacy, qualified: true, "UR - CA - UR - - -", "the context entry's width is not supported"),
    .init("LCT.4.2", 0x03, .legacy, qualified: true, "UR - CA - UR - - -", "the context entry's translation type is not supported"),
    .init("LCT.4.3", 0x03, .legacy, qualified: true, "UR - CA - - - - -", "the top second-stage table cannot be read"),
    .init("LCT.5", 0x0D, .legacy, qualified: true, "- - UR - UR - - -", "the translation type blocks translation and translated requests"),
    .init("LSS.1", 0x07, .legacy, qualified: true, "UR - CA - - - - -", "a lower second-stage table cannot be read"),
    .init("LSS.2", 0x0C, .legacy, qualified: true, "UR - CA - - - - -", "a reserved bit of a second-stage entry is set"),
    .init("LGN.1.1", 0x04, .legacy, qualified: true, "UR - S0 - - - - -", "the address is beyond the guest or table width"),
    .init("LGN.1.2", 0x04, .legacy, qualified: true, "- - - - UR - - -", "a translated address is beyond the host address width"),
    .init("LGN.1.3", 0x04, .legacy, qualified: true, "UR - - - - - - -", "a pass-through address is beyond the host address width"),
    .init("LGN.2", 0x05, .legacy, qualified: true, "UR - Se - - - - -", "no write permission"),
    .init("LGN.3", 0x06, .legacy, qualified: true, "UR - Se - - - - -", "no read permission"),
    .init("LGN.4", 0x0E, .legacy, qualified: true, "UR - CA - UR - - -", "the output lies in the interrupt range"),
  ]

  static let interruptConditions: [FaultCondition] = [
    interrupt(0x20, false, "a reserved field of the request is set"),
    interrupt(0x21, false, "the index is beyond the table, or the entry beyond the host address width"),
    interrupt(0x22, true, "the interrupt entry is not present"),
    interrupt(0x23, false, "the interrupt entry cannot be read"),
    interrupt(0x24, true, "a reserved bit of the interrupt entry is set"),
    interrupt(0x25, false, "a compatibility-format request is blocked"),
    interrupt(0x26, true, "the requester may not use the interrupt entry"),
    interrupt(0x27, true, "the posted interrupt descriptor cannot be accessed"),
    interrupt(0x28, true, "a reserved bit of the posted interrupt descriptor is set"),
    .init("INT", 0x29, .interrupt, qualified: false, "UR - - - - - - -", "a request in the interrupt range is no interrupt"),
    interrupt(0x2A, false, "extended interrupt mode is required", in: [.revision5]),
    interrupt(0x2B, false, "interrupt remapping is required", in: [.revision5]),
  ]

  private static func interrupt(
    _ code: UInt8, _ qualified: Bool, _ meaning: String, in revisions: [RevisionProfile] = RevisionProfile.allCases
  ) -> FaultCondition {
    .init("INT", code, .interrupt, qualified: qualified, "- - - - - - - UR", meaning, in: revisions)
  }

  static let rootTableConditions: [FaultCondition] = [
    .init("RTA.1.1", 0x30, .rootTableAddress, qualified: false, "UR UR CA CA UR UR IR -", "abort-DMA mode is not supported"),
    .init("RTA.1.2", 0x30, .rootTableAddress, qualified: false, "UR UR CA CA UR UR IR -", "the translation table mode is reserved"),
    .init("RTA.1.3", 0x30, .rootTableAddress, qualified: false, "UR UR CA CA UR UR IR -", "scalable mode is not supported"),
    .init(
      "RTA.1.4", 0x30, .rootTableAddress, qualified: false, "UR - CA - UR - - -", "I/O rights are enabled in legacy mode",
      in: [.revision5]),
    .init("RTA.2", 0x31, .rootTableAddress, qualified: false, "- UR - UR - UR - -", "a request with PASID in legacy mode"),
    .init("RTA.3", 0x32, .rootTableAddress, qualified: false, "- - - - - - IR -", "a page request in legacy mode"),
    .init("RTA.4", 0x33, .rootTableAddress, qualified: false, "UR UR UR UR UR UR IR -", "abort-DMA mode"),
    .init(
      "RTA.5", 0x34, .rootTableAddress, qualified: false, "- UR - UR - UR - -", "an execute request (major version 8 and above)",
      in: [.revision5]),
  ]

  static let contextConditions: [FaultCondition] = [
    .init("SRT.1", 0x38, .scalable, qualified: false, "UR UR CA CA UR UR IR -", "the root entry cannot be read"),
    .init("SRT.2", 0x39, .scalable, qualified: false, "UR UR UR UR UR UR IR -", "the half of the root entry is not present"),
    .init("SRT.3", 0x3A, .scalable, qualified: false, "UR UR CA CA UR UR IR -", "a reserved bit of the root entry is set"),
    .init("SCT.1", 0x40, .scalable, qualified: false, "UR UR CA CA UR UR IR -", "the context entry cannot be read"),
    .init("SCT.2", 0x41, .scalable, qualified: true, "UR UR UR UR UR UR IR -", "the context entry is not present"),
    .init("SCT.3", 0x42, .scalable, qualified: true, "UR UR CA CA UR UR IR -", "a reserved bit of the context entry is set"),
    .init("SCT.4.1", 0x43, .scalable, qualified: true, "UR UR CA CA UR UR IR -", "page requests are enabled without device-TLB"),
    .init("SCT.4.2", 0x43, .scalable, qualified: true, "UR UR CA CA UR UR IR -", "RID_PASID is beyond the PASID directory"),
    .init(
      "SCT.4.3", 0x43, .scalable, qualified: true, "UR - CA - UR UR IR -", "PASIDs in translated requests are enabled without PASIDs",
      in: [.revision5]),
    .init("SCT.5", 0x44, .scalable, qualified: true, "- - UR UR UR UR - -", "device-TLB is not enabled"),
    .init("SCT.6", 0x45, .scalable, qualified: true, "- UR - UR - - IR -", "requests with PASID are not enabled"),
    .init("SCT.7", 0x46, .scalable, qualified: true, "- UR - UR - UR IR -", "the PASID is beyond the PASID directory"),
    .init("SCT.8", 0x47, .scalable, qualified: true, "- - - - - - IR -", "page requests are not enabled"),
    .init("SCT.9", 0x48, .scalable, qualified: true, "- UR - UR - UR IR -", "the PASID equals RID_PASID"),
    .init(
      "SCT.10", 0x49, .scalable, qualified: true, "- - - - - UR - -", "PASIDs in translated requests are not enabled",
      in: [.revision5]),
    .init("SGN.10", 0x89, .scalable, qualified: true, "- UR - UR - UR - -", "the PASID is beyond the supported size"),
  ]

  static let pasidConditions: [FaultCondition] = [
    .init("SPD.1", 0x50, .scalable, qualified: false, "UR UR CA CA CA CA IR -", "the PASID directory entry cannot be read"),
    .init("SPD.2", 0x51, .scalable, qualified: true, "UR UR S0 S0 UR UR IR -", "the PASID directory entry is not present"),
    .init("SPD.3", 0x52, .scalable, qualified: true, "UR UR CA CA CA CA IR -", "a reserved bit of the PASID directory entry is set"),
    .init("SPT.1", 0x58, .scalable, qualified: false, "UR UR CA CA CA CA IR -", "the PASID entry cannot be read"),
    .init("SPT.2", 0x59, .scalable, qualified: true, "UR UR S0 S0 UR UR IR -", "the PASID entry is not present"),
    .init("SPT.3", 0x5A, .scalable, qualified: true, "UR UR CA CA CA CA IR -", "a reserved bit of the PASID entry is set"),
    .init("SPT.4.1", 0x5B, .scalable, qualified: true, "UR UR CA CA CA CA IR -", "the second-stage width is not supported"),
    .init("SPT.4.2", 0x5B, .scalable, qualified: true, "UR UR CA CA CA CA IR -", "the translation type is not supported"),
    .init("SPT.4.3", 0x5B, .scalable, qualified: true, "UR UR CA CA CA CA IR -", "the first-stage paging mode is not supported"),
    .init(
      "SPT.4.4", 0x5B, .scalable, qualified: true, "UR UR CA CA CA CA IR -",
      "nested, the top first-stage table is beyond the guest or table width"),
    .init("SPT.5", 0x5C, .scalable, qualified: true, "- UR - S0 - - - -", "execute requests are not supported"),
    .init("SPT.6", 0x5D, .scalable, qualified: true, "UR UR S0 S0 - - - -", "supervisor requests are not enabled"),
    .init(
      "SPT.9", 0x60, .scalable, qualified: true, "- - - - UR UR - -", "the address is beyond the host permission table",
      in: [.revision5]),
  ]

  static let firstStageConditions: [FaultCondition] = [
    .init("SFS.1", 0x70, .scalable, qualified: true, "UR UR S0 S0 - - - -", "a lower first-stage table cannot be read"),
    .init("SFS.2", 0x71, .scalable, qualified: true, "UR UR S0 S0 - - - -", "a first-stage entry is not present"),
    .init("SFS.3", 0x72, .scalable, qualified: true, "UR UR S0 S0 - - - -", "a reserved bit of a first-stage entry is set"),
    .init("SFS.4", 0x73, .scalable, qualified: true, "UR UR S0 S0 - - - -", "the top first-stage table cannot be read"),
    .init(
      "SFS.5", 0x74, .scalable, qualified: true, "UR UR S0 S0 - - - -",
      "nested, an address in a first-stage entry is beyond the guest or table width"),
    .init(
      "SFS.6", 0x75, .scalable, qualified: true, "UR UR S0 S0 - - - -",
      "nested, the second stage forbids reading the top first-stage table"),
    .init(
      "SFS.7", 0x76, .scalable, qualified: true, "UR UR S0 S0 - - - -",
      "nested, the second stage forbids reading a lower first-stage table"),
    .init(
      "SFS.8", 0x77, .scalable, qualified: true, "UR UR S0 S0 - - - -", "nested, the second stage forbids updating first-stage flags"),
    .init(
      "SFS.9", 0x90, .scalable, qualified: true, "UR UR S0 S0 - - - -", "first-stage flags need an update and the walk does not snoop"),
    .init("SFS.10", 0x91, .scalable, qualified: true, "UR UR SL SL - - - -", "the update of first-stage flags failed"),
  ]

  static let secondStageConditions: [FaultCondition] = [
    .init("SSS.1", 0x78, .scalable, qualified: true, "UR UR CA CA - - - -", "a lower second-stage table cannot be read"),
    .init("SSS.2", 0x79, .scalable, qualified: true, "UR UR S0 S0 - - - -", "a second-stage entry, or the path to it, has no permission"),
    .init("SSS.3", 0x7A, .scalable, qualified: true, "UR UR CA CA - - - -", "a reserved bit of a second-stage entry is set"),
    .init("SSS.4", 0x7B, .scalable, qualified: true, "UR UR CA CA - - - -", "the top second-stage table cannot be read"),
    .init(
      "SSS.5", 0x7C, .scalable, qualified: true, "UR UR CA CA - - - -", "second-stage flags need an update and the walk does not snoop"),
    .init("SSS.6", 0x7D, .scalable, qualified: true, "UR UR CA CA - - - -", "the update of second-stage flags failed"),
  ]

  static let generalConditions: [FaultCondition] = [
    .init("SGN.1", 0x80, .scalable, qualified: true, "UR UR S0 S0 - - - -", "the first-stage input address is not canonical"),
    .init("SGN.2", 0x81, .scalable, qualified: true, "UR UR S0 S0 - - - -", "a user request to a supervisor page"),
    .init("SGN.3", 0x82, .scalable, qualified: true, "- UR - S0 - - - -", "no execute permission", in: [.revision3]),
    .init("SGN.4.1", 0x83, .scalable, qualified: true, "- - - - UR UR - -", "a translated address is beyond the host address width"),
    .init("SGN.4.2", 0x83, .scalable, qualified: true, "UR UR S0 S0 - - - -", "a pass-through address is beyond the host address width"),
    .init("SGN.5", 0x84, .scalable, qualified: true, "UR UR S0 S0 - - - -", "the second-stage input is beyond the guest or table width"),
    .init("SGN.6", 0x85, .scalable, qualified: true, "UR UR Se Se - - - -", "no write permission"),
    .init("SGN.7", 0x86, .scalable, qualified: true, "UR UR Se Se - - - -", "no read permission"),
    .init("SGN.8.1", 0x87, .scalable, qualified: true, "UR UR - - - - - -", "the output lies in the interrupt range"),
    .init("SGN.8.2", 0x87, .scalable, qualified: true, "- - CA CA - - - -", "the output range overlaps the interrupt range"),
    .init("SGN.8.3", 0x87, .scalable, qualified: true, "- - - - UR UR - -", "a translated address lies in the interrupt range"),
  ]

  static let hostPermissionConditions: [FaultCondition] = [
    host("HPT.1", 0xA0, "CA", "a host permission entry cannot be read"),
    host("HPT.2", 0xA1, "CA", "a reserved bit of a host permission entry is set"),
    host("HPT.3", 0xA2, "CA", "the top host permission table cannot be read"),
    host("HPT.4", 0xA3, "UR", "a zero-length read met no permission"),
    host("HPT.5", 0xA4, "UR", "no write permission in the host permission tables"),
    host("HPT.6", 0xA5, "UR", "no read permission in the host permission tables"),
  ]

  private static func host(_ id: String, _ code: UInt8, _ answer: String, _ meaning: String) -> FaultCondition {
    .init(id, code, .hostPermission, qualified: true, "- - - - \(answer) \(answer) - -", meaning, in: [.revision5])
  }
}
