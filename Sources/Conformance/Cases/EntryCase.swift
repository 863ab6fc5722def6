import Hardware
import VTdArchitecture

/// A case about a PASID table entry and the context entry that leads to it, as driver code wrote them: the words, and what fields they
/// are made of.
public struct EntryCase: Sendable {
  /// What names the case.
  public var header: CaseHeader
  /// The PASID table entry, of eight words.
  public var pasidEntry: Entry
  /// The scalable-mode context entry, of four words.
  public var contextEntry: Entry
  /// The half of the scalable-mode root entry that leads to the context entry.
  public var rootHalf: UInt64
  /// Whether it is the upper half, for devices 16 to 31.
  public var isUpperHalf: Bool
  /// Whose context entry it is.
  public var requester: RequesterID

  /// An entry. Bits of fields that the case does not name are 0.
  public struct Entry: Hashable, Sendable {
    /// The words.
    public var words: [UInt64]
    /// Values by the names of fields; of a table pointer the address.
    public var fields: [String: UInt64]
  }

  init(_ object: CaseObject, _ header: CaseHeader) throws(CaseDefect) {
    self.header = header
    let context = try object.object("ctx")
    pasidEntry = try Entry(object, PASIDTableEntry.layout)
    contextEntry = try Entry(context, ScalableContextEntry.layout)
    rootHalf = try context.hexadecimal("root_entry_half")
    switch try context.string("root_half") {
    case "lo": isUpperHalf = false
    case "hi": isUpperHalf = true
    case let other: throw CaseDefect(context.place(of: "root_half"), expected: "lo or hi", found: other)
    }
    requester = RequesterID(UInt32(truncatingIfNeeded: try context.object("in").hexadecimal("sid")))
  }
}

extension EntryCase.Entry {
  init(_ object: CaseObject, _ layout: StructureDeclaration) throws(CaseDefect) {
    words = try object.hexadecimals("words")
    guard words.count == layout.width / 64 else { throw CaseDefect(object.place(of: "words"), expected: "\(layout.width / 64) words") }
    fields = [:]
    let values = try object.object("fields")
    for name in values.members.keys.sorted() {
      guard layout.fields.contains(where: { $0.name == name }) else {
        throw CaseDefect(values.place(of: name), expected: "a field of a \(layout.name)")
      }
      if values.members[name] is String {
        fields[name] = try values.hexadecimal(name)
      } else if let value = UInt64(exactly: try values.integer(name)) {
        fields[name] = value
      } else {
        throw CaseDefect(values.place(of: name), expected: "a value that is not negative")
      }
    }
  }
}
