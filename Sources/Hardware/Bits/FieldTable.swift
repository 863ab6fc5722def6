/// Something that consists of named fields: a register, or a structure in memory.
public protocol FieldTable: Sendable {
  /// The name the specification uses.
  var name: String { get }
  /// The width in bits.
  var width: Int { get }
  /// The fields, lowest bit first; bits in no field are reserved.
  var fields: [RegisterField] { get }
}

/// One field of a decoded word.
public struct DecodedField: Sendable, Hashable, CustomStringConvertible {
  /// The name of the field.
  public let name: String
  /// Its bits.
  public let bits: ClosedRange<Int>
  /// Its value.
  public let value: UInt64
  /// What the value stands for, where it is a code.
  public let symbol: String?
  /// What the field means.
  public let meaning: String

  /// `NAME = 0x…`, with the name of the value where it has one.
  public var description: String { "\(name) = 0x\(String(value, radix: 16))" + (symbol.map { " (\($0))" } ?? "") }
}

/// A word taken apart by a declaration.
public struct DecodedFields: Sendable, Hashable {
  /// The name of what was decoded.
  public let name: String
  /// Every field, lowest bit first.
  public let fields: [DecodedField]
  /// The reserved bits that are 1, lowest first.
  public let reservedBits: [Int]

  /// The value of the field of the given name.
  public subscript(name: String) -> UInt64? { fields.first { $0.name == name }?.value }
}

extension FieldTable {
  /// The fields of the given 64-bit words, first word first; missing words count as 0.
  ///
  /// - Parameter identity: Decides which fields exist; without it all do.
  public func decode(_ words: [UInt64], identity: RegisterIdentity? = nil) -> DecodedFields {
    let known = fields.filter { field in
      !field.access.isReserved && (identity.map { field.condition.holds(for: $0) } ?? true)
    }
    var rest = Array(words.prefix((width + 63) / 64))
    for field in known { for bit in field.bits where bit / 64 < rest.count { rest[bit / 64][bit: bit % 64] = false } }
    let decoded = known.map { field in
      let value = field.value(in: words)
      return DecodedField(
        name: field.name, bits: field.bits, value: value, symbol: field.symbol(for: value), meaning: field.meaning)
    }
    let reserved = (0..<min(width, rest.count * 64)).filter { rest[$0 / 64][bit: $0 % 64] }
    return DecodedFields(name: name, fields: decoded, reservedBits: reserved)
  }

  /// The reserved bits of one 64-bit word: those in no field that an implementation has.
  public func reservedMask(word index: Int, for identity: RegisterIdentity) -> UInt64 {
    fields.reduce(.max) { mask, field in
      guard !field.access.isReserved, field.condition.holds(for: identity) else { return mask }
      let low = max(field.bits.lowerBound - index * 64, 0)
      let high = min(field.bits.upperBound - index * 64, 63)
      return low <= high ? mask & ~.mask(bits: low...high) : mask
    }
  }
}
