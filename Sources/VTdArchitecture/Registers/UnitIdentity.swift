import Hardware

/// What a remapping unit says about itself.
@frozen public struct UnitIdentity: Hashable, Sendable {
  /// VER.
  public var version: ArchitectureVersion
  /// CAP.
  public var capabilities: Capabilities
  /// ECAP.
  public var extended: ExtendedCapabilities
  /// HAW: the bits of a host physical address, from the ACPI DMAR table; 32 to 52.
  public var hostAddressWidth: Int

  /// A unit with the given register values; the host address width is held within 32 to 52.
  @inlinable public init(
    version: ArchitectureVersion, capabilities: Capabilities, extended: ExtendedCapabilities, hostAddressWidth: Int
  ) {
    self.version = version
    self.capabilities = capabilities
    self.extended = extended
    self.hostAddressWidth = min(max(hostAddressWidth, 32), 52)
  }

  /// The values that decide which registers and fields there are.
  ///
  /// Beside registers they name `REVISION`, one bit for each revision of the specification.
  public func registerIdentity(_ revision: RevisionProfile = .revision4) -> RegisterIdentity {
    RegisterIdentity([
      "VER": UInt64(version.rawValue), "CAP": capabilities.rawValue, "ECAP": extended.rawValue, "REVISION": revision.bit,
    ])
  }
}

/// The revision of the specification that a unit follows where revisions differ.
public enum RevisionProfile: String, Hashable, Sendable, CaseIterable {
  /// Revisions 3.0 to 3.4: execute requests, memory types in PASID entries.
  case revision3 = "3.x"
  /// Revisions 4.0 and 4.1.
  case revision4 = "4.1"
  /// Revision 5.10: host permission tables and PASIDs in translated requests, by capability.
  case revision5 = "5.10"

  var bit: UInt64 {
    switch self {
    case .revision3: 1
    case .revision4: 2
    case .revision5: 4
    }
  }

  /// Holds for units of this revision.
  var condition: RegisterCondition { .set(FieldReference("REVISION", bit.trailingZeroBitCount)) }
}
