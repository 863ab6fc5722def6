/// What values a parameter may have, and how they are written.
public struct ParameterDomain<Field: Sendable>: Sendable {
  /// What is expected, in words that complete "expected".
  public let expectation: String
  /// Reads a value, or tells why there is none.
  public let parse: @Sendable (String) throws(ParameterError) -> Field
  /// The written form of a value.
  public let value: @Sendable (Field) -> ParameterValue

  /// A domain of values that `parse` finds and `value` writes; `parse` returns nil for what is not in the domain.
  public init(
    _ expectation: String, parse: @escaping @Sendable (String) -> Field?, value: @escaping @Sendable (Field) -> ParameterValue
  ) {
    self.expectation = expectation
    self.value = value
    self.parse = { text throws(ParameterError) in
      guard let field = parse(text) else { throw ParameterError("expected \(expectation), got '\(text)'") }
      return field
    }
  }

  init(
    _ expectation: String, value: @escaping @Sendable (Field) -> ParameterValue,
    parse: @escaping @Sendable (String) throws(ParameterError) -> Field
  ) {
    self.expectation = expectation
    self.value = value
    self.parse = parse
  }
}

/// Why a text is no value of a parameter.
public struct ParameterError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What was found and what was expected, in words.
  public let description: String
  /// An error of the given words.
  public init(_ description: String) { self.description = description }
}

extension ParameterDomain {
  /// `a, b or c`: the expectation of a domain of names.
  public static func alternatives(_ names: [String]) -> String {
    guard names.count > 1, let last = names.last else { return names.joined() }
    return names.dropLast().joined(separator: ", ") + " or " + last
  }
}

extension ParameterDomain where Field == Bool {
  /// `true` or `false`.
  public static var flag: Self {
    Self("true or false", parse: { $0 == "true" ? true : $0 == "false" ? false : nil }, value: { .flag($0) })
  }
}

extension ParameterDomain where Field: FixedWidthInteger & UnsignedInteger {
  /// An integer of the given range, decimal or hexadecimal; `zero` is a name by which 0 is written, if it has one.
  public static func integer(_ range: ClosedRange<Field>, zero: String? = nil) -> Self {
    Self(
      "an integer from \(range.lowerBound) to \(range.upperBound)" + (zero.map { ", or \($0)" } ?? ""),
      parse: { text in
        if let zero, text == zero { return 0 }
        return Integers.parse(text).flatMap { Field(exactly: $0) }.flatMap { range.contains($0) ? $0 : nil }
      },
      value: { field in
        if let zero, field == 0 { return .name(zero) }
        return .integer(UInt64(field))
      })
  }

  /// The value of a register as wide as the field.
  public static var word: Self {
    Self(
      "a value of \(Field.bitWidth) bits", parse: { Integers.parse($0).flatMap { Field(exactly: $0) } }, value: { .word(UInt64($0)) })
  }
}

extension ParameterDomain where Field == Int? {
  /// A limit of the given range, decimal or hexadecimal, or none, which is written as the given name.
  public static func limit(_ range: ClosedRange<Int>, none: String) -> Self {
    Self(
      "an integer from \(range.lowerBound) to \(range.upperBound), or \(none)",
      parse: { text in
        if text == none { return .some(nil) }
        guard let limit = Integers.parse(text).flatMap({ Int(exactly: $0) }), range.contains(limit) else { return nil }
        return .some(limit)
      },
      value: { $0.map { .integer(UInt64($0)) } ?? .name(none) })
  }
}

extension ParameterDomain where Field == SimTime {
  /// A time in nanoseconds with up to three decimals, no longer than `longest`.
  public static func nanoseconds(upTo longest: SimTime) -> Self {
    let limit = ParameterValue.time(longest)
    return Self(
      "nanoseconds from 0 to \(limit), with up to three decimals",
      parse: { text in
        FixedPoint(text, decimals: 3).flatMap { $0.digits <= longest.picoseconds ? SimTime(picoseconds: $0.digits) : nil }
      },
      value: { .time($0) })
  }
}

extension ParameterDomain where Field: RawRepresentable<String> & CaseIterable {
  /// The name of a case, in snake_case; `unavailable` are names that are known, but of things that the program cannot do yet.
  public static func choice(unavailable: [String] = []) -> Self {
    let expectation = alternatives(Field.allCases.map { snakeCase($0.rawValue) })
    return Self(expectation, value: { .name(snakeCase($0.rawValue)) }) { text throws(ParameterError) in
      if let field = Field.allCases.first(where: { snakeCase($0.rawValue) == text }) { return field }
      guard unavailable.contains(text) else { throw ParameterError("expected \(expectation), got '\(text)'") }
      throw ParameterError("'\(text)' is not modelled yet; expected \(expectation)")
    }
  }

  private static func snakeCase(_ name: String) -> String {
    name.reduce(into: "") { words, letter in words += letter.isUppercase ? "_\(letter.lowercased())" : "\(letter)" }
  }
}

enum Integers {
  /// Reads decimal digits, or hexadecimal digits after `0x`; underscores may separate digits.
  static func parse(_ text: String) -> UInt64? {
    let digits = text.filter { $0 != "_" }
    guard let first = digits.utf8.first, (0x30...0x39).contains(first) else { return nil }
    return digits.hasPrefix("0x") ? UInt64(digits.dropFirst(2), radix: 16) : UInt64(digits)
  }
}
