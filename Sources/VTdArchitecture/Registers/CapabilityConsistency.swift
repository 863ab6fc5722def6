import Hardware

/// One way in which CAP and ECAP contradict each other or the specification.
public struct CapabilityFinding: Hashable, Sendable, CustomStringConvertible {
  /// The field that should be 0 (or otherwise differ), as in `ECAP.NEST`.
  public let field: String
  /// What forces it.
  public let cause: String

  /// `FIELD: cause`.
  public var description: String { "\(field): \(cause)" }
}

extension UnitIdentity {
  /// What contradicts the rules of VT-d rev 5.10 sections 11.4.2 and 11.4.3; empty for a consistent unit.
  ///
  /// Findings are not errors: units with some of them have been built.
  public var findings: [CapabilityFinding] {
    let identity = registerIdentity()
    func value(_ name: String) -> UInt64 {
      let parts = name.split(separator: ".").map(String.init)
      guard let register = parts.first, let field = parts.last,
        let bits = Registers.named(register)?.fields.first(where: { $0.name == field })?.bits
      else { return 0 }
      return identity[FieldReference(register, bits)]
    }
    var findings: [CapabilityFinding] = []
    for (cause, forced) in Self.forcedToZero where value(cause) == 0 {
      for field in forced where value(field) != 0 {
        findings.append(CapabilityFinding(field: field, cause: "must be 0 because \(cause) is 0"))
      }
    }
    if value("CAP.RWBF") != 0, value("ECAP.SMTS") != 0 {
      findings.append(CapabilityFinding(field: "CAP.RWBF", cause: "must be 0 because ECAP.SMTS is 1"))
    }
    if ![0, 1, 3].contains(value("CAP.SSLPS")) {
      findings.append(CapabilityFinding(field: "CAP.SSLPS", cause: "expected none, 2 MiB, or 2 MiB and 1 GiB"))
    }
    if value("CAP.SAGAW") & 0b10001 != 0 { findings.append(CapabilityFinding(field: "CAP.SAGAW", cause: "bits 0 and 4 are reserved")) }
    if value("CAP.ND") == 7 { findings.append(CapabilityFinding(field: "CAP.ND", cause: "7 is reserved")) }
    if capabilities.maximumGuestAddressWidth < hostAddressWidth {
      findings.append(CapabilityFinding(field: "CAP.MGAW", cause: "expected at least the host address width, \(hostAddressWidth)"))
    }
    if version.major >= 2, !(capabilities.readDraining && capabilities.writeDraining) {
      findings.append(CapabilityFinding(field: "CAP.DRD, CAP.DWD", cause: "must be 1 since major version 2"))
    }
    return findings
  }

  private static let forcedToZero: [(cause: String, forced: [String])] = [
    ("ECAP.QI", ["ECAP.IR", "ECAP.DT", "ECAP.SMTS"]),
    ("ECAP.IR", ["ECAP.EIM", "ECAP.MHMV", "ECAP.IRREQ", "CAP.PI"]),
    ("ECAP.EIM", ["ECAP.EIMER"]),
    (
      "ECAP.SMTS",
      [
        "ECAP.MTS", "ECAP.NEST", "ECAP.PRS", "ECAP.SRS", "ECAP.PSS", "ECAP.PASID", "ECAP.FSTS", "ECAP.SMPWCS", "ECAP.RPS", "ECAP.HPTS",
      ]
    ),
    ("ECAP.DT", ["ECAP.PRS", "ECAP.NWFS", "ECAP.DIT", "ECAP.PDS", "ECAP.PTRS", "ECAP.HPTS"]),
    ("ECAP.FSTS", ["ECAP.NEST", "ECAP.EAFS", "CAP.FS1GP", "CAP.FS5LP"]),
    ("ECAP.SSTS", ["ECAP.NEST", "ECAP.SSIRWS"]),
    ("ECAP.SMPWCS", ["ECAP.SSADS", "ECAP.EAFS"]),
    ("ECAP.SRS", ["ECAP.RPRIVS"]),
    ("ECAP.PASID", ["ECAP.PTRS"]),
    ("ECAP.PRS", ["ECAP.SMS"]),
    ("ECAP.HPTS", ["ECAP.HPT1GPS"]),
    ("CAP.ECMDS", ["ECAP.PMS"]),
  ]
}
