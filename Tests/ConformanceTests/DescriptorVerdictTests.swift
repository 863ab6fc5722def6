import Testing
import VTdArchitecture

@testable import Conformance

/// The runner judges descriptors by rules of its own; they must agree with those that the model uses.
@Suite struct DescriptorVerdictTests {
  /// Units that differ in what descriptors depend on.
  static let extended: [UInt64] = [
    SmallCase.legacyExtended, SmallCase.scalableExtended, SmallCase.scalableExtended | 1 << 2 | 1 << 29,
    SmallCase.scalableExtended | 1 << 2 | 1 << 29 | 1 << 41 | 1 << 42,
  ]

  @Test("Runner and model agree on every type with every bit set", arguments: extended, [true, false])
  func agreement(extended: UInt64, isScalable: Bool) throws {
    let identity = UnitIdentity(
      version: ArchitectureVersion(rawValue: 0x10), capabilities: Capabilities(rawValue: SmallCase.legacyCapabilities),
      extended: ExtendedCapabilities(rawValue: extended), hostAddressWidth: 48)
    let mode: TranslationTableMode = isScalable ? .scalable : .legacy
    guard mode.isSupported(by: identity.extended) else { return }
    let rules = DescriptorRules(identity)
    for type in UInt64(0)...15 {
      for granularity in UInt64(0)...3 {
        for bit in 4..<(isScalable ? 256 : 128) {
          var words: SIMD4<UInt64> = [type | granularity << 4, 0, 0, 0]
          words[bit / 64] |= 1 << UInt64(bit % 64)
          let verdict = DescriptorVerdict(words, mode: mode, isWide: isScalable, identity: identity, observed: false)
          switch rules.decode(words, mode: mode, wide: isScalable) {
          case .success: #expect(verdict == .valid || verdict == .open, "\(words)")
          case .failure(let error):
            guard case .invalid(let codes) = verdict else {
              Issue.record("\(words) is taken by the runner and not by the model")
              continue
            }
            #expect(codes.contains(error.rawValue), "\(words)")
          }
        }
      }
    }
  }
}
