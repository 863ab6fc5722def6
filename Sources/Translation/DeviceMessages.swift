import Hardware

// The messages between an IOMMU and the devices behind it: Address Translation Services and the Page Request Interface of PCI Express
// (base specification chapter 10), with the PASID prefix. Both architectures' units and the devices speak them.

/// The answer to a translation request (PCIe 10.2.3).
@frozen public struct TranslationCompletion: Hashable, Sendable {
  /// How the request ended.
  @frozen public enum Status: UInt8, Hashable, Sendable, CaseIterable {
    /// The completion tells the translation, which may allow nothing.
    case success = 0
    /// The device must not ask here; it stops using ATS.
    case unsupportedRequest = 1
    /// The request failed for an error of the IOMMU's tables.
    case completerAbort = 4
  }

  /// How the request ended; without success nothing else counts.
  public var status: Status
  /// The start of the translated memory; with `untranslatedOnly` the start of what must be accessed untranslated.
  public var address: PhysicalAddress
  /// The base-2 logarithm of the size of the translation in bytes, 12 to 64.
  public var sizeLog2: UInt8
  /// R and W: reading and writing are allowed. With neither there is no translation.
  public var read, write: Bool
  /// Exe: fetching instructions is allowed.
  public var execute: Bool
  /// Priv: the rights are those of privileged accesses.
  public var privileged: Bool
  /// Global: the translation holds for every PASID.
  public var global: Bool
  /// U: the memory may be accessed with untranslated requests only, so that there is nothing to remember.
  public var untranslatedOnly: Bool
  /// N: translated accesses must not ask for "no snoop".
  public var noSnoop: Bool

  /// A completion; by default a successful one that allows nothing.
  @inlinable public init(
    _ status: Status = .success, address: PhysicalAddress = PhysicalAddress(0), sizeLog2: UInt8 = PageSizeLog2.size4K, read: Bool = false,
    write: Bool = false, execute: Bool = false, privileged: Bool = false, global: Bool = false, untranslatedOnly: Bool = false,
    noSnoop: Bool = false
  ) {
    self.status = status
    self.address = address
    self.sizeLog2 = min(max(sizeLog2, PageSizeLog2.size4K), 64)
    self.read = read
    self.write = write
    self.execute = execute
    self.privileged = privileged
    self.global = global
    self.untranslatedOnly = untranslatedOnly
    self.noSnoop = noSnoop
  }

  /// The successful completion that an entry of 64 bits tells.
  @inlinable public init(encoded entry: UInt64) {
    let (base, sizeLog2) = SizeCoding.decode(entry)
    self.init(
      address: PhysicalAddress(base), sizeLog2: sizeLog2, read: entry[bit: 0], write: entry[bit: 1], execute: entry[bit: 3],
      privileged: entry[bit: 4], global: entry[bit: 5], untranslatedOnly: entry[bit: 2], noSnoop: entry[bit: 10])
  }

  /// The completion as an entry of 64 bits: address 63:12, S 11, N 10, Global 5, Priv 4, Exe 3, U 2, W 1, R 0.
  @inlinable public var encoded: UInt64 {
    var entry = SizeCoding.encode(address.rawValue, sizeLog2)
    entry[bit: 0] = read
    entry[bit: 1] = write
    entry[bit: 2] = untranslatedOnly
    entry[bit: 3] = execute
    entry[bit: 4] = privileged
    entry[bit: 5] = global
    entry[bit: 10] = noSnoop
    return entry
  }

  /// What the completion allows; nothing unless it is a success.
  @inlinable public var permissions: Permissions {
    guard status == .success else { return [] }
    return Permissions(rawValue: (read ? 1 : 0) | (write ? 2 : 0) | (execute ? 4 : 0))
  }
}

/// A device's request that pages be made present (PCIe 10.4.1), or its word that it will ask no more for a PASID.
@frozen public struct PageRequest: Hashable, Sendable {
  /// Who asks.
  public var requester: RequesterID
  /// The process address space, if the request carries one.
  public var pasid: PASID?
  /// The page; bits 11:0 are 0.
  public var address: IOVirtualAddress
  /// The index of the page request group, 0 to 511.
  public var group: UInt16
  /// The last request of its group, the one that is answered.
  public var last: Bool
  /// Read access is asked for.
  public var read: Bool
  /// Write access is asked for.
  public var write: Bool
  /// Execute access is asked for; with a PASID only.
  public var execute: Bool
  /// The access is privileged; with a PASID only.
  public var privileged: Bool

