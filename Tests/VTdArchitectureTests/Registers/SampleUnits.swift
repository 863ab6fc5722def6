import Hardware

@testable import VTdArchitecture

/// Units that tests describe, with the capability registers of real and emulated machines.
enum SampleUnit {
  static func unit(cap: UInt64, ecap: UInt64, major: UInt8 = 1, width: Int = 48) -> UnitIdentity {
    UnitIdentity(
      version: ArchitectureVersion(major: major, minor: 0), capabilities: Capabilities(rawValue: cap),
      extended: ExtendedCapabilities(rawValue: ecap), hostAddressWidth: width)
  }

  /// A server of the Skylake generation: legacy mode only.
  static let legacyServer = unit(cap: 0x08d2_078c_106f_0466, ecap: 0x00f0_20df, width: 46)
  /// A full-featured scalable-mode server unit, version 7.
  static let scalableServer = unit(cap: 0xf9ed_008c_ee78_0c66, ecap: 0x003f_ef9e_a6f0_efdf, major: 7, width: 52)
  /// A scalable-mode client unit, version 7.
  static let scalableClient = unit(cap: 0xc9de_008c_ee69_0462, ecap: 0x0012_ca9a_00f0_efde, major: 7, width: 42)
  /// QEMU's default unit with 48 bits.
  static let emulated = unit(cap: 0x00d2_008c_222f_0606, ecap: 0xf0_0f5a)
  /// QEMU's scalable-mode unit.
  static let emulatedScalable = unit(cap: 0x80d2_008c_222f_0606, ecap: 0x4800_80f0_0f4a)

  static let all = [legacyServer, scalableServer, scalableClient, emulated, emulatedScalable]
}
