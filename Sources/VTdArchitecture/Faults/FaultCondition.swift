/// What kind of request met a fault, as the fault table tells them apart (VT-d rev 5.10 table 30).
public enum RequestKind: Int, Hashable, Sendable, CaseIterable {
  /// Untranslated, without PASID.
  case untranslated
  /// Untranslated, with PASID.
  case untranslatedWithPASID
  /// Translation request without PASID.
  case translation
  /// Translation request with PASID.
  case translationWithPASID
  /// Translated, without PASID.
  case translated
  /// Translated, with PASID (5.x).
  case translatedWithPASID
  /// Page request, with or without PASID.
  case pageRequest
  /// Interrupt request.
  case interrupt
}

/// How a request that met a fault is answered.
public enum FaultAnswer: String, Hashable, Sendable, CaseIterable {
  /// This kind of request cannot meet the fault.
  case none = "-"
  /// Completion status unsupported request (posted writes are dropped).
  case unsupportedRequest = "UR"
  /// Completion status completer abort.
  case completerAbort = "CA"
  /// Success without any permission (R=W=U=S=0); the device may ask for the page.
  case successWithoutPermission = "S0"
  /// Success without any permission, and the fault is recorded all the same.
  case successWithoutPermissionRecorded = "SL"
  /// Success with the permissions that there are.
  case successWithRemainingPermissions = "Se"
  /// Response invalid request to the last request of a group; others are dropped.
  case invalidRequest = "IR"

  /// Whether the fault is recorded, unless fault processing is disabled.
  public var isRecorded: Bool { self != .none && self != .successWithoutPermission && self != .successWithRemainingPermissions }
}

/// One row of the fault table.
public struct FaultCondition: Hashable, Sendable {
  /// Which structures the request was checked with.
  public enum Group: String, Hashable, Sendable, CaseIterable {
    /// Legacy mode.
    case legacy
    /// The root table address register, in any mode.
    case rootTableAddress
    /// Scalable mode.
    case scalable
    /// Interrupts.
    case interrupt
    /// Host permission tables (5.x).
    case hostPermission
  }

  /// The name of the condition, as in `SCT.4.1`.
  public let id: String
  /// The reason it reports.
  public let reason: FaultReason
  /// The structures.
  public let group: Group
  /// Whether FPD of an entry used suppresses the record.
  public let isQualified: Bool
  /// The revisions that have it.
  public let revisions: [RevisionProfile]
  /// What happened.
  public let meaning: String
  /// The answer to each kind of request, in the order of `RequestKind`.
  public let answers: [FaultAnswer]

  /// How a kind of request is answered.
  public func answer(to kind: RequestKind) -> FaultAnswer { answers.indices.contains(kind.rawValue) ? answers[kind.rawValue] : .none }

  init(
    _ id: String, _ code: UInt8, _ group: Group, qualified: Bool, _ answers: String, _ meaning: String,
    in revisions: [RevisionProfile] = RevisionProfile.allCases
  ) {
    self.id = id
    reason = FaultReason(code)
    self.group = group
    isQualified = qualified
    self.revisions = revisions
    self.meaning = meaning
    self.answers = answers.split(separator: " ").map { FaultAnswer(rawValue: String($0)) ?? .none }
  }
}

extension FaultReason {
  /// Every condition of every revision.
  public static let table: [FaultCondition] =
    legacyConditions + interruptConditions + rootTableConditions + contextConditions + pasidConditions + firstStageConditions
    + secondStageConditions + generalConditions + hostPermissionConditions

  /// The conditions that report this reason.
  public var conditions: [FaultCondition] { Self.table.filter { $0.reason == self } }

  /// How a translation request is answered that met this reason, with a PASID or without; Unsupported Request for reasons that it cannot
  /// meet.
  public var answerToTranslationRequest: FaultAnswer { Self.answersToTranslationRequests[Int(rawValue)] }

  private static let answersToTranslationRequests: [FaultAnswer] = (0...UInt8.max).map { code in
    let answers = FaultReason(code).conditions.flatMap { [$0.answer(to: .translation), $0.answer(to: .translationWithPASID)] }
    return answers.first { $0 != .none } ?? .unsupportedRequest
  }

  /// What the reason stands for, in short; `nil` if no revision has it.
  public var meaning: String? {
    let conditions = conditions
    return conditions.isEmpty ? nil : conditions.map(\.meaning).joined(separator: "; ")
  }

  /// Whether the reason concerns interrupts, so that a record holds an index instead of an address.
  @inlinable public var isInterruptFault: Bool { rawValue & 0xF0 == 0x20 }

  /// Whether FPD of an entry used for the request suppresses the record: false for faults met before any such entry is known.
  @inlinable public var isQualified: Bool {
    switch rawValue {
    case 0x01, 0x08, 0x09, 0x0A, 0x20, 0x21, 0x23, 0x25, 0x29, 0x2A, 0x2B, 0x30...0x34, 0x38...0x3A, 0x40, 0x50, 0x58: false
    default: true
    }
  }
}
