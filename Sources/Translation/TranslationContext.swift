import Hardware
import PageTables

/// The stages that a context's requests go through.
@frozen public enum ContextStages: UInt8, Sendable, Hashable, CaseIterable {
  /// None: the address is physical already.
  case passThrough = 0
  /// One, whose tables a guest or process owns.
  case first = 1
  /// One, whose tables the host owns.
  case second = 2
  /// Both.
  case nested = 3
}

/// A stage's tables: their format, chosen once per context, and their root.
@frozen public enum SecondStage: BitwiseCopyable {
  /// VT-d second-stage tables; the format belongs to whoever resolved the context and outlives its use.
  case vtd(UnsafePointer<VTdSecondStage>)
}

/// Everything that translating a request needs to know of who made it: the narrow waist between an architecture's structures and the
/// caches and walks that both share.
@frozen public struct TranslationContext: BitwiseCopyable {
  /// The format of the second stage's tables, if requests go through one.
  public var secondStage: SecondStage?
  /// The root of the second stage's tables.
  public var secondStageRoot: PhysicalAddress
  // Bits 31:0 the domain, bits 63:32 the address space: few words travel in registers.
  @usableFromInline var tags: UInt64
  // Bits 7:0 the stages, bit 8 faults are reported, bit 9 snoop.
  @usableFromInline var details: UInt64

  /// A context.
  ///
  /// - Parameters:
  ///   - stages: The stages that requests go through.
  ///   - domain: The domain that cached translations are tagged with (VT-d domain id, SMMU VMID).
  ///   - addressSpace: The address space that cached translations are tagged with (VT-d PASID, SMMU ASID).
  ///   - secondStage: The format of the second stage's tables.
  ///   - secondStageRoot: Their root.
  ///   - reportsFaults: Whether faults of these requests are reported.
  ///   - forcesSnoop: The translated access must be coherent whatever the leaf says.
  @inlinable public init(
    stages: ContextStages, domain: UInt32, addressSpace: UInt32, secondStage: SecondStage? = nil,
    secondStageRoot: PhysicalAddress = PhysicalAddress(rawValue: 0), reportsFaults: Bool = true, forcesSnoop: Bool = false
  ) {
    self.secondStage = secondStage
    self.secondStageRoot = secondStageRoot
    tags = UInt64(domain) | UInt64(addressSpace) &<< 32
    details = UInt64(stages.rawValue) | (reportsFaults ? 1 &<< 8 : 0) | (forcesSnoop ? 1 &<< 9 : 0)
  }

  /// The stages that requests go through.
  @inlinable public var stages: ContextStages {
    switch details & 3 {
    case 0: .passThrough
    case 1: .first
    case 2: .second
    default: .nested
    }
  }
  /// The domain that cached translations are tagged with (VT-d domain id, SMMU VMID).
  @inlinable public var domain: UInt32 { UInt32(truncatingIfNeeded: tags) }
  /// The address space that cached translations are tagged with (VT-d PASID, SMMU ASID).
  @inlinable public var addressSpace: UInt32 { UInt32(truncatingIfNeeded: tags &>> 32) }
  /// Whether faults of these requests are reported.
  @inlinable public var reportsFaults: Bool { details & 1 &<< 8 != 0 }
  /// The translated access must be coherent whatever the leaf says.
  @inlinable public var forcesSnoop: Bool { details & 1 &<< 9 != 0 }

  /// The same context with faults reported only if `reports` holds too.
  @inlinable public func reportingFaults(_ reports: Bool) -> TranslationContext {
    var context = self
    if !reports { context.details &= ~(1 &<< 8) }
    return context
  }
}
