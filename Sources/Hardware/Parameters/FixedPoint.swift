/// A decimal number with a fixed number of places after the point, held as an integer: 2.5 with three places is 2500.
public struct FixedPoint: Hashable, Sendable, CustomStringConvertible {
  /// The number without its point.
  public let digits: UInt64
  /// How many of the digits stand after the point, 0 to 18.
  public let decimals: Int

  /// The number `digits` / 10^`decimals`.
  public init(_ digits: UInt64, decimals: Int) {
    self.digits = digits
    self.decimals = min(max(decimals, 0), 18)
  }

  /// The quotient of two integers, cut off after `decimals` places; 0 if the divisor is 0, the largest number if it does not fit.
  public init(_ dividend: UInt64, over divisor: UInt64, times factor: UInt64 = 1, decimals: Int) {
    self.init(0, decimals: decimals)
    guard divisor > 0 else { return }
    let scaled = UInt128(dividend) * UInt128(factor) * UInt128(Self.power(self.decimals)) / UInt128(divisor)
    self.init(UInt64(clamping: scaled), decimals: decimals)
  }

  /// Reads digits, optionally with a point and up to `decimals` digits after it; `nil` for anything else and for what does not fit.
  public init?(_ text: some StringProtocol, decimals: Int) {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    let fraction = parts.count == 2 ? String(parts[1]) : ""
    guard let whole = parts.first, !whole.isEmpty, parts.count == 1 || !fraction.isEmpty, fraction.utf8.count <= decimals,
      (whole + fraction).utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let digits = UInt64(whole + fraction + String(repeating: "0", count: decimals - fraction.utf8.count))
    else { return nil }
    self.init(digits, decimals: decimals)
  }

  /// All places, as in `2.500`.
  public var description: String {
    guard decimals > 0 else { return String(digits) }
    let text = String(digits)
    let padded = String(repeating: "0", count: max(0, decimals + 1 - text.utf8.count)) + text
    return padded.dropLast(decimals) + "." + padded.suffix(decimals)
  }

  /// All places, with a comma between groups of three digits before the point, as in `1,234.500`.
  public var grouped: String {
    guard decimals > 0 else { return digits.grouped }
    let unit = Self.power(decimals)
    return (digits / unit).grouped + description.suffix(decimals + 1)
  }

  /// Without zeros at the end, as in `2.5` or `2`.
  public var shortest: String {
    guard decimals > 0 else { return description }
    var text = description
    while text.last == "0" { text.removeLast() }
    if text.last == "." { text.removeLast() }
    return text
  }

  private static func power(_ exponent: Int) -> UInt64 { (0..<exponent).reduce(1) { product, _ in product * 10 } }
}
