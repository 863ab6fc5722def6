import Hardware

/// Reads fields from a line of text, byte by byte and without making strings.
struct FieldScanner {
  let bytes: UnsafeRawBufferPointer
  var position = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// The byte at the position, nil at the end.
  var next: UInt8? { position < bytes.count ? bytes[position] : nil }
  var isAtEnd: Bool { position >= bytes.count }

  /// Steps over one given byte, if it is there.
  mutating func skip(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    position += 1
    return true
  }

  mutating func skipSpaces() { while next == UInt8(ascii: " ") || next == UInt8(ascii: "\t") { position += 1 } }

  /// Steps over the given text, if it is there.
  mutating func skip(_ text: StaticString) -> Bool {
    guard bytes.count - position >= text.utf8CodeUnitCount else { return false }
    for index in 0..<text.utf8CodeUnitCount where bytes[position + index] != text.utf8Start[index] { return false }
    position += text.utf8CodeUnitCount
    return true
  }

  /// Moves behind the next occurrence of the given text; false, without moving, if there is none.
  mutating func skip(past text: StaticString) -> Bool {
    let start = position
    while bytes.count - position >= text.utf8CodeUnitCount {
      if skip(text) { return true }
      position += 1
    }
    position = start
    return false
  }

  /// The bytes up to a given one or the end; the position moves behind it.
  mutating func field(upTo separator: UInt8) -> UnsafeRawBufferPointer {
    let start = position
    while let byte = next, byte != separator { position += 1 }
    let field = UnsafeRawBufferPointer(rebasing: bytes[start..<position])
    position += isAtEnd ? 0 : 1
    return field
  }

  /// A number in decimal digits; nil, with the position undefined, if there is none or it exceeds 64 bits.
  mutating func decimal() -> UInt64? {
    let start = position
    var value: UInt64 = 0
    while let byte = next, byte &- 0x30 < 10 {
      let (shifted, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = shifted.addingReportingOverflow(UInt64(byte &- 0x30))
      if overflow || carry { return nil }
      value = sum
      position += 1
    }
    return position > start ? value : nil
  }

  /// A number in hexadecimal digits, with or without `0x` before it.
  mutating func hexadecimal() -> UInt64? {
    _ = skip("0x")
    let start = position
    var value: UInt64 = 0
    while let byte = next, let digit = Self.hexadecimalDigit(byte) {
      if value >> 60 != 0 { return nil }
      value = value << 4 | digit
      position += 1
    }
    return position > start ? value : nil
  }

  /// A number in hexadecimal if `0x` is before it, in decimal if not.
  mutating func number() -> UInt64? { next == UInt8(ascii: "0") && peek(1) == UInt8(ascii: "x") ? hexadecimal() : decimal() }

  /// A requester: `bb:dd.f` in hexadecimal, or a number.
  mutating func requester() -> RequesterID? {
    let start = position
    if let bus = hexadecimal(), skip(UInt8(ascii: ":")) {
      guard bus <= 0xFF, let device = hexadecimal(), device <= 0x1F, skip(UInt8(ascii: ".")), let function = hexadecimal(), function <= 7
      else { return nil }
      return RequesterID(bus: UInt8(bus), device: UInt8(device), function: UInt8(function))
    }
    position = start
    return number().flatMap { UInt32(exactly: $0) }.map { RequesterID($0) }
  }

  private func peek(_ distance: Int) -> UInt8? { position + distance < bytes.count ? bytes[position + distance] : nil }

  private static func hexadecimalDigit(_ byte: UInt8) -> UInt64? {
    switch byte {
    case 0x30...0x39: UInt64(byte - 0x30)
    case 0x41...0x46: UInt64(byte - 0x37)
    case 0x61...0x66: UInt64(byte - 0x57)
    default: nil
    }
  }
}

extension UnsafeRawBufferPointer {
  /// Whether the bytes are exactly the given text.
  func equals(_ text: StaticString) -> Bool {
    guard count == text.utf8CodeUnitCount else { return false }
    for index in 0..<count where self[index] != text.utf8Start[index] { return false }
    return true
  }

  /// The bytes as a string to show to a person, shortened if they are many.
  var quoted: String {
    let shown = String(decoding: prefix(60), as: UTF8.self).filter { !$0.isNewline }
    return count > 60 ? "'\(shown)…'" : "'\(shown)'"
  }
}
