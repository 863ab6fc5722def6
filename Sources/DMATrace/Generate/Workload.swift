import Hardware

/// A generated stream of accesses: which pages, by whom, when.
public struct Workload: Equatable, Sendable {
  /// In which order pages are accessed.
  public enum Pattern: Equatable, Sendable {
    /// Every page is as likely as any other.
    case uniform
    /// One access behind the other through the working set, over and over.
    case sequential
    /// The k-th most popular page has a weight of 1 / k^s; `exponentHundredths` is 100 s, 0 to 400.
    case zipf(exponentHundredths: Int)
  }

  /// In which order pages are accessed.
  public var pattern: Pattern
  /// How many accesses there are.
  public var records: UInt64
  /// How many pages each requester accesses: its working set.
  public var pages: UInt64 = 32
  /// The size of a page: 12 for 4 KiB, 21 for 2 MiB, 30 for 1 GiB.
  public var pageSizeLog2: UInt8 = PageSizeLog2.size4K
  /// Where the working set begins; above 4 GiB by default, clear of the interrupt range.
  public var base = IOVirtualAddress(1 << 32)
  /// What the random choices are made from; the same seed gives the same trace.
  public var seed: UInt64 = 1
  /// How many requesters there are, 00:01.0 and on; each has a working set of its own at the same addresses.
  public var requesters: UInt64 = 1
  /// The mean time between two accesses: 10 ns.
  public var interval = SimTime(nanoseconds: 10)
  /// Whether the time between two accesses is random, from 0 to twice the mean, instead of constant.
  public var isIntervalRandom = false
  /// How many of 100 accesses are reads; the others are writes.
  public var readPercent: UInt64 = 50
  /// The length of an access in bytes, a power of two no larger than a page; accesses are aligned to it.
  public var accessSize: UInt64 = 64

  /// A workload with everything else at its default.
  public init(_ pattern: Pattern, records: UInt64) {
    self.pattern = pattern
    self.records = records
  }

  /// The most pages a Zipf workload may have: its tables take 16 bytes a page.
  public static let maximumZipfPages: UInt64 = 1 << 24
  /// The most requesters a workload may have: the PCIe device numbers there are.
  public static let maximumRequesters: UInt64 = 8191

  /// Why the workload cannot be generated, or nil if it can.
  public var objection: String? {
    guard [PageSizeLog2.size4K, PageSizeLog2.size2M, PageSizeLog2.size1G].contains(pageSizeLog2) else {
      return "page size 2^\(pageSizeLog2), expected 4k, 2m or 1g"
    }
    let mostPages = (UInt64(1) << 57 - min(base.rawValue, 1 << 57)) >> UInt64(pageSizeLog2)
    guard (1...max(mostPages, 1)).contains(pages) else {
      return "\(pages) pages, expected 1 to \(mostPages), which end below 2^57"
    }
    guard (1...Self.maximumRequesters).contains(requesters) else {
      return "\(requesters) requesters, expected 1 to \(Self.maximumRequesters)"
    }
    guard readPercent <= 100 else { return "\(readPercent) percent of reads, expected 0 to 100" }
    guard accessSize > 0, accessSize & (accessSize - 1) == 0, accessSize <= 1 << UInt64(pageSizeLog2) else {
      return "accesses of \(accessSize) bytes, expected a power of two no larger than a page"
    }
    let longest = records.multipliedReportingOverflow(by: interval.rawValue)
    let doubled = longest.partialValue.multipliedReportingOverflow(by: 2)
    guard !longest.overflow, !doubled.overflow, doubled.partialValue <= TraceFormat.maximumTime else {
      return "\(records) accesses \(interval) apart take too long"
    }
    if case .zipf(let exponent) = pattern {
      guard (0...400).contains(exponent) else { return "Zipf exponent of \(exponent) hundredths, expected 0 to 400" }
      guard pages <= Self.maximumZipfPages else { return "\(pages) pages, expected at most \(Self.maximumZipfPages) for zipf" }
    }
    return nil
  }

  /// The workload in words.
  var summary: String {
    let name =
      switch pattern {
      case .uniform: "uniform"
      case .sequential: "sequential"
      case .zipf(let exponent): "zipf \(exponent / 100).\(exponent / 10 % 10)\(exponent % 10)"
      }
    return "generated: \(name), \(records) accesses of \(accessSize) bytes, \(readPercent) % reads, \(pages) pages of "
      + "\(UInt64(1) << UInt64(pageSizeLog2)) bytes from \(base), \(requesters) requesters, seed \(seed)"
  }
}
