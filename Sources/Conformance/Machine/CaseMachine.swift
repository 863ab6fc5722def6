import Hardware
import VTdArchitecture

/// The model under test as a conformance case sees it: registers, and requests of devices.
///
/// Its memory belongs to whoever made it; software's loads and stores don't pass through the machine.
public protocol CaseMachine: AnyObject {
  /// Software reads a register of 4 or 8 bytes; offsets count from the register base.
  func readRegister(at offset: UInt64, size: Int) -> UInt64
  /// Software writes a register of 4 or 8 bytes.
  func writeRegister(at offset: UInt64, size: Int, value: UInt64)
  /// Lets everything that is under way finish: commands, queues, walks, invalidations.
  func settle()
  /// A device's request, to its end.
  func access(_ request: CaseRequest) -> CaseOutcome
}

/// Makes machines for cases.
public protocol CaseMachineFactory {
  /// A unit after reset in a machine with the given memory.
  ///
  /// - Parameter updatesWithoutSnoop: Whether walks set accessed and dirty flags although they don't snoop, as emulators do.
  func makeMachine(_ identity: UnitIdentity, updatesWithoutSnoop: Bool, memory: MemoryView) throws -> any CaseMachine
  /// What page tables without any structure before them translate an address to; faults carry the codes of scalable mode.
  func walk(_ table: BareTable, for address: IOVirtualAddress, kind: AccessKind, in memory: MemoryView) -> CaseOutcome
}

/// A device's request.
public struct CaseRequest: Hashable, Sendable {
  /// What becomes of the data.
  public enum Transfer: Hashable, Sendable {
    /// The request is translated and no data moves.
    case none
    /// As many bytes as the request is long are read.
    case read
    /// These bytes are written.
    case write([UInt8])
  }

  /// Who.
  public var requester: RequesterID
  /// The PASID that the request carries, if any.
  public var pasid: PASID?
  /// Read, write or AtomicOp.
  public var kind: AccessKind
  /// Whether privileged mode is requested; only with a PASID.
  public var privileged = false
  /// Whether a read fetches instructions; only with a PASID.
  public var execute = false
  /// The address of the first byte.
  public var address: IOVirtualAddress
  /// How many bytes; the request is cut at 4 KiB boundaries into pieces that are translated one by one.
  public var length: Int
  /// What becomes of the data.
  public var transfer: Transfer

  /// A request without privilege.
  public init(
    requester: RequesterID, pasid: PASID? = nil, kind: AccessKind, address: IOVirtualAddress, length: Int = 1, transfer: Transfer = .none
  ) {
    self.requester = requester
    self.pasid = pasid
    self.kind = kind
    self.address = address
    self.length = length
    self.transfer = transfer
  }

  /// The pieces into which 4 KiB boundaries cut the request.
  public var pieces: [(address: IOVirtualAddress, length: Int)] {
    var pieces: [(address: IOVirtualAddress, length: Int)] = []
    var done = 0
    while done < length {
      let start = address.advanced(by: UInt64(done))
      let count = min(length - done, 4096 - Int(start.pageOffset(PageSizeLog2.size4K)))
      pieces.append((start, count))
      done += count
    }
    return pieces
  }
}

/// What became of a request.
public enum CaseOutcome: Hashable, Sendable {
  /// It went through.
  case completed(CaseTranslation)
  /// It was translated, and no memory is there.
  case busError(CaseTranslation)
  /// It was blocked by a fault, recorded or not.
  case blocked(CaseBlock)
}

/// A request that was translated.
public struct CaseTranslation: Hashable, Sendable {
  /// The addresses of its pieces.
  public var pieces: [PhysicalAddress]
  /// The bytes that a read returned.
  public var data: [UInt8]
  /// The base-2 logarithm of the size of the page that the first piece lies in, as the unit caches it; nil without translation.
  public var pageSizeLog2: UInt8?

  /// A translation.
  public init(pieces: [PhysicalAddress], data: [UInt8] = [], pageSizeLog2: UInt8? = nil) {
    self.pieces = pieces
    self.data = data
    self.pageSizeLog2 = pageSizeLog2
  }
}

/// A request that was blocked.
public struct CaseBlock: Hashable, Sendable {
  /// Why.
  public var reason: FaultReason
  /// The addresses of the pieces that went through before.
  public var landed: [PhysicalAddress]

  /// A blocked request.
  public init(reason: FaultReason, landed: [PhysicalAddress] = []) {
    self.reason = reason
    self.landed = landed
  }
}
