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
  /// The physical address of the access.
  public var address: PhysicalAddress
  /// When the translation is there.
  public var completion: SimTime
  /// Why there is no translation, if there is none.
  public var fault: TranslationFault?
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
  /// Where the time went; the sum is the time from the request's arrival to `completion`.
  public var latency: LatencyBreakdown

  /// An empty response: a hit of no address at no time.
  @inlinable public init() {
    address = PhysicalAddress(rawValue: 0)
    completion = .zero
    fault = nil
    outcome = .hit
    pageSizeLog2 = 0
    rights = []
    snoop = false
    memoryReads = 0
    latency = LatencyBreakdown()
  }

  // Field by field, so that no copy of a whole response is made.
  @inlinable mutating func reset() {
    address = PhysicalAddress(rawValue: 0)
    completion = .zero
    fault = nil
    outcome = .hit
    pageSizeLog2 = 0
    rights = []
    snoop = false
    memoryReads = 0
    latency.queueing = .zero
    latency.iotlb = .zero
    latency.configuration = .zero
    latency.merge = .zero
    latency.walkerWait = .zero
    latency.memory = .zero
  }

  /// Whether the access may go on to `address`.
  @inlinable public var succeeded: Bool { fault == nil }
}
