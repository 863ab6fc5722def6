/// One parameter of an `Owner`, declared once: reading configurations, their full listing and the documentation all use this declaration.
///
/// The target that owns a parameter struct declares its parameters; what holds the struct as a member lifts them under a key of its own:
///
///     extension MemoryPortParameters {
///       static let parameters = [Parameter("latency_ns", "from a read's start to its data", \Self.latency, .nanoseconds(upTo: limit))]
///     }
///     extension UnitParameters {
///       static let parameters = MemoryPortParameters.parameters.lifted(to: \Self.memory, under: "memory")  // memory.latency_ns
///     }
public struct Parameter<Owner: Sendable>: Sendable {
  /// The name: words in snake_case, joined by points below the sections that hold them; ends with the unit, if there is one.
  public let key: String
  /// What it means, in a few words.
  public let meaning: String
  /// What values it may have, in words that complete "expected".
  public let expectation: String
  /// The value that an owner holds.
  public let value: @Sendable (Owner) -> ParameterValue
  /// Reads a value and puts it into an owner, which stays as it was if the value cannot be.
  public let set: @Sendable (String, inout Owner) throws(ParameterError) -> Void

  private init(
    key: String, meaning: String, expectation: String, value: @escaping @Sendable (Owner) -> ParameterValue,
    set: @escaping @Sendable (String, inout Owner) throws(ParameterError) -> Void
  ) {
    self.key = key
    self.meaning = meaning
    self.expectation = expectation
    self.value = value
    self.set = set
  }

  /// The parameter that a member of the owner holds.
  public init<Field>(
    _ key: String, _ meaning: String, _ member: WritableKeyPath<Owner, Field> & Sendable, _ domain: ParameterDomain<Field>
  ) {
    self.init(
      key: key, meaning: meaning, expectation: domain.expectation,
      value: { domain.value($0[keyPath: member]) },
      set: { text, owner throws(ParameterError) in owner[keyPath: member] = try domain.parse(text) })
  }

  /// The same parameter of whoever holds the owner as a member, under `section`; an empty section adds nothing to the key.
  public func lifted<Holder>(to member: WritableKeyPath<Holder, Owner> & Sendable, under section: String) -> Parameter<Holder> {
    Parameter<Holder>(
      key: section.isEmpty ? key : "\(section).\(key)", meaning: meaning, expectation: expectation,
      value: { [value] holder in value(holder[keyPath: member]) },
      set: { [set] text, holder throws(ParameterError) in try set(text, &holder[keyPath: member]) })
  }
}

extension Array {
  /// The same parameters of whoever holds the owner as a member, under `section`; an empty section adds nothing to the keys.
  public func lifted<Owner, Holder>(
    to member: WritableKeyPath<Holder, Owner> & Sendable, under section: String
  ) -> [Parameter<Holder>] where Element == Parameter<Owner> {
    map { $0.lifted(to: member, under: section) }
  }
}
