import Hardware
import PageTables

/// How a request was served.
@frozen public enum TranslationOutcome: UInt8, Sendable, Hashable, CaseIterable {
  /// From the IOTLB.
  case hit
  /// By a walk of its own.
  case miss
  /// By a walk that another request had begun.
  case merge
  /// Without translation: the unit is off, or the requester passes through.
  case bypass
  /// As an interrupt, which is no memory access.
  case interrupt
}

/// What a device gets back.
@frozen public struct TranslationResponse: Sendable {
  /// How the request was served.
  public var outcome: TranslationOutcome
  /// The base-2 logarithm of the bytes that the translation covers, 12 or more; 0 if there is none.
  public var pageSizeLog2: UInt8
  /// The rights that the tables give.
  public var rights: AccessRights
  /// The translation must be accessed coherently.
  public var snoop: Bool
  /// The table entries that were read for this request.
  public var memoryReads: UInt16
  /// Why there is no translation, if there is none.
  public var fault: TranslationFault?
  /// The physical address of the access.
  public var address: PhysicalAddress
  /// Where the time went.
  public var latency: LatencyBreakdown

  /// A response without translation yet.
  @inlinable public init(_ outcome: TranslationOutcome, address: PhysicalAddress = PhysicalAddress(rawValue: 0)) {
    self.outcome = outcome
    self.address = address
    pageSizeLog2 = 0
    rights = []
    snoop = false
    memoryReads = 0
    fault = nil
    latency = LatencyBreakdown()
  }

  /// Whether the access may go on to `address`.
  @inlinable public var succeeded: Bool { fault == nil }
}
