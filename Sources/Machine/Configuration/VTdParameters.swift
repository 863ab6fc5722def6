import Hardware
import VTd
import VTdArchitecture

/// What a VT-d unit says about itself, as the values of its registers, and what it does where the specification leaves a choice.
public struct VTdParameters: Hashable, Sendable {
  /// VER.
  public var version: UInt32 = 0x70
  /// CAP.
  public var capability: UInt64 = 0xF9ED_008C_EE78_0C66
  /// ECAP.
  public var extendedCapability: UInt64 = 0x003F_EF9E_A6F0_EFDF
  /// The host address width in bits.
  public var hostAddressWidth: UInt8 = 52

  /// What the unit does where the specification leaves a choice.
  public var choices = ImplementationChoices()

  /// A server unit with scalable mode.
  public init() {}

  /// The same as the architecture's declarations know it.
  public var identity: UnitIdentity {
    UnitIdentity(
      version: ArchitectureVersion(rawValue: version), capabilities: Capabilities(rawValue: capability),
      extended: ExtendedCapabilities(rawValue: extendedCapability), hostAddressWidth: Int(hostAddressWidth))
  }

  static let parameters: [Parameter<Self>] =
    [
      Parameter("version", "the version register VER", \Self.version, .word),
      Parameter("capability", "the capability register CAP", \Self.capability, .word),
      Parameter("extended_capability", "the extended capability register ECAP", \Self.extendedCapability, .word),
      Parameter("host_address_width", "bits of a host physical address", \Self.hostAddressWidth, .integer(32...52)),
    ] + ImplementationChoices.parameters.lifted(to: \Self.choices, under: "choices")
}
