import Hardware

/// What a trace says of itself.
public struct TraceHeader: Equatable, Sendable {
  /// Where the trace comes from.
  public var source: String
  /// What its times mean.
  public var clock: String
  /// Under which terms it may be passed on.
  public var licence: String
  /// How many records it has, if that was known when writing began.
  public var recordCount: UInt64?
  /// What becomes of accesses to pages that no record maps.
  public var mappings: MappingCoverage
  /// The requesters whose names or units are known.
  public var endpoints: [TraceEndpoint]
  /// Whatever else there is to say.
  public var notes: [TraceNote]

  /// A header with the given fields.
  public init(
    source: String = "", clock: String = "", licence: String = "", recordCount: UInt64? = nil, mappings: MappingCoverage = .partial,
    endpoints: [TraceEndpoint] = [], notes: [TraceNote] = []
  ) {
    self.source = source
    self.clock = clock
    self.licence = licence
    self.recordCount = recordCount
    self.mappings = mappings
    self.endpoints = endpoints
    self.notes = notes
  }

  /// Why the header cannot be written, or nil if it can.
  var objection: String? {
    for note in notes where note.key.isEmpty || note.key.utf8.contains(UInt8(ascii: "=")) {
      return "note with key '\(note.key)', expected a key without '='"
    }
    return nil
  }
}

/// How much of what a trace accesses its map records map.
public enum MappingCoverage: String, Sendable, CaseIterable {
  /// Everything: an access to a page that no record maps is meant to fault.
  case complete
  /// Not everything: an access to a page that no record maps is meant to succeed, and the page is mapped at first touch.
  case partial
}

/// A requester of a trace, by name.
public struct TraceEndpoint: Equatable, Sendable {
  /// Who it is.
  public var requester: RequesterID
  /// The number of the remapping unit it is behind; 0 where there is one.
  public var unit: UInt16
  /// What it is called.
  public var name: String

  /// A requester with a name.
  public init(requester: RequesterID, unit: UInt16 = 0, name: String) {
    self.requester = requester
    self.unit = unit
    self.name = name
  }
}

/// A remark about a trace.
public struct TraceNote: Equatable, Sendable {
  /// What it is about; neither empty nor with `=` in it.
  public var key: String
  /// What it says.
  public var value: String

  /// A remark.
  public init(key: String, value: String) {
    self.key = key
    self.value = value
  }
}
