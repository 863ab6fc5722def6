import Hardware

/// One event of a DMA trace: an access of a device, or something that software did to its address space.
///
/// A plain value without references. Which fields count depends on the operation; the others stay at their defaults, all zero:
///
/// | operation | fields |
/// |---|---|
/// | accesses | requester, PASID, address, length; `physical` where the source shows what the address was translated to |
/// | translation request | requester, PASID, address, length (what the device asks for), attributes (`noWrite`) |
/// | page request | requester, PASID, address, permissions wanted, group, attributes (`last`); `last` with a PASID and without permissions is a stop marker |
/// | interrupt | requester, address and `value` of the message |
/// | map | domain, address, length, physical, permissions |
/// | unmap | domain, address, length |
/// | invalidate | scope and what the scope names: domain, PASID, requester, address, length |
/// | attach, detach | requester, PASID, domain |
/// | marker | `value` |
@frozen public struct TraceRecord: Sendable, Equatable {
  /// When it happened; times of a trace never decrease.
  public var time: SimTime
  /// The first address concerned.
  public var address: IOVirtualAddress
  /// How many bytes are concerned; a source that knows no size says 1, and a read of length 0 is a zero-length read.
  public var length: UInt64
  /// Of a map: where the range leads. Of a translated access: the address on the bus. Of another access: what the source shows it was
  /// translated to, 0 if it shows nothing.
  public var physical: PhysicalAddress
  /// Who sent the request, or whom an attachment or an invalidation names.
  public var requester: RequesterID
  /// 0 without a PASID, else the PASID and 1.
  @usableFromInline var pasidField: UInt32
  /// The address space that a map, unmap, attachment or invalidation names.
  public var domain: TraceDomain
  /// The data of an interrupt, the number of a marker, the function mask of a context invalidation.
  public var value: UInt32
  /// What else is known of the request.
  public var attributes: TraceAttributes
  /// The page-request group index.
  public var group: UInt16
  /// The remapping unit that an invalidation is for, in traces of machines with several; else 0.
  public var unit: UInt16
  /// What happened.
  public var operation: TraceOperation
  /// What a map grants or a page request wants.
  public var permissions: Permissions
  /// What an invalidation covers.
  public var scope: InvalidationScope

  /// A record with the given fields.
  @inlinable public init(
    time: SimTime = .zero, operation: TraceOperation, requester: RequesterID = RequesterID(0), pasid: PASID? = nil,
    address: IOVirtualAddress = IOVirtualAddress(0), length: UInt64 = 0, physical: PhysicalAddress = PhysicalAddress(0),
    permissions: Permissions = [], attributes: TraceAttributes = [], group: UInt16 = 0, scope: InvalidationScope = .none,
    domain: TraceDomain = TraceDomain(0), value: UInt32 = 0, unit: UInt16 = 0
  ) {
    self.time = time
    self.address = address
    self.length = length
    self.physical = physical
    self.requester = requester
    self.domain = domain
    self.value = value
    self.attributes = attributes
    self.group = group
    self.unit = unit
    self.operation = operation
    self.permissions = permissions
    self.scope = scope
    pasidField = pasid.map { $0.rawValue &+ 1 } ?? 0
  }

  /// The PASID, nil for requests without one.
  @inlinable public var pasid: PASID? {
    get { pasidField == 0 ? nil : PASID(pasidField &- 1) }
    set { pasidField = newValue.map { $0.rawValue &+ 1 } ?? 0 }
  }

  /// The requester and the PASID in one word: bits 31:0 the requester, bits 63:32 0 without a PASID, else the PASID and 1.
  @inlinable public var source: UInt64 { UInt64(requester.rawValue) | UInt64(pasidField) &<< 32 }

  /// Whether the record is an access that is translated or was: what a replay counts as a request.
  @inlinable public var isAccess: Bool { operation.isAccess }
}

/// An address space of a trace: the number under which its maps, attachments and invalidations name it.
///
/// The number means the same throughout the trace. Importers keep the source's own number (a VT-d domain-id) where it is unambiguous.
@frozen public struct TraceDomain: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The number.
  public var rawValue: UInt32
  /// The domain with the given number.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
  /// The domain with the given number.
  @inlinable public init(_ rawValue: UInt32) { self.rawValue = rawValue }

  /// Orders domains by number.
  @inlinable public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

  /// The number in decimal.
  public var description: String { String(rawValue) }
}

/// What else is known of a request; a combination of these.
@frozen public struct TraceAttributes: OptionSet, Sendable, Hashable {
  /// The bits.
  public var rawValue: UInt16
  /// The attributes with the given bits.
  @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// The request asks for privileged mode.
  @inlinable public static var privileged: TraceAttributes { TraceAttributes(rawValue: 1 << 0) }
  /// The request fetches instructions, or asks for the right to.
  @inlinable public static var execute: TraceAttributes { TraceAttributes(rawValue: 1 << 1) }
  /// The request need not be snooped.
  @inlinable public static var noSnoop: TraceAttributes { TraceAttributes(rawValue: 1 << 2) }
  /// The request may pass earlier ones.
  @inlinable public static var relaxedOrder: TraceAttributes { TraceAttributes(rawValue: 1 << 3) }
  /// The device promises not to write with the translation it requests.
  @inlinable public static var noWrite: TraceAttributes { TraceAttributes(rawValue: 1 << 4) }
  /// The page request is the last of its group.
  @inlinable public static var last: TraceAttributes { TraceAttributes(rawValue: 1 << 5) }
  /// The invalidation spares cached entries that are not leaves (VT-d: invalidation hint; SMMUv3: Leaf).
  @inlinable public static var leafOnly: TraceAttributes { TraceAttributes(rawValue: 1 << 6) }
  /// The attachment leaves addresses as they are: no translation.
  @inlinable public static var passThrough: TraceAttributes { TraceAttributes(rawValue: 1 << 7) }
  /// The unit invalidated on its own; no software commanded it.
  @inlinable public static var spontaneous: TraceAttributes { TraceAttributes(rawValue: 1 << 8) }
}
