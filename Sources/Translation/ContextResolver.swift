import Hardware
import PageTables

/// What becomes of a request before anything is looked up.
@frozen public enum Admission: Sendable {
  /// It is looked up under this context tag, of which bits 57:0 are used.
  case translate(context: UInt64)
  /// It goes on as it is.
  case bypass
  /// It is an interrupt.
  case interrupt
  /// It is refused.
  case fault(TranslationFault)
}

/// What the structures in memory say of a request.
@frozen public enum Resolution {
  /// It is translated so; the context lies with the resolver and is valid until its next call.
  case context(UnsafePointer<TranslationContext>)
  /// It is refused.
  case fault(TranslationFault)
}

/// The architecture's side of translation: who is asking, what the structures in memory say of them, and what faults are called.
///
/// Everything is mutating, even what changes nothing: a borrowed resolver would be handed over as a copy of its bits.
public protocol ContextResolver: ~Copyable {
  /// Sorts a request by what needs no structure in memory.
  mutating func admit(_ request: TranslationRequest) -> Admission

  /// Finds the context of a request that the IOTLB did not serve, from configuration caches or memory, with every check that precedes a walk.
  ///
  /// - Parameters:
  ///   - time: When the search begins; when it ends on return.
  ///   - port: The way to memory.
  mutating func resolve(_ request: TranslationRequest, at time: inout SimTime, through port: UnsafeMutablePointer<MemoryPort>) -> Resolution

  /// Whether a cached translation to a refused output is reported before missing rights.
  var checksOutputBeforeRights: Bool { mutating get }

  /// Whether a request that a cached translation denies walks the tables again before it faults.
  var rewalksOnDenial: Bool { mutating get }

  /// What a request demands of the tables.
  mutating func demand(_ request: TranslationRequest) -> WalkDemand

  /// The architecture's code for a walk that did not end in a translation, or for a cached translation that denies a request.
  mutating func fault(_ failure: WalkFailure, stages: ContextStages, request: TranslationRequest) -> UInt16
}
