/// What software can do with a field of a register.
public enum FieldAccess: String, Sendable, Hashable, CaseIterable {
  /// Read-only: writes have no effect.
  case readOnly = "RO"
  /// Read and write.
  case readWrite = "RW"
  /// Reads status; a written 1 clears the bit, a written 0 leaves it.
  case writeOneToClear = "RW1C"
  /// Write-only: reads give 0.
  case writeOnly = "WO"
  /// Reserved: reads 0, and software writes 0.
  case reservedZero = "RsvdZ"
  /// Reserved: reads 0 here, and software writes back what it read.
  case reservedPreserved = "RsvdP"

  /// Whether the field carries a meaning at all.
  public var isReserved: Bool { self == .reservedZero || self == .reservedPreserved }
}

/// A run of bits with a name: part of a register, of an entry in memory, of a descriptor or of a record.
public struct RegisterField: Sendable {
  /// The name the specification gives it, as in `TTM`.
  public let name: String
  /// Its bits, counted from bit 0 of the first word; bit 64 is bit 0 of the second 64-bit word.
  public let bits: ClosedRange<Int>
  /// What software can do with it; of no interest in memory.
  public let access: FieldAccess
  /// One line on what it means.
  public let meaning: String
  /// Names of values, where the value is a code.
  public let values: KeyValuePairs<UInt64, String>
  /// When the field exists; without it the bits are reserved.
  public let condition: RegisterCondition

  /// A field of a register.
  public init(
    _ name: String, _ bits: ClosedRange<Int>, _ access: FieldAccess, _ meaning: String, values: KeyValuePairs<UInt64, String> = [:],
    if condition: RegisterCondition = .always
  ) {
    self.name = name
    self.bits = bits
    self.access = access
    self.meaning = meaning
    self.values = values
    self.condition = condition
  }

  /// A field of one bit of a register.
  public init(
    _ name: String, _ bit: Int, _ access: FieldAccess, _ meaning: String, values: KeyValuePairs<UInt64, String> = [:],
    if condition: RegisterCondition = .always
  ) {
    self.init(name, bit...bit, access, meaning, values: values, if: condition)
  }

  /// A field of a structure in memory.
  public init(
    _ name: String, _ bits: ClosedRange<Int>, _ meaning: String, values: KeyValuePairs<UInt64, String> = [:],
    if condition: RegisterCondition = .always
  ) {
    self.init(name, bits, .readWrite, meaning, values: values, if: condition)
  }

  /// A field of one bit of a structure in memory.
  public init(
    _ name: String, _ bit: Int, _ meaning: String, values: KeyValuePairs<UInt64, String> = [:], if condition: RegisterCondition = .always
  ) {
    self.init(name, bit...bit, .readWrite, meaning, values: values, if: condition)
  }

  /// The field's value in a row of 64-bit words; words that are missing count as 0. A field wider than 64 bits gives its low 64.
  public func value(in words: [UInt64]) -> UInt64 {
    let first = bits.lowerBound / 64
    let shift = bits.lowerBound % 64
    func word(_ index: Int) -> UInt64 { words.indices.contains(index) ? words[index] : 0 }
    let joined = shift == 0 ? word(first) : word(first) >> UInt64(shift) | word(first + 1) << UInt64(64 - shift)
    return joined & .mask(width: bits.count)
  }

  /// The name of a value of this field, if it has one.
  public func symbol(for value: UInt64) -> String? { values.first { $0.key == value }?.value }
}

/// When a register or a field exists: decided by bits of identification registers.
public indirect enum RegisterCondition: Sendable {
  /// In every implementation.
  case always
  /// If the field is not 0.
  case set(FieldReference)
  /// If one of the conditions holds.
  case any([RegisterCondition])
  /// If all of the conditions hold.
  case all([RegisterCondition])

  /// Whether the condition holds for an implementation.
  public func holds(for identity: RegisterIdentity) -> Bool {
    switch self {
    case .always: true
    case .set(let reference): identity[reference] != 0
    case .any(let conditions): conditions.contains { $0.holds(for: identity) }
    case .all(let conditions): conditions.allSatisfy { $0.holds(for: identity) }
    }
  }
}

/// A field of an identification register, by name of the register.
public struct FieldReference: Sendable, Hashable {
  /// The name of the register.
  public let register: String
  /// The bits of the field.
  public let bits: ClosedRange<Int>

  /// The field of the given bits.
  public init(_ register: String, _ bits: ClosedRange<Int>) {
    self.register = register
    self.bits = bits
  }

  /// The field of one bit.
  public init(_ register: String, _ bit: Int) { self.init(register, bit...bit) }
}

/// The values of the registers that say what an implementation is, by name.
public struct RegisterIdentity: Sendable, Hashable {
  /// The value of each identification register.
  public var values: [String: UInt64]

  /// An implementation that identifies itself with the given registers.
  public init(_ values: [String: UInt64]) { self.values = values }

  /// The value of a field; 0 if the register is unknown.
  public subscript(reference: FieldReference) -> UInt64 { (values[reference.register] ?? 0)[bits: reference.bits] }
}