  /// A page request; bits that a field does not have are dropped.
  @inlinable public init(
    requester: RequesterID, pasid: PASID?, address: IOVirtualAddress, group: UInt16, last: Bool, read: Bool, write: Bool,
    execute: Bool = false, privileged: Bool = false
  ) {
    self.requester = requester
    self.pasid = pasid
    self.address = address.alignedDown(PageSizeLog2.size4K)
    self.group = group & 0x1FF
    self.last = last
    self.read = read
    self.write = write
    self.execute = execute && pasid != nil
    self.privileged = privileged && pasid != nil
  }

  /// The message that says that a device has stopped using a PASID; it is not answered.
  @inlinable public static func stopMarker(requester: RequesterID, pasid: PASID) -> PageRequest {
    PageRequest(requester: requester, pasid: pasid, address: IOVirtualAddress(0), group: 0, last: true, read: false, write: false)
  }

  /// Whether this is a stop marker.
  @inlinable public var isStopMarker: Bool { last && !read && !write && pasid != nil }

  /// The message's 64 bits: address 63:12, group 11:3, L 2, W 1, R 0.
  @inlinable public var encoded: UInt64 {
    var message = address.rawValue
    message[bits: 3...11] = UInt64(group)
    message[bit: 0] = read
    message[bit: 1] = write
    message[bit: 2] = last
    return message
  }
}

/// The answer to a group of page requests (PCIe 10.4.2).
@frozen public struct PageGroupResponse: Hashable, Sendable {
  /// What became of the group.
  @frozen public enum Code: UInt8, Hashable, Sendable, CaseIterable {
    /// The pages are there, or the device may ask again.
    case success = 0
    /// A page does not exist or is not to be accessed so.
    case invalidRequest = 1
    /// The unit cannot answer; the device stops asking for pages.
    case responseFailure = 15

    /// The code of four bits; a device takes unused ones as a failure.
    @inlinable public init(encoded: UInt8) { self = Code(rawValue: encoded & 15) ?? .responseFailure }
  }

  /// The device that is answered.
  public var requester: RequesterID
  /// The PASID of the requests, if the answer carries one.
  public var pasid: PASID?
  /// The group, 0 to 511.
  public var group: UInt16
  /// What became of it.
  public var code: Code

  /// An answer.
  @inlinable public init(requester: RequesterID, pasid: PASID?, group: UInt16, code: Code) {
    self.requester = requester
    self.pasid = pasid
    self.group = group & 0x1FF
    self.code = code
  }
}

/// A request that a device forget translations (PCIe 10.3.1).
@frozen public struct DeviceTLBInvalidation: Hashable, Sendable {
  /// ITag, 0 to 31: what the device's completion refers to.
  public var tag: UInt8
  /// The device.
  public var requester: RequesterID
  /// The PASID whose translations go; without one, those of requests without PASID.
  public var pasid: PASID?
  /// The first address, a multiple of the size.
  public var address: IOVirtualAddress
  /// The base-2 logarithm of the size of the range in bytes, 12 to 64.
  public var sizeLog2: UInt8
  /// G: translations of every PASID go, the PASID of this message does not count.
  public var global: Bool

  /// An invalidation of the naturally aligned 2^`sizeLog2` bytes that hold `address`.
  @inlinable public init(
    tag: UInt8, requester: RequesterID, pasid: PASID? = nil, address: IOVirtualAddress, sizeLog2: UInt8, global: Bool = false
  ) {
    self.tag = tag & 31
    self.requester = requester
    self.pasid = pasid
    self.sizeLog2 = min(max(sizeLog2, PageSizeLog2.size4K), 64)
    self.address = self.sizeLog2 < 64 ? address.alignedDown(self.sizeLog2) : IOVirtualAddress(0)
    self.global = global
  }

