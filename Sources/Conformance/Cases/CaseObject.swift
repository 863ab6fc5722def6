import Foundation

/// A JSON object of a case with its place in the case, and the few kinds of values that cases are made of.
///
/// Addresses and register values are strings of hexadecimal digits with `0x`; sizes and counts are plain numbers.
struct CaseObject {
  let members: [String: Any]
  /// Where the object stands in the case, as in `steps[3].expect`; empty for the case itself.
  let place: String

  func place(of key: String) -> String { place.isEmpty ? key : "\(place).\(key)" }

  func contains(_ key: String) -> Bool { members[key] != nil }

  func string(_ key: String) throws(CaseDefect) -> String {
    guard let value = members[key] as? String else { throw CaseDefect(place(of: key), expected: "a string") }
    return value
  }

  func integer(_ key: String) throws(CaseDefect) -> Int {
    guard let value = members[key] as? Int else { throw CaseDefect(place(of: key), expected: "a whole number") }
    return value
  }

  func hexadecimal(_ key: String) throws(CaseDefect) -> UInt64 {
    guard let value = members[key] else { throw CaseDefect(place(of: key), expected: "a hexadecimal string") }
    return try Self.hexadecimal(value, at: place(of: key))
  }

  func hexadecimals(_ key: String) throws(CaseDefect) -> [UInt64] {
    guard let values = members[key] as? [Any] else { throw CaseDefect(place(of: key), expected: "an array of hexadecimal strings") }
    var numbers: [UInt64] = []
    numbers.reserveCapacity(values.count)
    for value in values { numbers.append(try Self.hexadecimal(value, at: place(of: key))) }
    return numbers
  }

  /// Bytes as a string of two digits each, first byte first.
  func bytes(_ key: String) throws(CaseDefect) -> [UInt8] {
    let digits = Array(try string(key).utf8)
    guard digits.count.isMultiple(of: 2) else { throw CaseDefect(place(of: key), expected: "two hexadecimal digits for each byte") }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard let byte = UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16) else {
        throw CaseDefect(place(of: key), expected: "hexadecimal digits")
      }
      bytes.append(byte)
    }
    return bytes
  }

  func object(_ key: String) throws(CaseDefect) -> CaseObject {
    guard let value = members[key] as? [String: Any] else { throw CaseDefect(place(of: key), expected: "an object") }
    return CaseObject(members: value, place: place(of: key))
  }

  func objects(_ key: String) throws(CaseDefect) -> [CaseObject] {
    guard let values = members[key] as? [Any] else { throw CaseDefect(place(of: key), expected: "an array of objects") }
    var objects: [CaseObject] = []
    objects.reserveCapacity(values.count)
    for value in values {
      let here = "\(place(of: key))[\(objects.count)]"
      guard let members = value as? [String: Any] else { throw CaseDefect(here, expected: "an object") }
      objects.append(CaseObject(members: members, place: here))
    }
    return objects
  }

  func array(_ key: String) throws(CaseDefect) -> [Any] {
    guard let value = members[key] as? [Any] else { throw CaseDefect(place(of: key), expected: "an array") }
    return value
  }

  /// The value of a key that may be missing.
  func optional<Value>(_ key: String, _ read: (String) throws(CaseDefect) -> Value) throws(CaseDefect) -> Value? {
    contains(key) ? try read(key) : nil
  }

  static func hexadecimal(_ value: Any, at place: String) throws(CaseDefect) -> UInt64 {
    guard let text = value as? String, text.hasPrefix("0x"), let number = UInt64(text.dropFirst(2), radix: 16) else {
      throw CaseDefect(place, expected: "a hexadecimal string of at most 64 bits", found: "\(value)")
    }
    return number
  }
}
