import Hardware

/// What a device asks of an IOMMU for one page.
///
/// Three words, so that a request travels in registers: one that went through memory would make every walk wait for the stores of the one
/// before.
@frozen public struct TranslationRequest: Hashable, Sendable {
  /// The kinds of request, by the address type that the device declares.
  @frozen public enum Kind: UInt8, Sendable {
    /// An access whose address is to be translated.
    case untranslated = 0
    /// A request for a translation (ATS), no access.
    case translationRequest = 1
    /// An access whose address the device says it has translated itself.
    case translated = 2
  }

  /// Attributes of a request beside its operation.
  @frozen public struct Attributes: OptionSet, Hashable, Sendable {
    /// Bit 0 privileged, bit 1 execute, bit 2 no write, bit 3 no snoop, bit 4 zero length.
    public var rawValue: UInt8
    /// The attributes with the given bits.
    @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// The request is made with privilege.
    @inlinable public static var privileged: Attributes { Attributes(rawValue: 1) }
    /// The request fetches instructions.
    @inlinable public static var execute: Attributes { Attributes(rawValue: 2) }
    /// A translation request that will not be used for writing.
    @inlinable public static var noWrite: Attributes { Attributes(rawValue: 4) }
    /// The access asks not to be snooped.
    @inlinable public static var noSnoop: Attributes { Attributes(rawValue: 8) }
    /// A read of no bytes, which flushes earlier writes.
    @inlinable public static var zeroLength: Attributes { Attributes(rawValue: 16) }
  }

  /// The address, in the page that is asked for.
  public var address: IOVirtualAddress
  /// Who asks, and for which process address space.
  @frozen public struct Sender: Hashable, Sendable {
    // Bits 31:0 the requester, bits 63:32 the PASID and 1, or 0.
    @usableFromInline var word: UInt64

    /// Requester 0 without PASID.
    @inlinable public init() { word = 0 }

    /// A requester and PASID in one word: bits 31:0 the requester, bits 63:32 0 without a PASID, else the PASID and 1.
    @inlinable public init(word: UInt64) { self.word = word }

    /// The requester.
    @inlinable public var requester: RequesterID { RequesterID(UInt32(truncatingIfNeeded: word)) }
    /// The PASID, if there is one.
    @inlinable public var pasid: PASID? { pasidField == 0 ? nil : PASID(UInt32(truncatingIfNeeded: pasidField &- 1)) }
    /// 0 without a PASID, else the PASID and 1.
    @inlinable public var pasidField: UInt64 { word &>> 32 }

    /// A requester, and the PASID that its request carries, if any.
    @inlinable public init(_ requester: RequesterID, _ pasid: PASID?) {
      word = UInt64(requester.rawValue) | (pasid.map { UInt64($0.rawValue &+ 1) } ?? 0) &<< 32
    }
  }

  /// Who asks, and for which process address space.
  public var sender: Sender
  // Bits 31:0 the length, 39:32 the access, 47:40 the kind, 55:48 the attributes.
  @usableFromInline var details: UInt64

  /// A request; by default an untranslated one of one byte without PASID or attributes.
  ///
  /// `length` is the number of bytes that are accessed, 0 for a translation request.
  @inlinable public init(
    _ access: AccessKind, at address: IOVirtualAddress, length: UInt32 = 1, by requester: RequesterID, pasid: PASID? = nil,
    kind: Kind = .untranslated, attributes: Attributes = []
  ) {
    self.address = address
    sender = Sender(requester, pasid)
    details =
      UInt64(length) | UInt64(access.rawValue) &<< 32 | UInt64(kind.rawValue) &<< 40 | UInt64(attributes.rawValue) &<< 48
  }

  /// The same request of another piece of memory.
  @inlinable public init(_ other: TranslationRequest, at address: IOVirtualAddress, length: UInt32) {
    self.address = address
    sender = other.sender
    details = other.details & ~0xFFFF_FFFF | UInt64(length)
  }

  /// A request of the given sender, without attributes.
  @inlinable public init(_ access: AccessKind, at address: IOVirtualAddress, length: UInt32, by sender: Sender) {
    self.address = address
    self.sender = sender
    details = UInt64(length) | UInt64(access.rawValue) &<< 32
  }

  /// The bytes that are accessed; 0 for a translation request.
  @inlinable public var length: UInt32 { UInt32(truncatingIfNeeded: details) }
  /// Who asks.
  @inlinable public var requester: RequesterID { RequesterID(UInt32(truncatingIfNeeded: sender.word)) }
  /// The process address space, if the request carries one.
  @inlinable public var pasid: PASID? {
    let field = UInt32(truncatingIfNeeded: sender.word &>> 32)
    return field == 0 ? nil : PASID(field &- 1)
  }
  /// The raw value of `access`.
  @inlinable public var accessCode: UInt8 { UInt8(truncatingIfNeeded: details &>> 32) & 3 }
  /// What the access does.
  @inlinable public var access: AccessKind {
    AccessKind(rawValue: accessCode) ?? .atomic
  }
  /// How the address is to be taken.
  @inlinable public var kind: Kind {
    let field = details &>> 40 & 0xFF
    return field == 0 ? .untranslated : field == 1 ? .translationRequest : .translated
  }
  /// Whether this is an untranslated access of the given sender without privilege or execution.
  @inlinable public func isPlain(from sender: Sender) -> Bool { self.sender == sender && details &>> 40 & 0xFFFF == 0 }

  /// Four bits that differ for requests whose right to a translation is checked differently: the kind, execution, privilege.
  @inlinable public var checks: UInt64 { details &>> 40 & 3 | details &>> 46 & 12 }

  /// Attributes beside the operation.
  @inlinable public var attributes: Attributes { Attributes(rawValue: UInt8(truncatingIfNeeded: details &>> 48)) }
}
