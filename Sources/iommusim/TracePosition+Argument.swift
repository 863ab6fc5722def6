import ArgumentParser
import Hardware
import Replay

extension TracePosition: ExpressibleByArgument {
  private static let units: [(suffix: String, decimals: Int)] = [("ps", 0), ("ns", 3), ("us", 6), ("ms", 9), ("s", 12)]

  /// Reads a number of records, as in `1000`, or a time with its unit, as in `2.5us`.
  public init?(argument: String) {
    if let records = UInt64(argument) {
      self = .record(records)
      return
    }
    for unit in Self.units where argument.hasSuffix(unit.suffix) {
      guard let time = FixedPoint(argument.dropLast(unit.suffix.count), decimals: unit.decimals) else { continue }
      self = .time(SimTime(picoseconds: time.digits))
      return
    }
    return nil
  }
}
