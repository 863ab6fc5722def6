import Hardware

/// A run of 2^`addressMask` pages of 4 KiB, aligned to its size.
@frozen public struct PageRange: Hashable, Sendable {
  /// An address in the first page; bits below the alignment count as 0.
  public var address: IOVirtualAddress
  /// AM: the base-2 logarithm of the number of pages, 0 to 63.
  public var addressMask: UInt8

  /// The run of 2^`addressMask` pages that holds `address`.
  @inlinable public init(_ address: IOVirtualAddress, addressMask: UInt8 = 0) {
    self.address = address
    self.addressMask = addressMask
  }

  /// The base-2 logarithm of the size in bytes, at most 64 (everything).
  @inlinable public var sizeLog2: UInt8 { min(addressMask, 52) &+ 12 }
  /// The first address.
  @inlinable public var base: IOVirtualAddress { sizeLog2 >= 64 ? IOVirtualAddress(0) : address.alignedDown(sizeLog2) }
  /// The last address.
  @inlinable public var last: IOVirtualAddress { IOVirtualAddress(base.rawValue | .mask(width: Int(sizeLog2))) }
  /// Whether the naturally aligned block of 2^`sizeLog2` bytes at `block` shares an address with the run.
  @inlinable public func overlaps(_ block: IOVirtualAddress, sizeLog2 size: UInt8) -> Bool {
    let larger = max(size, sizeLog2)
    return larger >= 64 || block.pageNumber(larger) == address.pageNumber(larger)
  }
}

/// Type 1: invalidate context-cache entries (VT-d rev 5.10 section 6.5.2.1).
@frozen public enum ContextCacheInvalidation: Hashable, Sendable {
  /// All.
  case global
  /// Those of a domain; in scalable mode all.
  case domain(DomainID)
  /// Those of a requester, `functionMask` (0 to 3) giving the low bits to ignore: none, bit 2, bits 2:1, bits 2:0. The domain counts in
  /// legacy mode only.
  case device(RequesterID, functionMask: UInt8, DomainID)

  /// Whether a device-selective invalidation of `requester` with the mask covers `other` (VT-d rev 5.10 table 21).
  @inlinable public static func covers(_ requester: RequesterID, functionMask: UInt8, _ other: RequesterID) -> Bool {
    let ignored: UInt32 =
      switch functionMask & 3 {
      case 0: 0
      case 1: 0b100
      case 2: 0b110
      default: 0b111
      }
    return (requester.rawValue ^ other.rawValue) & ~ignored == 0
  }
}

/// Type 2: invalidate IOTLB and paging-structure-cache entries by domain (VT-d rev 5.10 section 6.5.2.3).
@frozen public struct IOTLBInvalidation: Hashable, Sendable {
  /// What to invalidate.
  @frozen public enum Scope: Hashable, Sendable {
    /// All.
    case global
    /// What belongs to a domain.
    case domain(DomainID)
    /// Second-stage pages of a domain; with `leafOnly` (IH) second-stage paging-structure entries stay.
    case pages(DomainID, PageRange, leafOnly: Bool)
  }
  /// What to invalidate.
  public var scope: Scope
  /// DR: drain reads.
  public var drainReads: Bool
  /// DW: drain writes.
  public var drainWrites: Bool

  /// An invalidation of the given scope.
  @inlinable public init(_ scope: Scope, drainReads: Bool = false, drainWrites: Bool = false) {
    self.scope = scope
    self.drainReads = drainReads
    self.drainWrites = drainWrites
  }
}

/// Type 3: invalidate a device-TLB (VT-d rev 5.10 section 6.5.2.5).
@frozen public struct DeviceTLBInvalidation: Hashable, Sendable {
  /// SID: the device.
  public var source: RequesterID
  /// PFSID: the physical function whose invalidations are counted together.
  public var physicalFunction: RequesterID
  /// MIP: invalidations that may be pending at once, 0 for 32.
  public var maximumPending: UInt8
  /// ADDR and S: the address field (bits 63:12), whose low zeros and S encode the size.
  public var encodedAddress: EncodedPageRange

  /// An invalidation of a range of the device's addresses.
  @inlinable public init(
    source: RequesterID, physicalFunction: RequesterID? = nil, maximumPending: UInt8 = 0, _ encodedAddress: EncodedPageRange
  ) {
    self.source = source
    self.physicalFunction = physicalFunction ?? source
    self.maximumPending = maximumPending
    self.encodedAddress = encodedAddress
  }
}

/// Type 8: invalidate a device-TLB for one PASID, or for all (VT-d rev 5.10 section 6.5.2.6).
@frozen public struct PASIDDeviceTLBInvalidation: Hashable, Sendable {
  /// What type 3 has as well.
  public var device: DeviceTLBInvalidation
  /// PASID; ignored if global.
  public var pasid: PASID
  /// GI: for all PASIDs.
  public var global: Bool

  /// An invalidation of a range of one PASID's, or of every PASID's, addresses.
  @inlinable public init(_ device: DeviceTLBInvalidation, pasid: PASID, global: Bool = false) {
    self.device = device
    self.pasid = pasid
    self.global = global
  }
}

/// An address and S bit as ATS encodes ranges: S=0 is 4 KiB; with S=1 the lowest 0 from bit 12 up gives the size.
@frozen public struct EncodedPageRange: Hashable, Sendable {
  /// Bits 63:12 of the address, other bits 0.
  public var address: IOVirtualAddress
  /// S.
  public var large: Bool

