import Hardware

/// How a replay maps what a trace accesses.
public struct MappingParameters: Hashable, Sendable {
  /// What becomes of an access to a page that no record maps.
  public enum FirstTouch: String, Hashable, Sendable, CaseIterable {
    /// It is mapped at first touch, untimed, readable and writable.
    case map
    /// It faults.
    case fault
  }

  /// The sizes of pages.
  public enum PageSize: String, Hashable, Sendable, CaseIterable {
    /// 4 KiB.
    case size4K = "4k"
    /// 2 MiB.
    case size2M = "2m"
    /// 1 GiB.
    case size1G = "1g"

    /// The base-2 logarithm of the size in bytes.
    public var log2: UInt8 {
      switch self {
      case .size4K: PageSizeLog2.size4K
      case .size2M: PageSizeLog2.size2M
      case .size1G: PageSizeLog2.size1G
      }
    }
  }

  /// What becomes of an access to a page that no record maps.
  public var firstTouch = FirstTouch.map
  /// The page that is mapped at first touch.
  public var pageSize = PageSize.size4K
  /// The largest page that map records are mapped with.
  public var largestPage = PageSize.size4K
  /// The page that the second stage maps a guest's memory with, where there are two stages.
  public var guestPage = PageSize.size4K

  /// Pages of 4 KiB, mapped at first touch.
  public init() {}

  static let parameters: [Parameter<Self>] = [
    Parameter("first_touch", "what becomes of a page that is accessed and that no record maps", \Self.firstTouch, .choice()),
    Parameter("page_size", "size of the page mapped at first touch", \Self.pageSize, .choice()),
    Parameter("largest_page", "size of the largest page that map records are mapped with", \Self.largestPage, .choice()),
    Parameter("guest_page", "size of the page that the second stage maps guest memory with, if there are two", \Self.guestPage, .choice()),
  ]
}
