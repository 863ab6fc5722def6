/// The fields of a trace record, in the order of CSV columns. The raw values tag the columns of a block.
enum RecordField: UInt8, CaseIterable {
  case time = 0
  case requester = 1
  case pasid = 2
  case operation = 3
  case address = 4
  case length = 5
  case physical = 6
  case permissions = 7
  case attributes = 8
  case group = 9
  case scope = 10
  case domain = 11
  case value = 12
  case unit = 13

  /// The name used in text, CSV and JSON.
  var name: StaticString {
    switch self {
    case .time: "time_ps"
    case .requester: "requester"
    case .pasid: "pasid"
    case .operation: "operation"
    case .address: "address"
    case .length: "length"
    case .physical: "physical"
    case .permissions: "permissions"
    case .attributes: "attributes"
    case .group: "group"
    case .scope: "scope"
    case .domain: "domain"
    case .value: "value"
    case .unit: "unit"
    }
  }

  /// The largest value the field may have, as a container stores it.
  var largest: UInt64 {
    switch self {
    case .time: TraceFormat.maximumTime
    case .address, .length, .physical: .max
    case .requester, .domain, .value: UInt64(UInt32.max)
    case .pasid: 0x10_0000
    case .group, .unit: UInt64(UInt16.max)
    case .operation: UInt64(TraceOperation.allCases.count - 1)
    case .scope: UInt64(InvalidationScope.allCases.count - 1)
    case .permissions: UInt64(Self.permissionBits)
    case .attributes: UInt64(Self.attributeBits)
    }
  }

  static let permissionBits: UInt8 = 0b111
  static let attributeBits: UInt16 = 0x1FF

  /// The most bits a stored value of the field can need: whole bytes.
  var maximumWidth: Int { (71 - largest.leadingZeroBitCount) / 8 * 8 }
}

extension TraceRecord {
  /// The field as a container stores it.
  func stored(_ field: RecordField) -> UInt64 {
    switch field {
    case .time: time.rawValue
    case .requester: UInt64(requester.rawValue)
    case .pasid: UInt64(pasidField)
    case .operation: UInt64(operation.rawValue)
    case .address: address.rawValue
    case .length: length
    case .physical: physical.rawValue
    case .permissions: UInt64(permissions.rawValue)
    case .attributes: UInt64(attributes.rawValue)
    case .group: UInt64(group)
    case .scope: UInt64(scope.rawValue)
    case .domain: UInt64(domain.rawValue)
    case .value: UInt64(value)
    case .unit: UInt64(unit)
    }
  }

  /// Whether the record can follow one of the time `previous` in a trace.
  func canFollow(_ previous: UInt64) -> Bool {
    time.rawValue >= previous && time.rawValue <= TraceFormat.maximumTime && permissions.rawValue <= RecordField.permissionBits
      && attributes.rawValue <= RecordField.attributeBits && (length <= TraceFormat.maximumAccessLength || !operation.isAccess)
  }

  /// Why the record cannot follow one of the time `previous`, or nil if it can.
  func objection(after previous: UInt64) -> String? {
    if canFollow(previous) { return nil }
    if time.rawValue < previous {
      return "time goes back from \(previous) ps to \(time.rawValue) ps; times must not decrease"
    }
    for field in RecordField.allCases where stored(field) > field.largest {
      return "\(field.name) is \(stored(field)), expected at most \(field.largest)"
    }
    return "an access of \(length) bytes, expected at most \(TraceFormat.maximumAccessLength)"
  }
}
