import Hardware

/// Pages drawn with the weights of Zipf's law, in O(1) a draw, by integer arithmetic alone.
///
/// The page of rank k has the weight 1 / k^s, as an integer of 63 - ⌈log2 pages⌉ bits for rank 1, rounded down but at least 1. Powers are
/// computed as 2^(-s log2 k) with 32 fractional bits, so that a weight is within 2^-26 of its value before it is rounded. Draws use an
/// alias table (Walker 1977, Vose 1991) in the exact integer weights; which page has which rank is a random permutation, so that popular
/// pages lie apart.
struct ZipfDistribution {
  /// A column of the alias table: of `total` equally likely draws, those below `cut` are for one page and the rest for another.
  private struct Column {
    var cut: UInt64
    var page: UInt32
    var alias: UInt32
  }

  private var columns: [Column]
  private let total: UInt64

  /// The distribution over pages 0 to `pages` - 1 (1 to 2^24 pages) with the exponent `exponentHundredths` / 100, 0 to 400.
  init(pages: Int, exponentHundredths: Int, random: inout SplitMix64) {
    let weights = Self.weights(count: pages, exponentHundredths: exponentHundredths)
    let ranked = Self.permutation(of: pages, random: &random)
    total = weights.reduce(0, +)
    // A page's share of all columns together; a column holds `total`.
    var shares = weights.map { $0 * UInt64(pages) }
    columns = ranked.map { Column(cut: 0, page: $0, alias: $0) }
    var small = shares.indices.filter { shares[$0] < total }
    var large = shares.indices.filter { shares[$0] >= total }
    while let under = small.popLast(), let over = large.last {
      columns[under].cut = shares[under]
      columns[under].alias = ranked[over]
      shares[over] -= total - shares[under]
      if shares[over] < total {
        large.removeLast()
        small.append(over)
      }
    }
    for full in large { columns[full].cut = total }
  }

  /// A random page.
  func page(_ random: inout SplitMix64) -> UInt64 {
    let column = columns[Int(random.next(below: UInt64(columns.count)))]
    return UInt64(random.next(below: total) < column.cut ? column.page : column.alias)
  }

  /// The weights of ranks 1 to `count`.
  static func weights(count: Int, exponentHundredths: Int) -> [UInt64] {
    let bits = UInt64(63 - (Int.bitWidth - (count - 1).leadingZeroBitCount))
    let roots = rootsOfHalf()
    return (1...count).map { rank in
      // -log2 of the weight, with 32 fractional bits.
      let exponent = log2(UInt64(rank)) * UInt64(exponentHundredths) / 100
      let whole = exponent >> 32
      guard whole < bits else { return 1 }
      if exponent & 0xFFFF_FFFF == 0 { return 1 << (bits - whole) }
      var factor = UInt64.max
      for (bit, root) in roots.enumerated() where exponent >> UInt64(31 - bit) & 1 != 0 {
        factor = factor.multipliedFullWidth(by: root).high
      }
      return max(factor >> (64 - bits + whole), 1)
    }
  }

  /// The logarithm to base 2 of a number from 1 to 2^31, with 32 fractional bits, rounded down: one bit per squaring.
  private static func log2(_ number: UInt64) -> UInt64 {
    let whole = UInt64(63 - number.leadingZeroBitCount)
    // The mantissa, from 1 to below 2, with 63 fractional bits.
    var mantissa = number << (63 - whole)
    var fraction: UInt64 = 0
    for _ in 0..<32 {
      let square = mantissa.multipliedFullWidth(by: mantissa)
      let isTwoOrMore = square.high >> 63 != 0
      mantissa = isTwoOrMore ? square.high : square.high << 1 | square.low >> 63
      fraction = fraction << 1 | (isTwoOrMore ? 1 : 0)
    }
    return whole << 32 | fraction
  }

  /// 2^(-1/2), 2^(-1/4), … 2^(-1/2^32), with 64 fractional bits, each the square root of the one before.
  private static func rootsOfHalf() -> [UInt64] {
    var roots: [UInt64] = []
    var radicand = UInt128(1) << 127
    for _ in 0..<32 {
      let root = squareRoot(radicand)
      roots.append(root)
      radicand = UInt128(root) << 64
    }
    return roots
  }

  /// The square root of a number below 2^128, rounded down.
  private static func squareRoot(_ number: UInt128) -> UInt64 {
    var root: UInt64 = 0
    for bit in (0..<64).reversed() {
      let candidate = root | 1 << UInt64(bit)
      if UInt128(candidate) * UInt128(candidate) <= number { root = candidate }
    }
    return root
  }

  /// The numbers below `count` in random order.
  private static func permutation(of count: Int, random: inout SplitMix64) -> [UInt32] {
    var order = (0..<count).map { UInt32($0) }
    for last in stride(from: count - 1, to: 0, by: -1) {
      order.swapAt(last, Int(random.next(below: UInt64(last) + 1)))
    }
    return order
  }
}