  /// The given field values.
  @inlinable public init(address: IOVirtualAddress, large: Bool) {
    self.address = address.alignedDown(PageSizeLog2.size4K)
    self.large = large
  }

  /// The encoding of a run of pages.
  @inlinable public init(_ range: PageRange) {
    large = range.addressMask > 0
    let ones: UInt64 = range.sizeLog2 > 12 ? .mask(width: Int(range.sizeLog2) - 1) & ~0xFFF : 0
    address = IOVirtualAddress(range.base.rawValue | ones)
  }

  /// Every address.
  @inlinable public static var everything: EncodedPageRange { EncodedPageRange(PageRange(IOVirtualAddress(0), addressMask: 52)) }

  /// The run of pages.
  @inlinable public var range: PageRange {
    guard large else { return PageRange(address) }
    let ones = (~(address.rawValue >> 12)).trailingZeroBitCount
    return PageRange(address, addressMask: UInt8(min(ones + 1, 52)))
  }
}

/// Type 4: invalidate interrupt-entry-cache entries (VT-d rev 5.10 section 6.5.2.7).
@frozen public enum InterruptEntryCacheInvalidation: Hashable, Sendable {
  /// All.
  case global
  /// 2^`indexMask` entries from the aligned index on.
  case index(UInt16, indexMask: UInt8)
}

/// Type 5: wait for the descriptors before (VT-d rev 5.10 section 6.5.2.9).
@frozen public struct InvalidationWait: Hashable, Sendable {
  /// IF: raise an invalidation completion event.
  public var interrupt: Bool
  /// SW: write `statusData` to `statusAddress`.
  public var statusWrite: Bool
  /// FN: later descriptors start after this one completes.
  public var fence: Bool
  /// PD: completes behind the queue writes of page requests received before.
  public var pageRequestDrain: Bool
  /// STDATA.
  public var statusData: UInt32
  /// STADDR, a multiple of 4.
  public var statusAddress: PhysicalAddress

  /// A wait descriptor; with a status address it writes `statusData` there.
  @inlinable public init(
    status: (address: PhysicalAddress, data: UInt32)? = nil, interrupt: Bool = false, fence: Bool = false, pageRequestDrain: Bool = false
  ) {
    statusWrite = status != nil
    statusData = status?.data ?? 0
    statusAddress = status?.address.alignedDown(2) ?? PhysicalAddress(0)
    self.interrupt = interrupt
    self.fence = fence
    self.pageRequestDrain = pageRequestDrain
  }
}

/// Type 6: invalidate IOTLB and first-stage paging-structure entries by PASID (VT-d rev 5.10 section 6.5.2.4).
@frozen public enum PASIDIOTLBInvalidation: Hashable, Sendable {
  /// All that belongs to a PASID in a domain.
  case pasid(DomainID, PASID)
  /// First-stage pages of a PASID in a domain; with `leafOnly` (IH) paging-structure entries stay.
  case pages(DomainID, PASID, PageRange, leafOnly: Bool)
}

/// Type 7: invalidate PASID-cache entries (VT-d rev 5.10 section 6.5.2.2).
@frozen public enum PASIDCacheInvalidation: Hashable, Sendable {
  /// All.
  case global
  /// Those of a domain.
  case domain(DomainID)
  /// Those of a PASID in a domain.
  case pasid(DomainID, PASID)
}

/// Type 9: answer a group of page requests (VT-d rev 5.10 section 7.7.1).
@frozen public struct PageGroupResponse: Hashable, Sendable {
  /// RID: the device.
  public var requester: RequesterID
  /// PP and PASID.
  public var pasid: PASID?
  /// PRGI: the group, 0 to 511.
  public var group: UInt16
  /// RC: 0 success, 1 invalid request, 15 response failure; others are reserved.
  public var code: UInt8

  /// An answer.
  @inlinable public init(requester: RequesterID, pasid: PASID?, group: UInt16, code: UInt8) {
    self.requester = requester
    self.pasid = pasid
    self.group = group & 0x1FF
    self.code = code & 15
  }
}

/// Type A: invalidate cached host permissions (5.x; VT-d rev 5.10 section 6.5.2.8).
@frozen public enum HostPermissionInvalidation: Hashable, Sendable {
  /// All.
  case global
  /// Those of a domain.
  case domain(DomainID)
  /// Those of pages of a domain; `hint` (IH, 0 to 3) gives the levels.
  case pages(DomainID, PageRange, hint: UInt8)
}

/// A descriptor of the invalidation queue (VT-d rev 5.10 section 6.5.2).
@frozen public enum InvalidationDescriptor: Hashable, Sendable {
  /// Type 1.
  case contextCache(ContextCacheInvalidation)
  /// Type 2.
  case iotlb(IOTLBInvalidation)
  /// Type 3.
  case deviceTLB(DeviceTLBInvalidation)
  /// Type 4.
  case interruptEntryCache(InterruptEntryCacheInvalidation)
  /// Type 5.
  case wait(InvalidationWait)
  /// Type 6.
  case pasidIOTLB(PASIDIOTLBInvalidation)
  /// Type 7.
  case pasidCache(PASIDCacheInvalidation)
  /// Type 8.
  case pasidDeviceTLB(PASIDDeviceTLBInvalidation)
  /// Type 9.
  case pageGroupResponse(PageGroupResponse)
  /// Type A.
  case hostPermission(HostPermissionInvalidation)
}
