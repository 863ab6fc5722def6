import Hardware
import VTdArchitecture

/// A case about a whole IOMMU: a machine, its memory, register writes that set it up, then steps with what was observed at each.
public struct IOMMUCase: Sendable {
  /// What names the case.
  public var header: CaseHeader
  /// Remarks on the category.
  public var notes: [String]
  /// The unit to model, by its identification registers.
  public var identity: UnitIdentity
  /// Whether second-stage bit 62 was a defined hint of the observed machine, as it was up to revision 3.1 of the specification.
  public var hasTransientMapping: Bool
  /// The memory of the machine; everything else aborts.
  public var regions: [MemoryRegion]
  /// What memory holds at the start; the rest is zero.
  public var memory: [MemoryWords]
  /// The register writes that set the unit up, in order.
  public var setUp: [RegisterWrite]
  /// What is done then, in order.
  public var steps: [Step]

  /// 64-bit words from an address on.
  public struct MemoryWords: Hashable, Sendable {
    /// The address of the first word, a multiple of 8.
    public var address: PhysicalAddress
    /// The words.
    public var words: [UInt64]
  }

  /// A write of a register.
  public struct RegisterWrite: Hashable, Sendable {
    /// From the register base, in bytes.
    public var offset: UInt64
    /// 4 or 8 bytes.
    public var size: Int
    /// The value.
    public var value: UInt64
  }

  /// A read of a register.
  public struct RegisterRead: Hashable, Sendable {
    /// From the register base, in bytes.
    public var offset: UInt64
    /// 4 or 8 bytes.
    public var size: Int
    /// What was read.
    public var observed: UInt64
  }

  /// A request of a device without PASID to memory.
  public struct Access: Hashable, Sendable {
    /// Who.
    public var requester: RequesterID
    /// A read or a write.
    public var kind: AccessKind
    /// The address of the first byte.
    public var address: IOVirtualAddress
    /// How many bytes.
    public var length: Int
    /// The bytes that a write carries.
    public var data: [UInt8]
    /// A table was changed and not invalidated: the unit may use the old or the new one, and what was observed is one choice.
    public var isImplementationDefined: Bool
    /// What was observed.
    public var observed: Observation
  }

  /// What an access was seen to do.
  public struct Observation: Hashable, Sendable {
    /// Whether it went through.
    public var completed: Bool
    /// Where its pieces, cut at page boundaries, landed or came from; nil if that was not seen.
    public var pieces: [PhysicalAddress]?
    /// A write that went through was looked for and not found.
    public var isMissing = false
    /// The bytes that a read returned; nil if they were not seen.
    public var data: [UInt8]?
    /// Where the pieces before the one that was blocked landed.
    public var landed: [PhysicalAddress] = []
    /// What the fault registers showed after it; nil if no fault was recorded.
    public var fault: Fault?
  }

  /// What the fault registers showed.
  public struct Fault: Hashable, Sendable {
    /// FSTS.
    public var status: UInt64
    /// The first fault record; nil if it was not valid.
    public var record: Record?
    /// The codes one of which the architecture demands, where the recorded one is known to differ; empty if it is not.
    public var architecturalReasons: [FaultReason]
  }

  /// A fault record, as words and as the fields that the file spells out beside them.
  public struct Record: Hashable, Sendable {
    /// The first word.
    public var low: UInt64
    /// The second word.
    public var high: UInt64
    /// FR.
    public var reason: FaultReason
    /// SID.
    public var source: RequesterID
    /// FI.
    public var information: UInt64
    /// `read` or `write`.
    public var type: String
    /// PP.
    public var hasPASID: Bool
    /// PV.
    public var pasid: UInt64
  }

  /// One step.
  public enum Step: Hashable, Sendable {
    /// Software writes a register.
    case registerWrite(RegisterWrite)
    /// Software reads a register.
    case registerRead(RegisterRead)
    /// Software stores to memory.
    case memoryWrite(MemoryWords)
    /// Software reads memory, which must hold these words.
    case memoryRead(MemoryWords)
    /// A device reads or writes memory.
    case access(Access)
  }
}
