import Hardware
import VTdArchitecture

/// A case about VT-d page tables: an image of memory and what addresses translate to.
///
/// The tables stand behind root, context and PASID structures, or alone (`vtd_table`). In cases with mutations each is applied alone
/// to the image and undone.
public struct PageTableCase: Sendable {
  /// The kinds of cases, by the names they carry.
  public enum Kind: String, Hashable, Sendable, CaseIterable {
    /// One first-stage table behind scalable-mode structures.
    case firstStage = "vtd_fs"
    /// One second-stage table behind scalable-mode structures.
    case secondStage = "vtd_ss"
    /// Several devices and PASIDs in scalable mode.
    case scalable = "vtd_sm"
    /// Legacy-mode structures with second-stage tables and pass-through.
    case legacy = "vtd_legacy"
    /// A table alone.
    case bare = "vtd_table"
    /// Changes of one second-stage image, each with what must become of a request.
    case changedSecondStage = "mut_vtd_ss"
    /// Changes of one first-stage image, each with what must become of a request.
    case changedFirstStage = "mut_vtd_fs"
  }

  /// What names the case.
  public var header: CaseHeader
  /// The kind.
  public var kind: Kind
  /// The host address width in bits.
  public var hostAddressWidth: Int
  /// The registers that lead to the structures; nil for a table alone.
  public var registers: Registers?
  /// The table, where it stands alone.
  public var table: BareTable?
  /// What memory holds; addresses outside every block abort.
  public var blocks: [Block]
  /// The addresses to translate.
  public var queries: [Query]
  /// The changes to make.
  public var mutations: [Mutation]

  /// The registers that lead to the structures.
  public struct Registers: Hashable, Sendable {
    /// RTADDR.
    public var rootTable: UInt64
    /// CAP.
    public var capabilities: UInt64
    /// ECAP.
    public var extendedCapabilities: UInt64
  }

  /// A block of memory: runs of words, zeros between them.
  public struct Block: Hashable, Sendable {
    /// The address of the first byte, at a 4 KiB boundary.
    public var address: PhysicalAddress
    /// The length in bytes, a multiple of 4 KiB.
    public var length: UInt64
    /// The words that are not zero.
    public var runs: [Run]
  }

  /// Words in arithmetic progression, modulo 2^64.
  public struct Run: Hashable, Sendable {
    /// The index of the first word in the block.
    public var index: Int
    /// How many.
    public var count: Int
    /// The first word.
    public var first: UInt64
    /// What each adds to the one before.
    public var step: UInt64

    /// The words.
    public var words: [UInt64] {
      [UInt64](unsafeUninitializedCapacity: count) { buffer, initialized in
        var word = first
        for index in 0..<count {
          buffer.initializeElement(at: index, to: word)
          word &+= step
        }
        initialized = count
      }
    }
  }

  /// An address to translate.
  public struct Query: Hashable, Sendable {
    /// Who asks.
    public var requester: RequesterID
    /// The PASID that requests carry, if any.
    public var pasid: PASID?
    /// The address.
    public var address: IOVirtualAddress
    /// What must come of it.
    public var expected: Answer
  }

  /// A change of the image.
  public struct Mutation: Hashable, Sendable {
    /// What the change is called.
    public var name: String
    /// The words to replace.
    public var patch: [Patch]
    /// The registers, changed ones included.
    public var registers: Registers
    /// The request.
    public var query: Query
    /// Whether the request reads or writes.
    public var kind: AccessKind
    /// Whether a read fetches instructions.
    public var executes: Bool
    /// Whether the request is privileged.
    public var isPrivileged: Bool
    /// What may come of it, instead of `query.expected`, where several outcomes are right.
    public var allowed: [Answer]
  }

  /// A word to replace.
  public struct Patch: Hashable, Sendable {
    /// Where.
    public var address: PhysicalAddress
    /// The new word.
    public var word: UInt64
  }

  /// What must come of translating an address.
  public enum Answer: Hashable, Sendable {
    /// It is mapped.
    case hit(Mapping)
    /// It is mapped by a first stage whose result, `through`, a second stage maps.
    case nested(Mapping, through: GuestPhysicalAddress, Mapping)
    /// It is not mapped.
    case miss
    /// It lies beyond what the tables can map.
    case range
    /// It is not canonical.
    case nonCanonical
    /// The first stage maps it to an address that the second does not map.
    case secondStageMiss(GuestPhysicalAddress)
    /// It passes unchanged.
    case passThrough(PhysicalAddress)
    /// A fault with this code.
    case fault(FaultReason)
  }

  /// What maps an address.
  public struct Mapping: Hashable, Sendable {
    /// Where to.
    public var output: UInt64
    /// The base-2 logarithm of the size of the page.
    public var pageSizeLog2: UInt8
    /// The level of the leaf: 1 for 4 KiB, 2 for 2 MiB, 3 for 1 GiB.
    public var level: UInt8
    /// What all entries together permit; nil if the case doesn't say.
    public var permissions: Permissions?
    /// U/S of a first-stage translation.
    public var user: Bool?
    /// A of a first-stage leaf.
    public var accessed: Bool?
    /// D of the leaf.
    public var dirty: Bool?
    /// SNP of a second-stage leaf.
    public var snoop: Bool?
  }
}

/// A page table without any structure before it.
public struct BareTable: Hashable, Sendable {
  /// First stage or second.
  public var stage: TranslationStage
  /// 3, 4 or 5.
  public var levels: UInt8
  /// The top table.
  public var root: PhysicalAddress
  /// The host address width in bits.
  public var hostAddressWidth: Int

  /// A table.
  public init(stage: TranslationStage, levels: UInt8, root: PhysicalAddress, hostAddressWidth: Int) {
    self.stage = stage
    self.levels = levels
    self.root = root
    self.hostAddressWidth = hostAddressWidth
  }
}
