/// How people read the number in a field, where it is not simply a number.
public enum FieldReading: Sendable {
  /// The high part of an address or offset: the field stands at its place in the word, and the bits below it are 0.
  case address
  /// An offset in units of so many bytes.
  case offset(UInt64)
  /// A PCIe requester id, read as `00:02.0`.
  case requester
  /// The value plus a number, of a unit in the plural.
  case plus(UInt64, String)
  /// 2^(value * factor + addend), of a unit in the plural.
  case powerOfTwo(factor: UInt64 = 1, plus: UInt64 = 0, String)
  /// Bits that stand for something each; those without a name are reserved.
  case set(KeyValuePairs<UInt64, String>)
  /// A code with many values.
  case codes([UInt64: String])
  /// Equal fields of so many bits side by side, lowest first, with codes.
  case row(width: Int, KeyValuePairs<UInt64, String>)

  /// What a value says to people; `nil` if that is no more than the number.
  ///
  /// - Parameters:
  ///   - value: The value of the field.
  ///   - bits: The bits of the field, counted from bit 0 of the first 64-bit word.
  public func text(_ value: UInt64, bits: ClosedRange<Int>) -> String? {
    switch self {
    case .address:
      let shift = bits.lowerBound % 64
      return "0x" + String(value << UInt64(shift), radix: 16)
    case .offset(let unit): return "0x" + String(value &* unit, radix: 16)
    case .requester: return RequesterID(UInt32(truncatingIfNeeded: value & 0xFFFF)).description
    case .plus(let number, let unit): return (value &+ number).counted(unit)
    case .powerOfTwo(let factor, let addend, let unit):
      let exponent = value &* factor &+ addend
      return exponent >= 64 ? "2^\(exponent) \(unit)" : (UInt64(1) << exponent).counted(unit)
    case .set(let names):
      let found: [String] = (0..<min(bits.count, 64)).filter { value[bit: $0] }.map { bit in
        names.first { $0.key == UInt64(bit) }?.value ?? "bit \(bit) reserved"
      }
      return found.isEmpty ? "none" : found.joined(separator: ", ")
    case .codes(let names): return names[value]
    case .row(let width, let names):
      guard width > 0 else { return nil }
      return stride(from: 0, to: bits.count, by: width).map { position in
        let code = (value >> UInt64(position)) & .mask(width: width)
        return names.first { $0.key == code }?.value ?? "0x" + String(code, radix: 16)
      }.joined(separator: " ")
    }
  }
}
