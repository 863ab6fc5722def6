import Hardware

/// The layouts of interrupt messages, those of devices and the unit's own (VT-d rev 5.10 sections 5.1.2 and 5.1.6).
public enum InterruptMessageLayout {
  /// Whether an address has the remappable format, in which it holds an index of the remapping table.
  public static func isRemappable(address: UInt64) -> Bool { address[bit: 4] }

  /// The layout of the address of a message.
  public static func address(isRemappable: Bool) -> StructureDeclaration { isRemappable ? remappableAddress : compatibleAddress }

  /// The layout of the data of a message whose address has the given format.
  public static func data(isRemappable: Bool) -> StructureDeclaration { isRemappable ? remappableData : compatibleData }

  /// The index into the remapping table that a remappable message names.
  public static func index(address: UInt64, data: UInt64) -> UInt64 {
    let handle = address[bits: 5...19] | address[bits: 2...2] << 15
    return address[bit: 3] ? handle &+ data[bits: 0...15] : handle
  }

  /// Where every message goes: bits 31:20 of its address.
  public static var addressRange: UInt64 { 0xFEE }

  private static let range = RegisterField("FEE", 20...31, "interrupt address range, always FEEh")
  private static let upper = RegisterField("UADDR", 32...63, "upper address; the destination id's bits 31:8 in x2APIC mode")

  private static let compatibleAddress = StructureDeclaration(
    "interrupt message address, compatibility format", width: 64,
    fields: [
      RegisterField("IGN", 0...1, "ignored"), RegisterField("DM", 2, "destination mode", values: [0: "physical", 1: "logical"]),
      RegisterField("RH", 3, "redirection hint"),
      RegisterField("IF", 4, "interrupt format", values: [0: "compatibility", 1: "remappable"]),
      RegisterField("DST", 12...19, "destination id, bits 7:0"), range, upper,
    ])

  private static let remappableAddress = StructureDeclaration(
    "interrupt message address, remappable format", width: 64,
    fields: [
      RegisterField("IGN", 0...1, "ignored"), RegisterField("HANDLEH", 2, "handle, bit 15"),
      RegisterField("SHV", 3, "the data holds a subhandle"),
      RegisterField("IF", 4, "interrupt format", values: [0: "compatibility", 1: "remappable"]),
      RegisterField("HANDLE", 5...19, "handle, bits 14:0"), range,
    ])

  private static let compatibleData = StructureDeclaration(
    "interrupt message data, compatibility format", width: 64,
    fields: [
      RegisterField("V", 0...7, "vector"), RegisterField("DLM", 8...10, "delivery mode", values: InterruptRemappingEntry.deliveryModes),
      RegisterField("LEVEL", 14, "asserted"), RegisterField("TM", 15, "trigger mode", values: [0: "edge", 1: "level"]),
    ])

  private static let remappableData = StructureDeclaration(
    "interrupt message data, remappable format", width: 64, fields: [RegisterField("SUBHANDLE", 0...15, "added to the handle, if SHV")])
}