  /// An invalidation of the range that a message's 64 bits tell.
  @inlinable public init(tag: UInt8, requester: RequesterID, pasid: PASID? = nil, encoded message: UInt64) {
    let (base, sizeLog2) = SizeCoding.decode(message)
    self.init(
      tag: tag, requester: requester, pasid: pasid, address: IOVirtualAddress(base), sizeLog2: sizeLog2, global: message[bit: 0])
  }

  /// The message's 64 bits: address 63:12, S 11, G 0.
  @inlinable public var encoded: UInt64 {
    var message = SizeCoding.encode(address.rawValue, sizeLog2)
    message[bit: 0] = global
    return message
  }

  /// Whether the naturally aligned block of 2^`size` bytes at `block` shares an address with the range.
  @inlinable public func overlaps(_ block: IOVirtualAddress, sizeLog2 size: UInt8) -> Bool {
    let larger = max(size, sizeLog2)
    return larger >= 64 || block.pageNumber(larger) == address.pageNumber(larger)
  }
}

/// A device's word that it has done what invalidations asked for (PCIe 10.3.2).
@frozen public struct InvalidationCompletion: Hashable, Sendable {
  /// The device.
  public var requester: RequesterID
  /// One bit for each ITag that is completed.
  public var tags: UInt32
  /// How many messages like this complete each of the invalidations, 1 to 8: as many as the device has ways to memory.
  public var messageCount: UInt8

  /// A completion of the invalidations whose bits are set.
  @inlinable public init(requester: RequesterID, tags: UInt32, messageCount: UInt8 = 1) {
    self.requester = requester
    self.tags = tags
    self.messageCount = min(max(messageCount, 1), 8)
  }

  /// The completion with the given CC field, in which 0 stands for 8.
  @inlinable public init(requester: RequesterID, tags: UInt32, completionCount: UInt8) {
    self.init(requester: requester, tags: tags, messageCount: completionCount & 7 == 0 ? 8 : completionCount & 7)
  }

  /// The field CC.
  @inlinable public var completionCount: UInt8 { messageCount & 7 }
}

/// How ATS tells address and size in one field: without S 4 KiB; with S, bit 11, the lowest 0 from bit 12 up gives the size.
@usableFromInline enum SizeCoding {
  @inlinable static func encode(_ base: UInt64, _ sizeLog2: UInt8) -> UInt64 {
    guard sizeLog2 > 12 else { return base & ~0xFFF }
    let aligned = sizeLog2 < 64 ? base & ~.mask(width: Int(sizeLog2)) : 0
    return aligned | .mask(width: Int(min(sizeLog2, 64)) - 1) & ~0xFFF | 1 << 11
  }

  @inlinable static func decode(_ field: UInt64) -> (base: UInt64, sizeLog2: UInt8) {
    guard field[bit: 11] else { return (field & ~0xFFF, 12) }
    let sizeLog2 = min((~(field >> 12)).trailingZeroBitCount + 13, 64)
    return (sizeLog2 < 64 ? field & ~.mask(width: sizeLog2) : 0, UInt8(sizeLog2))
  }
}

/// A device as its IOMMU sees it: it is told what to forget, and what became of its page requests.
///
/// Messages are delivered one at a time, in the order in which they were sent. A device may answer from within a call.
public protocol DevicePort: AnyObject {
  /// Takes a request to forget translations, which is to be answered by an `InvalidationCompletion`.
  func invalidate(_ request: DeviceTLBInvalidation, at time: SimTime)
  /// Takes the answer to a group of page requests.
  func respond(_ response: PageGroupResponse, at time: SimTime)
}

/// An IOMMU as a device sees it.
public protocol AddressTranslationService: AnyObject {
  /// Translates, or lets pass, an access that arrives at `time`, and writes the whole of `response`.
  func translate(_ request: TranslationRequest, at time: SimTime, into response: inout TranslationResponse)
  /// Answers a translation request that arrives at `time`.
  func complete(_ request: TranslationRequest, at time: SimTime) -> TranslationCompletion
  /// Takes a page request or stop marker.
  func receive(_ request: PageRequest, at time: SimTime)
  /// Takes a device's completion of invalidations.
  func receive(_ completion: InvalidationCompletion, at time: SimTime)
}
