import Hardware
import VTdArchitecture

/// What `decode` knows of VT-d.
public struct VTdVocabulary: Vocabulary {
  /// The unit that entries and descriptors are judged by.
  let unit: UnitIdentity
  let revision: RevisionProfile
  private let isUnitKnown: Bool

  /// The vocabulary of a unit; without one everything that the revision has exists.
  ///
  /// - Parameters:
  ///   - capabilities: CAP, if it is known.
  ///   - extended: ECAP, if it is known.
  ///   - hostAddressWidth: The bits of a host physical address, 32 to 52.
  ///   - revision: The revision that decides on reserved bits.
  public init(
    capabilities: Capabilities? = nil, extended: ExtendedCapabilities? = nil, hostAddressWidth: Int = 52,
    revision: RevisionProfile = .revision4
  ) {
    unit = UnitIdentity(
      version: ArchitectureVersion(major: 7, minor: 0), capabilities: capabilities ?? Capabilities(rawValue: .max),
      extended: extended ?? ExtendedCapabilities(rawValue: .max), hostAddressWidth: hostAddressWidth)
    isUnitKnown = capabilities != nil && extended != nil
    self.revision = revision
  }

  /// `vtd`.
  public var architecture: String { "vtd" }
  /// The unit's identification registers, and a revision.
  public var identity: RegisterIdentity {
    var identity = unit.registerIdentity(revision)
    // Counters are of no interest to decoding, but their registers are.
    identity.values["PERFCAP"] = .max
    return identity
  }
  /// The registers of VT-d.
  public var registers: [RegisterDeclaration] { Registers.all }
  /// Entries, descriptors, records, messages and fault reasons.
  public var structures: [StructureKind] { entryKinds + pagingKinds + messageKinds }
  /// How a field is read.
  public func reading(of field: String, in table: String) -> FieldReading? { Registers.reading(of: field, in: table) }

  /// Where a register lies; the place of some follows from CAP and ECAP, and without these is not known.
  public func offsets(of register: RegisterDeclaration) -> [UInt64] {
    guard !isUnitKnown else { return register.offsets(for: identity) }
    guard case .constant(let first) = register.offset else { return [] }
    guard case .constant(let count) = register.count else { return [first] }
    return (0..<min(count, 16)).map { first &+ $0 &* register.stride }
  }

  /// A register taken apart; one that holds a fault record or part of a message is explained further.
  public func decode(_ register: RegisterDeclaration, _ words: [UInt64]) -> Decoding {
    if register.name == "FRCD" { return decode(faultRecord: words, kind: "frcd") }
    var decoding = Decoding(words, register, in: self, kind: register.name.lowercased())
    decoding.summary = register.meaning
    let event = register.name.dropLast(4)
    if ["FE", "IE", "PE", "PERFINTR"].contains(event), let word = words.first {
      if register.name.hasSuffix("ADDR"), !register.name.hasSuffix("UADDR") { decoding.notes += explanation(ofMessageAddress: word) }
      if register.name.hasSuffix("DATA") { decoding.notes += explanation(ofMessageData: word) }
    }
    return decoding
  }

  /// A reader of the kernel's log.
  public func logReader() -> any LogReader { LinuxLog(self) }
}
