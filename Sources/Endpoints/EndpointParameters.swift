import Hardware

/// What a device is like: its address translation cache, its page requests, and how it answers invalidations.
public struct EndpointParameters: Hashable, Sendable {
  /// The way of translated requests to memory.
  public enum Link: String, Hashable, Sendable, CaseIterable {
    /// Through the IOMMU, which checks them.
    case pcie
    /// CXL.cache: past the IOMMU, unchecked.
    case cxlCache
  }

  /// The address translation cache; without entries every access asks for its translation.
  public var cache = CacheGeometry(entries: 64, ways: 8)
  /// The base-2 logarithm of the largest page that an entry of the cache holds.
  public var largestPageLog2: UInt8 = 30
  /// Whether translations for reads are asked for without write permission (NW).
  public var asksWithoutWrite = false
  /// Whether translated requests carry their PASID, which IOMMUs must support.
  public var sendsPASIDWhenTranslated = false
  /// The way of translated requests to memory.
  public var link = Link.pcie
  /// The page requests that may be unanswered at once.
  public var outstandingPageRequests: UInt32 = 32
  /// The invalidations that the device handles without holding its link up; 0 is all 32 that there may be.
  public var invalidationQueueDepth: UInt8 = 0
  /// The messages that complete an invalidation: one for each way to memory whose writes must be pushed.
  public var completionMessages: UInt8 = 1

  /// 64 entries, 8 ways, LRU; 32 page requests.
  public init() {}

  /// What is wrong with these parameters, each with the name of the parameter.
  public var problems: [(parameter: String, problem: String)] { cache.problem.map { [("device_tlb", $0)] } ?? [] }

  /// All parameters of a device.
  public static let parameters: [Parameter<Self>] =
    CacheGeometry.parameters.lifted(to: \Self.cache, under: "device_tlb") + [
      Parameter(
        "device_tlb.largest_page_log2", "logarithm of the largest page that an entry holds", \Self.largestPageLog2, .integer(12...63)),
      Parameter("asks_without_write", "translations for reads are asked for without write permission", \Self.asksWithoutWrite, .flag),
      Parameter("sends_pasid_when_translated", "translated requests carry their PASID", \Self.sendsPASIDWhenTranslated, .flag),
      Parameter("link", "way of translated requests: past the IOMMU's checks with cxl_cache", \Self.link, .choice()),
      Parameter(
        "page_requests.outstanding", "page requests that may be unanswered at once", \Self.outstandingPageRequests, .integer(1...65536)),
      Parameter(
        "invalidations.queue_depth", "invalidations handled without holding the link up; 0 is 32", \Self.invalidationQueueDepth,
        .integer(0...31)),
      Parameter("invalidations.completion_messages", "messages that complete an invalidation", \Self.completionMessages, .integer(1...8)),
    ]
}
