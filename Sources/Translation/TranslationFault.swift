import Hardware
import PageTables

/// Why a translation failed, by the architecture's own code: a VT-d fault reason or an SMMUv3 event number.
@frozen public struct TranslationFault: Hashable, Sendable {
  /// The architecture's code; 0 if it has none for a request that is refused without a record.
  public var code: UInt16
  /// Whether software is told: false if a structure that was read asks for silence (VT-d FPD) or the fault leaves no record.
  public var isReported: Bool

  /// A fault with the given code.
  @inlinable public init(code: UInt16, isReported: Bool = true) {
    self.code = code
    self.isReported = isReported
  }
}
