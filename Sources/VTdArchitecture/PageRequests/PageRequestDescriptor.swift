import Hardware

/// A page request as the unit writes it to the page request queue (VT-d rev 5.10 section 7.5).
@frozen public struct PageRequestDescriptor: Hashable, Sendable {
  /// The descriptor's four words.
  public var words: SIMD4<UInt64>
  /// The descriptor of the given words.
  @inlinable public init(words: SIMD4<UInt64>) { self.words = words }
  /// A page request; a stop marker has neither read nor write, but `last`, and a PASID.
  @inlinable public init(
    requester: RequesterID, pasid: PASID?, address: IOVirtualAddress, group: UInt16, read: Bool, write: Bool, last: Bool,
    privileged: Bool = false, execute: Bool = false
  ) {
    var low: UInt64 = 1
    low[bits: 16...31] = UInt64(requester.rawValue)
    if let pasid {
      low[bit: 8] = true
      low[bits: 32...51] = UInt64(pasid.rawValue)
      low[bit: 52] = execute
      low[bit: 53] = privileged
    }
    var high = address.alignedDown(PageSizeLog2.size4K).rawValue
    high[bit: 0] = read
    high[bit: 1] = write
    high[bit: 2] = last
    high[bits: 3...11] = UInt64(group)
    words = [low, high, 0, 0]
  }

  /// The size of a descriptor in bytes.
  @inlinable public static var byteCount: UInt64 { 32 }

  /// RID.
  @inlinable public var requester: RequesterID { RequesterID(UInt32(truncatingIfNeeded: words[0][bits: 16...31])) }
  /// PP and PASID.
  @inlinable public var pasid: PASID? { words[0][bit: 8] ? PASID(UInt32(truncatingIfNeeded: words[0][bits: 32...51])) : nil }
  /// EXR: execute permission was asked for.
  @inlinable public var execute: Bool { words[0][bit: 52] }
  /// PMR: privileged mode was asked for.
  @inlinable public var privileged: Bool { words[0][bit: 53] }
  /// RDR: read permission was asked for.
  @inlinable public var read: Bool { words[1][bit: 0] }
  /// WRR: write permission was asked for.
  @inlinable public var write: Bool { words[1][bit: 1] }
  /// LPIG: the last request of its group, which software answers.
  @inlinable public var last: Bool { words[1][bit: 2] }
  /// PRGI: the group, 0 to 511.
  @inlinable public var group: UInt16 { UInt16(truncatingIfNeeded: words[1][bits: 3...11]) }
  /// ADDR.
  @inlinable public var address: IOVirtualAddress { IOVirtualAddress(words[1]).alignedDown(PageSizeLog2.size4K) }
  /// Whether this is a stop marker: the device will not ask for this PASID any more.
  @inlinable public var isStopMarker: Bool { last && !read && !write && words[0][bit: 8] }

  /// The layout.
  public static let layout = StructureDeclaration(
    "page request", width: 256,
    fields: [
      RegisterField("TYPE", 0...7, "1 for a page request"),
      RegisterField("PP", 8, "PASID is present"),
      RegisterField("PDP", 9, "private data is present (3.x)", if: RevisionProfile.revision3.condition),
      RegisterField("RID", 16...31, "requester id"),
      RegisterField("PASID", 32...51, "PASID"),
      RegisterField("EXR", 52, "execute permission is asked for"),
      RegisterField("PMR", 53, "privileged mode is asked for"),
      RegisterField("RDR", 64, "read permission is asked for"),
      RegisterField("WRR", 65, "write permission is asked for"),
      RegisterField("LPIG", 66, "last request of its group"),
      RegisterField("PRGI", 67...75, "page request group index"),
      RegisterField("ADDR", 76...127, "address, bits 63:12"),
      RegisterField("PDL", 128...191, "private data, first word (3.x)", if: RevisionProfile.revision3.condition),
      RegisterField("PDH", 192...255, "private data, second word (3.x)", if: RevisionProfile.revision3.condition),
    ])
}
