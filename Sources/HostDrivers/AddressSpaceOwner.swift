import Hardware

/// An I/O address space, as its owner numbers it.
public struct AddressSpace: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  /// The number.
  public var rawValue: UInt32
  /// The address space of the given number.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// `address space` and the number.
  public var description: String { "address space \(rawValue)" }
}

/// What translates in an address space.
public enum AddressSpaceKind: Hashable, Sendable {
  /// The first stage, through tables that the owner builds.
  case firstStage
  /// The second stage, through tables that the owner builds.
  case secondStage
  /// Both: a first stage whose tables the owner builds in guest physical memory, and the second stage of the given address space, which turns
  /// guest physical addresses into physical ones.
  case nested(parent: AddressSpace)
  /// Nothing: addresses pass unchanged.
  case passThrough
}

/// Whoever owns I/O address spaces: makes them, attaches devices to them, maps and unmaps.
///
/// On return of a call the change is made, and what the owner's policy promises of cached translations is done. A call that throws has changed
/// nothing that a device can see, unless its error says that the unit itself failed.
public protocol AddressSpaceOwner: AnyObject {
  /// Makes an empty address space that nobody is attached to.
  ///
  /// - Parameter domain: The number that hardware shall tag its translations with (VT-d: domain id); `nil` leaves the choice to the owner.
  func makeAddressSpace(_ kind: AddressSpaceKind, domain: UInt32?) throws(HostDriverError) -> AddressSpace

  /// Makes an address space of both stages, of whose first stage somebody else owns the tables: nothing can be mapped in it, and whoever changes
  /// the tables says so with `forget`.
  ///
  /// - Parameters:
  ///   - parent: The second-stage address space that turns the guest's physical addresses into those of the machine.
  ///   - domain: As for `makeAddressSpace`.
  func bind(_ table: GuestPageTable, over parent: AddressSpace, domain: UInt32?) throws(HostDriverError) -> AddressSpace

  /// Ends an address space that nobody is attached to any more, and that is no parent.
  func removeAddressSpace(_ space: AddressSpace) throws(HostDriverError)

  /// Routes a device's requests into an address space: those without PASID, or those with the given one.
  func attach(_ requester: RequesterID, pasid: PASID?, to space: AddressSpace) throws(HostDriverError)

  /// Blocks a device's requests again: those without PASID, or those with the given one.
  func detach(_ requester: RequesterID, pasid: PASID?) throws(HostDriverError)

  /// Maps `length` bytes from `iova` on to those from `target` on; replaces what is mapped there.
  ///
  /// - Parameter largestPageLog2: The base-2 logarithm of the largest page to use.
  func map(
    _ iova: IOVirtualAddress, to target: PhysicalAddress, length: UInt64, permissions: Permissions, in space: AddressSpace,
    largestPageLog2: UInt8
  ) throws(HostDriverError)

  /// Maps `length` bytes from `iova` on, in an address space of both stages, to the guest physical ones from `target` on; replaces what is mapped
  /// there. Where these lie in the machine is the parent's business.
  func map(
    _ iova: IOVirtualAddress, to target: GuestPhysicalAddress, length: UInt64, permissions: Permissions, in space: AddressSpace,
    largestPageLog2: UInt8
  ) throws(HostDriverError)

  /// Unmaps whatever is mapped in the `length` bytes from `iova` on.
  ///
  /// - Returns: The bytes that were mapped.
  @discardableResult
  func unmap(_ iova: IOVirtualAddress, length: UInt64, in space: AddressSpace) throws(HostDriverError) -> UInt64

  /// Makes hardware forget what it knows of `length` bytes from `iova` on, because somebody has changed tables that the owner does not build.
  ///
  /// - Parameters:
  ///   - length: In bytes; `nil` is everything.
  ///   - leafOnly: Only entries that map pages have changed, no pointer to a table.
  func forget(_ iova: IOVirtualAddress, length: UInt64?, in space: AddressSpace, leafOnly: Bool) throws(HostDriverError)

  /// Does now whatever invalidation has been put off.
  func flush() throws(HostDriverError)
}

extension AddressSpaceOwner {
  /// Makes an empty address space whose hardware tag the owner chooses.
  public func makeAddressSpace(_ kind: AddressSpaceKind) throws(HostDriverError) -> AddressSpace {
    try makeAddressSpace(kind, domain: nil)
  }

  /// Maps with the largest pages that fit.
  public func map(
    _ iova: IOVirtualAddress, to target: PhysicalAddress, length: UInt64, permissions: Permissions, in space: AddressSpace
  ) throws(HostDriverError) {
    try map(iova, to: target, length: length, permissions: permissions, in: space, largestPageLog2: 63)
  }

  /// Maps to guest physical addresses with the largest pages that fit.
  public func map(
    _ iova: IOVirtualAddress, to target: GuestPhysicalAddress, length: UInt64, permissions: Permissions, in space: AddressSpace
  ) throws(HostDriverError) {
    try map(iova, to: target, length: length, permissions: permissions, in: space, largestPageLog2: 63)
  }

  /// Gives a guest memory: maps its physical addresses from `guest` on to those from `target` on, in the second-stage address space that is the
  /// parent of the guest's own.
  public func map(
    _ guest: GuestPhysicalAddress, to target: PhysicalAddress, length: UInt64, permissions: Permissions, in parent: AddressSpace,
    largestPageLog2: UInt8 = 63
  ) throws(HostDriverError) {
    try map(
      IOVirtualAddress(guest.rawValue), to: target, length: length, permissions: permissions, in: parent, largestPageLog2: largestPageLog2)
  }

  /// Binds a first stage whose hardware tag the owner chooses.
  public func bind(_ table: GuestPageTable, over parent: AddressSpace) throws(HostDriverError) -> AddressSpace {
    try bind(table, over: parent, domain: nil)
  }
}
