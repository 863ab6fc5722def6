import Hardware

/// The registers of a remapping unit (VT-d rev 5.10 section 11.4), one declaration each.
///
/// The tables of groups stand in the extensions beside this file.
public enum Registers {
  /// Every register, in the order of the specification.
  public static let all: [RegisterDeclaration] =
    identification + global + faults + protectedMemory + invalidation + pageRequests + memoryTypes + performance + enhancedCommands
    + virtualCommands

  /// The register of the given name.
  public static func named(_ name: String) -> RegisterDeclaration? { all.first { $0.name == name } }

  static func capability(_ bit: Int) -> RegisterCondition { .set(FieldReference("CAP", bit)) }
  static func extended(_ bit: Int) -> RegisterCondition { .set(FieldReference("ECAP", bit)) }

  /// Control, message data, address and upper address of an event interrupt, as FECTL, FEDATA, FEADDR, FEUADDR.
  static func event(
    _ prefix: String, at offset: UInt64, _ cause: String, if condition: RegisterCondition = .always
  ) -> [RegisterDeclaration] {
    [
      RegisterDeclaration(
        prefix + "CTL", at: .constant(offset), width: 32, reset: 0x8000_0000, if: condition, "\(cause) event control",
        fields: [
          RegisterField("IP", 30, .readOnly, "a message is held back by the mask"),
          RegisterField("IM", 31, .readWrite, "messages are masked"),
        ]),
      RegisterDeclaration(
        prefix + "DATA", at: .constant(offset + RegisterOffset.eventDataDistance), width: 32, if: condition, "\(cause) event message data",
        fields: [RegisterField("IMD", 0...15, .readWrite, "data of the message")]),
      RegisterDeclaration(
        prefix + "ADDR", at: .constant(offset + RegisterOffset.eventAddressDistance), width: 32, if: condition,
        "\(cause) event message address", fields: [RegisterField("MA", 2...31, .readWrite, "address of the message, bits 31:2")]),
      RegisterDeclaration(
        prefix + "UADDR", at: .constant(offset + RegisterOffset.eventUpperAddressDistance), width: 32, if: condition,
        "\(cause) event message upper address",
        fields: [RegisterField("MUA", 0...31, .readWrite, "address of the message, bits 63:32", if: extended(4))]),
    ]
  }
}
