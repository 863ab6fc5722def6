import Hardware
import PageTables

/// The stages that a context's requests go through.
@frozen public enum TranslationStages: UInt8, Sendable, Hashable, CaseIterable {
  /// None: the address is physical already.
  case passThrough
  /// One, whose tables a guest or process owns.
  case first
  /// One, whose tables the host owns.
  case second
  /// Both.
  case nested
}

/// A second stage's tables: their format, chosen once per context, and their root.
@frozen public enum SecondStage: Sendable {
  /// VT-d second-stage tables.
  case vtd(VTdSecondStage, root: PhysicalAddress)
}

/// Everything that translating a request needs to know of who made it: the narrow waist between an architecture's structures and the
/// caches and walks that both share.
@frozen public struct TranslationContext: Sendable {
  /// The stages that requests go through.
  public var stages: TranslationStages
  /// The domain that cached translations are tagged with (VT-d domain id, SMMU VMID).
  public var domain: UInt32
  /// The address space that cached translations are tagged with (VT-d PASID, SMMU ASID).
  public var addressSpace: UInt32
  /// The second stage, if requests go through one.
  public var secondStage: SecondStage?
  /// Whether faults of these requests are reported.
  public var reportsFaults: Bool
  /// The translated access must be coherent whatever the leaf says.
  public var forcesSnoop: Bool

  /// A context.
  @inlinable public init(
    stages: TranslationStages, domain: UInt32, addressSpace: UInt32, secondStage: SecondStage? = nil, reportsFaults: Bool = true,
    forcesSnoop: Bool = false
  ) {
    self.stages = stages
    self.domain = domain
    self.addressSpace = addressSpace
    self.secondStage = secondStage
    self.reportsFaults = reportsFaults
    self.forcesSnoop = forcesSnoop
  }
}
