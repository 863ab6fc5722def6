import Hardware

/// The fields of a record as text, the same in the text form, in CSV and in JSON.
extension RecordField {
  /// The field whose name the bytes are.
  init?(name bytes: UnsafeRawBufferPointer) {
    guard let field = RecordField.allCases.first(where: { bytes.equals($0.name) }) else { return nil }
    self = field
  }

  /// Whether the field is written as a number in decimal; the others are words, or numbers in hexadecimal.
  var isDecimal: Bool {
    switch self {
    case .time, .length, .group, .domain, .value, .unit: true
    default: false
    }
  }

  /// Appends the field of a record.
  func append(of record: TraceRecord, to text: inout [UInt8]) {
    switch self {
    case .time, .length, .group, .domain, .value, .unit: text.append(decimal: record.stored(self))
    case .address, .physical: text.append(hexadecimal: record.stored(self))
    case .requester: text.append(record.requester)
    case .pasid: if let pasid = record.pasid { text.append(hexadecimal: UInt64(pasid.rawValue)) }
    case .operation: text.append(record.operation.name)
    case .permissions: text.append(record.permissions)
    case .attributes: text.append(record.attributes)
    case .scope: text.append(record.scope.name)
    }
  }

  /// Reads the field of a record from text; false if it is no such field.
  func read(_ bytes: UnsafeRawBufferPointer, into record: inout TraceRecord) -> Bool {
    var scanner = FieldScanner(bytes)
    switch self {
    case .operation:
      guard let operation = TraceOperation.allCases.first(where: { bytes.equals($0.name) }) else { return false }
      record.operation = operation
      return true
    case .scope:
      guard let scope = InvalidationScope.allCases.first(where: { bytes.equals($0.name) }) else { return false }
      record.scope = scope
      return true
    case .permissions:
      guard let permissions = Permissions(text: bytes) else { return false }
      record.permissions = permissions
      return true
    case .attributes:
      guard let attributes = TraceAttributes(text: bytes) else { return false }
      record.attributes = attributes
      return true
    case .requester:
      guard let requester = scanner.requester(), scanner.isAtEnd else { return false }
      record.requester = requester
      return true
    default:
      guard let value = scanner.number(), scanner.isAtEnd else { return false }
      return store(value, into: &record)
    }
  }

  private func store(_ value: UInt64, into record: inout TraceRecord) -> Bool {
    guard value <= (self == .pasid ? UInt64(PASID.maximum.rawValue) : largest) else { return false }
    switch self {
    case .time: record.time = SimTime(rawValue: value)
    case .pasid: record.pasid = PASID(UInt32(value))
    case .address: record.address = IOVirtualAddress(value)
    case .length: record.length = value
    case .physical: record.physical = PhysicalAddress(value)
    case .group: record.group = UInt16(value)
    case .domain: record.domain = TraceDomain(UInt32(value))
    case .value: record.value = UInt32(value)
    case .unit: record.unit = UInt16(value)
    default: return false
    }
    return true
  }
}

extension TraceAttributes {
  /// The attributes by name, in the order of their bits.
  fileprivate static let names: [(attribute: TraceAttributes, name: StaticString)] = [
    (.privileged, "privileged"), (.execute, "execute"), (.noSnoop, "no-snoop"), (.relaxedOrder, "relaxed-order"),
    (.noWrite, "no-write"), (.last, "last"), (.leafOnly, "leaf-only"), (.passThrough, "pass-through"), (.spontaneous, "spontaneous"),
  ]

  /// The attributes that the text names, with `+` between them.
  fileprivate init?(text: UnsafeRawBufferPointer) {
    self = []
    var scanner = FieldScanner(text)
    while !scanner.isAtEnd {
      let name = scanner.field(upTo: UInt8(ascii: "+"))
      guard let known = Self.names.first(where: { name.equals($0.name) }) else { return nil }
      insert(known.attribute)
    }
  }
}

extension Permissions {
  private static let letters: [(permission: Permissions, letter: UInt8)] = [
    (.read, UInt8(ascii: "r")), (.write, UInt8(ascii: "w")), (.execute, UInt8(ascii: "x")),
  ]

  /// The permissions that the text gives as `rwx`, with `-` for each that is lacking.
  fileprivate init?(text: UnsafeRawBufferPointer) {
    self = []
    guard text.count == Self.letters.count else { return nil }
    for (byte, known) in zip(text, Self.letters) {
      if byte == known.letter {
        insert(known.permission)
      } else if byte != UInt8(ascii: "-") {
        return nil
      }
    }
  }

  fileprivate func append(to text: inout [UInt8]) {
    for known in Self.letters { text.append(contains(known.permission) ? known.letter : UInt8(ascii: "-")) }
  }
}

extension [UInt8] {
  mutating func append(_ text: StaticString) {
    append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  mutating func append(decimal value: UInt64) { append(value, radix: 10, digits: 1) }

  mutating func append(hexadecimal value: UInt64) {
    append("0x")
    append(value, radix: 16, digits: 1)
  }

  fileprivate mutating func append(_ permissions: Permissions) { permissions.append(to: &self) }

  fileprivate mutating func append(_ attributes: TraceAttributes) {
    var isFirst = true
    for known in TraceAttributes.names where attributes.contains(known.attribute) {
      if !isFirst { append(UInt8(ascii: "+")) }
      append(known.name)
      isFirst = false
    }
  }

  /// A PCIe requester as `bb:dd.f`, a larger id in hexadecimal.
  fileprivate mutating func append(_ requester: RequesterID) {
    guard requester.rawValue <= 0xFFFF else { return append(hexadecimal: UInt64(requester.rawValue)) }
    append(UInt64(requester.bus), radix: 16, digits: 2)
    append(UInt8(ascii: ":"))
    append(UInt64(requester.deviceFunction >> 3), radix: 16, digits: 2)
    append(UInt8(ascii: "."))
    append(UInt64(requester.deviceFunction & 7), radix: 16, digits: 1)
  }

  /// Appends a number of at least `digits` digits.
  private mutating func append(_ value: UInt64, radix: UInt64, digits: Int) {
    let start = count
    var rest = value
    repeat {
      let digit = UInt8(truncatingIfNeeded: rest % radix)
      append(digit < 10 ? 0x30 + digit : 0x57 + digit)
      rest /= radix
    } while rest > 0
    while count - start < digits { append(0x30) }
    self[start...].reverse()
  }
}
