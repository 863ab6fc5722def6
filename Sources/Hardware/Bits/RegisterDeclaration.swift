/// A number that is fixed, or follows from a field of an identification register.
public enum RegisterQuantity: Sendable, Hashable {
  /// The number itself.
  case constant(UInt64)
  /// The value of the field times `times` plus `plus`.
  case field(FieldReference, times: UInt64 = 1, plus: UInt64 = 0)

  /// The number for an implementation.
  public func value(for identity: RegisterIdentity) -> UInt64 {
    switch self {
    case .constant(let value): value
    case .field(let reference, let times, let plus): identity[reference] &* times &+ plus
    }
  }
}

extension RegisterQuantity: ExpressibleByIntegerLiteral {
  /// A fixed number.
  public init(integerLiteral value: UInt64) { self = .constant(value) }
}

/// A register, or a row of equal registers, as a specification's table gives it.
///
/// Everything that knows registers uses the declaration: the register file takes access masks and reset values from it, `decode` the names,
/// tests and documentation the rest.
public struct RegisterDeclaration: FieldTable {
  /// The name the specification uses, as in `FSTS`; a row of registers carries the name of one.
  public let name: String
  /// The offset of the first one from the base of the register file, in bytes.
  public let offset: RegisterQuantity
  /// The width in bits: 32, 64 or 128.
  public let width: Int
  /// The value after reset, of the first 64 bits; the rest is 0. Identification registers take theirs from the identity.
  public let reset: UInt64
  /// How many there are.
  public let count: RegisterQuantity
  /// The distance in bytes from one to the next.
  public let stride: UInt64
  /// When the register exists.
  public let condition: RegisterCondition
  /// One line on its purpose.
  public let meaning: String
  /// Its fields, lowest bit first; bits in no field are reserved.
  public let fields: [RegisterField]

  /// A register at the given offset.
  public init(
    _ name: String, at offset: RegisterQuantity, width: Int, reset: UInt64 = 0, count: RegisterQuantity = 1, stride: UInt64 = 0,
    if condition: RegisterCondition = .always, _ meaning: String, fields: [RegisterField]
  ) {
    self.name = name
    self.offset = offset
    self.width = width
    self.reset = reset
    self.count = count
    self.stride = stride
    self.condition = condition
    self.meaning = meaning
    self.fields = fields
  }

  /// The offsets at which an implementation has this register; empty if it does not.
  public func offsets(for identity: RegisterIdentity) -> [UInt64] {
    guard condition.holds(for: identity) else { return [] }
    let first = offset.value(for: identity)
    return (0..<min(count.value(for: identity), 4096)).map { first &+ $0 &* stride }
  }

  /// The bits of one 32-bit part of the register that software can use in the given way.
  ///
  /// - Parameters:
  ///   - part: The number of the part, 0 for bits 31:0.
  ///   - identity: Decides which fields exist.
  ///   - chosen: Picks ways of access.
  public func mask(part: Int, for identity: RegisterIdentity, where chosen: (FieldAccess) -> Bool) -> UInt32 {
    fields.reduce(0) { mask, field in
      guard chosen(field.access), field.condition.holds(for: identity) else { return mask }
      let low = max(field.bits.lowerBound - part * 32, 0)
      let high = min(field.bits.upperBound - part * 32, 31)
      return low <= high ? mask | .mask(bits: low...high) : mask
    }
  }
}

/// The layout of a structure in memory: an entry, a descriptor, a record.
public struct StructureDeclaration: FieldTable {
  /// The name the specification uses.
  public let name: String
  /// The width in bits, a multiple of 64.
  public let width: Int
  /// Its fields, lowest bit first; bits in no field are reserved.
  public let fields: [RegisterField]

  /// A structure of the given fields.
  public init(_ name: String, width: Int, fields: [RegisterField]) {
    self.name = name
    self.width = width
    self.fields = fields
  }
}
