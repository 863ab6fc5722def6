import Hardware
import PageTables

/// Why a driver could not do what it was asked.
public enum HostDriverError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The unit has not been brought up.
  case notRunning
  /// The unit lacks what is needed, named as its specification names it.
  case unsupported(String)
  /// There is no such address space.
  case unknownAddressSpace(AddressSpace)
  /// The address space has no tables that could be changed.
  case notTranslated(AddressSpace)
  /// The address space does not translate to addresses of this type: guest physical ones need two stages, others do not take them.
  case wrongTarget(AddressSpace)
  /// Only a second-stage address space can be the parent of others.
  case noParent(AddressSpace)
  /// The first-stage tables are in use already, to be read in another way.
  case conflictingTables(GuestPhysicalAddress)
  /// The pages are taken by tables that the driver keeps in guest physical memory.
  case reservedForTables(GuestPhysicalAddress)
  /// Devices are still attached, or other address spaces lie above it.
  case busy(AddressSpace)
  /// The requester is attached already, with this PASID or without one.
  case alreadyAttached(RequesterID, PASID?)
  /// The requester is not attached with this PASID, or without one.
  case notAttached(RequesterID, PASID?)
  /// The requester id has more bits than the unit takes.
  case requesterOutOfRange(RequesterID)
  /// The PASID is not one that may be used: from 1 up to, but not including, `limit`.
  case pasidOutOfRange(PASID, limit: UInt32)
  /// No such group of page requests waits for an answer.
  case unknownPageGroup(PageRequestGroup.Identity)
  /// Every domain id is taken; there are `count`.
  case outOfDomainIDs(count: UInt32)
  /// The domain id is taken, reserved or too large.
  case domainIDUnavailable(UInt32)
  /// The memory for tables is used up.
  case outOfMemory
  /// No I/O virtual addresses are left for so many bytes.
  case outOfAddresses(length: UInt64)
  /// The page tables could not be changed.
  case pageTable(PageTableError)
  /// The unit did not do what it was told in time.
  case timeout(String)
  /// The unit refused an invalidation; `code` is its own (VT-d: IQEI).
  case invalidationRefused(code: UInt8)

  /// The error in one line.
  public var description: String {
    switch self {
    case .notRunning: "the unit has not been brought up"
    case .unsupported(let what): "the unit does not support \(what)"
    case .unknownAddressSpace(let space): "there is no \(space)"
    case .notTranslated(let space): "\(space) has no page tables: addresses pass unchanged"
    case .wrongTarget(let space): "\(space) does not translate to addresses of this type"
    case .noParent(let space): "\(space) has no second stage that others could be nested in"
    case .conflictingTables(let root): "the first-stage tables at \(root) are in use already, with other levels or flags"
    case .reservedForTables(let address): "the driver keeps tables at guest physical \(address)"
    case .busy(let space): "devices are still attached to \(space), or address spaces nested in it"
    case .alreadyAttached(let requester, let pasid): "\(Self.routing(requester, pasid)) is attached already"
    case .notAttached(let requester, let pasid): "\(Self.routing(requester, pasid)) is not attached"
    case .requesterOutOfRange(let requester): "requester \(requester) has more than 16 bits"
    case .pasidOutOfRange(let pasid, let limit): "PASID \(pasid) is out of range: expected 1 to \(Int64(limit) - 1)"
    case .unknownPageGroup(let group): "no group \(group.index) of \(Self.routing(group.requester, group.pasid)) waits for an answer"
    case .outOfDomainIDs(let count): "all \(count) domain ids are in use"
    case .domainIDUnavailable(let id): "domain id \(id) is in use, reserved or too large"
    case .outOfMemory: "the memory for tables is used up"
    case .outOfAddresses(let length): "no I/O virtual addresses are left for \(length) bytes"
    case .pageTable(let error): "page tables: \(error)"
    case .timeout(let what): "the unit did not answer: \(what)"
    case .invalidationRefused(let code): "the unit refused an invalidation with code \(code)"
    }
  }

  private static func routing(_ requester: RequesterID, _ pasid: PASID?) -> String {
    "requester \(requester)" + (pasid.map { " with PASID \($0)" } ?? "")
  }
}
