import Hardware

extension Registers {
  /// Enhanced commands (VT-d rev 5.10 section 11.4.14).
  public static let enhancedCommands: [RegisterDeclaration] = [
    RegisterDeclaration(
      "ECMD", at: .constant(RegisterOffset.enhancedCommand), width: 64, if: capability(61), "enhanced command",
      fields: [
        RegisterField(
          "CMD", 0...7, .writeOnly, "command",
          values: [
            0xF0: "enable counter", 0xF1: "disable counter", 0xF2: "reset configuration", 0xF3: "reset values", 0xF4: "freeze",
            0xF5: "unfreeze",
          ]),
        RegisterField("OA", 16...63, .writeOnly, "operand A"),
      ]),
    RegisterDeclaration(
      "ECEO", at: .constant(RegisterOffset.enhancedCommandOperand), width: 64, if: capability(61), "enhanced command operand",
      fields: [RegisterField("OB", 0...63, .writeOnly, "operand B")]),
    RegisterDeclaration(
      "ECRSP", at: .constant(RegisterOffset.enhancedCommandResponse), width: 64, if: capability(61), "enhanced command response",
      fields: [
        RegisterField("IP", 0, .readOnly, "a command is in progress"),
        RegisterField(
          "SC", 1...7, .readOnly, "status", values: [0: "success", 1: "undefined command", 2: "aborted", 16: "counter check failed"]),
        RegisterField("RSLT", 16...63, .readOnly, "result"),
      ]),
    RegisterDeclaration(
      "ECCAP", at: 0x430, width: 64, count: 4, stride: 8, if: capability(61), "enhanced commands supported",
      fields: [RegisterField("CMDS", 0...63, .readOnly, "bit c of the 256 stands for command c")]),
  ]

  /// Virtual commands (VT-d rev 5.10 section 11.4.15; layout since 3.3).
  public static let virtualCommands: [RegisterDeclaration] = [
    RegisterDeclaration(
      "VCMD", at: .constant(RegisterOffset.virtualCommand), width: 64, if: extended(44), "virtual command",
      fields: [
        RegisterField("CMD", 0...7, .writeOnly, "command", values: [0: "null", 1: "allocate PASID", 2: "free PASID"]),
        RegisterField("OA", 16...63, .writeOnly, "operand A; a PASID to free in its low 20 bits"),
      ]),
    RegisterDeclaration(
      "VCMD_EO", at: 0xE08, width: 64, if: extended(44), "virtual command operand",
      fields: [RegisterField("OB", 0...63, .writeOnly, "operand B")]),
    RegisterDeclaration(
      "VCRSP", at: .constant(RegisterOffset.virtualCommandResponse), width: 64, if: extended(44), "virtual command response",
      fields: [
        RegisterField("IP", 0, .readOnly, "a command is in progress"),
        RegisterField("SC", 1...7, .readOnly, "status", values: [0: "success", 1: "undefined command", 16: "no or invalid PASID"]),
        RegisterField("RSLT", 16...63, .readOnly, "result; an allocated PASID in its low 20 bits"),
      ]),
    RegisterDeclaration(
      "VCCAP", at: 0xE30, width: 64, if: extended(44), "virtual commands supported",
      fields: [
        RegisterField("NULL", 0, .readOnly, "null command"),
        RegisterField("PAS", 1, .readOnly, "allocate PASID"),
        RegisterField("PFS", 2, .readOnly, "free PASID"),
      ]),
  ]
}
