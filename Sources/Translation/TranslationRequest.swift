import Hardware

/// What a device asks of an IOMMU for one page.
@frozen public struct TranslationRequest: Hashable, Sendable {
  /// The kinds of request, by the address type that the device declares.
  @frozen public enum Kind: UInt8, Sendable {
    /// An access whose address is to be translated.
    case untranslated
    /// An access whose address the device says it has translated itself.
    case translated
    /// A request for a translation (ATS), no access.
    case translationRequest
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
  /// Who asks.
  public var requester: RequesterID
  /// The process address space, if the request carries one.
  public var pasid: PASID?
  /// What the access does.
  public var access: AccessKind
  /// How the address is to be taken.
  public var kind: Kind
  /// Attributes beside the operation.
  public var attributes: Attributes

  /// A request; by default an untranslated one without PASID or attributes.
  @inlinable public init(
    _ access: AccessKind, at address: IOVirtualAddress, by requester: RequesterID, pasid: PASID? = nil, kind: Kind = .untranslated,
    attributes: Attributes = []
  ) {
    self.address = address
    self.requester = requester
    self.pasid = pasid
    self.access = access
    self.kind = kind
    self.attributes = attributes
  }
}
