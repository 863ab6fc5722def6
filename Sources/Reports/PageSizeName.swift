/// The names of page sizes, as in `4k`.
enum PageSizeName {
  static func of(_ log2: UInt8) -> String {
    let units = ["", "k", "m", "g", "t", "p", "e"]
    return "\(UInt64(1) << UInt64(log2 % 10))\(units[min(Int(log2) / 10, units.count - 1)])"
  }
}
