/// The value of one parameter as it is written down: in configurations, results and listings.
public enum ParameterValue: Hashable, Sendable, CustomStringConvertible {
  /// Yes or no.
  case flag(Bool)
  /// A count or a size.
  case integer(UInt64)
  /// The value of a register, written in hexadecimal.
  case word(UInt64)
  /// A span of time, written in nanoseconds.
  case time(SimTime)
  /// One of a set of names.
  case name(String)

  /// `true`, `64`, `0x1f`, `2.5` (nanoseconds) or a name: what `ParameterDomain.parse` reads.
  public var description: String {
    switch self {
    case .flag(let flag): flag ? "true" : "false"
    case .integer(let integer): String(integer)
    case .word(let word): "0x" + String(word, radix: 16)
    case .time(let time): FixedPoint(time.picoseconds, decimals: 3).shortest
    case .name(let name): name
    }
  }
}
