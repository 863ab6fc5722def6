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

/// The tables of a first stage; their format is chosen once per context.
@frozen public enum FirstStage: BitwiseCopyable {
  /// Tables in the format of x86-64 processors; the format belongs to whoever resolved the context and outlives its use.
  case x86(UnsafePointer<X86FirstStage>)
}

/// The tables of a second stage; their format is chosen once per context.
@frozen public enum SecondStage: BitwiseCopyable {
  /// VT-d second-stage tables; the format belongs to whoever resolved the context and outlives its use.
  case vtd(UnsafePointer<VTdSecondStage>)
}

/// Everything that translating a request needs to know of who made it: the narrow waist between an architecture's structures and the
/// caches and walks that both share.
@frozen public struct TranslationContext: BitwiseCopyable {
  /// The stages that requests go through.
  public var stages: ContextStages
  /// Whether faults of these requests are reported.
  public var reportsFaults: Bool
  /// The translated access must be coherent whatever the leaf says.
  public var forcesSnoop: Bool
  /// Requests are privileged whatever they say of themselves.
  public var forcesPrivilege = false
  /// The domain that cached translations are tagged with (VT-d domain id, SMMU VMID).
  public var domain: UInt32
  /// The address space that cached translations are tagged with (VT-d PASID, SMMU ASID).
  public var addressSpace: UInt32
  /// The format of the first stage's tables, if requests go through one.
  public var firstStage: FirstStage?
  /// The root of the first stage's tables; without a second stage a guest physical address is physical.
  public var firstStageRoot: GuestPhysicalAddress
  /// The format of the second stage's tables, if requests go through one.
  public var secondStage: SecondStage?
  /// The root of the second stage's tables.
  public var secondStageRoot: PhysicalAddress
  /// The bits of a guest physical address that the second stage translates under a first one: the lesser of what the unit and its tables do.
  public var guestAddressWidth: UInt8
  /// The second stage keeps accessed and dirty flags, so that first-stage tables must be writable.
  public var secondStageKeepsFlags: Bool
  /// What else a nested walk does.
  public var nestedRules: NestedRules

  /// A context.
  ///
  /// - Parameters:
  ///   - stages: The stages that requests go through.
  ///   - domain: The domain that cached translations are tagged with (VT-d domain id, SMMU VMID).
  ///   - addressSpace: The address space that cached translations are tagged with (VT-d PASID, SMMU ASID).
  ///   - firstStage: The format of the first stage's tables.
  ///   - firstStageRoot: Their root.
  ///   - secondStage: The format of the second stage's tables.
  ///   - secondStageRoot: Their root.
  ///   - guestAddressWidth: The bits of a guest physical address, 1 to 64; of no meaning unless nested, like the two that follow.
  ///   - secondStageKeepsFlags: The second stage keeps accessed and dirty flags.
  ///   - nestedRules: What else a nested walk does.
  ///   - reportsFaults: Whether faults of these requests are reported.
  ///   - forcesSnoop: The translated access must be coherent whatever the leaf says.
  @inlinable public init(
    stages: ContextStages, domain: UInt32, addressSpace: UInt32, firstStage: FirstStage? = nil,
    firstStageRoot: GuestPhysicalAddress = GuestPhysicalAddress(rawValue: 0), secondStage: SecondStage? = nil,
    secondStageRoot: PhysicalAddress = PhysicalAddress(rawValue: 0), guestAddressWidth: UInt8 = 64, secondStageKeepsFlags: Bool = false,
    nestedRules: NestedRules = [], reportsFaults: Bool = true, forcesSnoop: Bool = false
  ) {
    self.stages = stages
    self.domain = domain
    self.addressSpace = addressSpace
    self.firstStage = firstStage
    self.firstStageRoot = firstStageRoot
    self.secondStage = secondStage
    self.secondStageRoot = secondStageRoot
    self.guestAddressWidth = guestAddressWidth
    self.secondStageKeepsFlags = secondStageKeepsFlags
    self.nestedRules = nestedRules
    self.reportsFaults = reportsFaults
    self.forcesSnoop = forcesSnoop
  }
}
