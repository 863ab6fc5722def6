import Hardware
import VTdArchitecture

extension VTdVocabulary {
  /// The two words of a fault recording register.
  func decode(faultRecord words: [UInt64], kind: String) -> Decoding {
    let record = FaultRecord(low: words[0], high: words[1])
    // Words read from a free register are what the last record left behind.
    let isValid = words[1][bit: 63]
    var decoding = Decoding(words, FaultRecord.layout, in: self, kind: kind)
    decoding.summary = (isValid ? "" : "no record (F is 0); ") + summary(of: record)
    decoding.notes = notes(on: record.reason)
    if isValid, record.reason.meaning == nil { decoding.warnings.append("no revision has fault reason \(record.reason)") }
    decoding.isPresent = isValid
    return decoding
  }

  /// Who did what, and why it was blocked, in one line.
  private func summary(of record: FaultRecord) -> String {
    let why = "fault \(record.reason), \(record.reason.meaning ?? "unknown reason")"
    guard !record.reason.isInterruptFault else { return "\(record.source): interrupt with index \(record.interruptIndex): \(why)" }
    let address =
      switch record.addressType {
      case .untranslated: ""
      case .translationRequest: "translation request, "
      case .translated: "translated, "
      }
    let rights = (record.privileged ? "privileged " : "") + (record.execute ? "execute " : "")
    let type =
      switch record.type {
      case .write: "write"
      case .pageRequest: "page request"
      case .read: "read"
      case .atomic: "atomic"
      }
    let pasid = record.pasid.map { "with PASID \($0)" } ?? "without PASID"
    return "\(record.source): \(address)\(rights)\(type) \(pasid) at \(record.address): \(why)"
  }

  /// A fault reason: every condition that reports it, and how requests that meet it are answered.
  func decode(reason code: UInt64) -> Decoding {
    guard let code8 = UInt8(exactly: code) else {
      var decoding = Decoding(architecture: architecture, kind: "reason", name: "fault reason", words: [code])
      decoding.warnings.append("a fault reason has 8 bits")
      return decoding
    }
    let reason = FaultReason(code8)
    var decoding = Decoding(
      architecture: architecture, kind: "reason", name: "fault reason \(reason)", words: [code],
      summary: reason.conditions.count > 1 ? "one of \(reason.conditions.count) conditions" : reason.meaning)
    decoding.notes = notes(on: reason)
    if reason.meaning == nil { decoding.warnings.append("no revision has fault reason \(reason)") }
    return decoding
  }

  /// The conditions that report a reason.
  func notes(on reason: FaultReason) -> [String] {
    reason.conditions.map { condition in
      let answers = RequestKind.allCases.compactMap { kind -> (name: String, answer: FaultAnswer)? in
        let answer = condition.answer(to: kind)
        return answer == .none ? nil : (Self.name(of: kind), answer)
      }
      var groups: [(answer: FaultAnswer, kinds: [String])] = []
      for (name, answer) in answers {
        if let index = groups.firstIndex(where: { $0.answer == answer }) {
          groups[index].kinds.append(name)
        } else {
          groups.append((answer, [name]))
        }
      }
      let record = condition.isQualified ? "recorded unless FPD is set" : "always recorded"
      let revisions =
        condition.revisions == RevisionProfile.allCases ? "" : " (only \(condition.revisions.map(\.rawValue).joined(separator: ", ")))"
      let texts = groups.map { "\($0.kinds.joined(separator: ", ")): \(Self.name(of: $0.answer))" }
      return "\(condition.id)\(revisions): \(condition.meaning); \(record); \(texts.joined(separator: "; "))"
    }
  }

  private static func name(of kind: RequestKind) -> String {
    switch kind {
    case .untranslated: "untranslated"
    case .untranslatedWithPASID: "with PASID"
    case .translation: "translation request"
    case .translationWithPASID: "translation request with PASID"
    case .translated: "translated"
    case .translatedWithPASID: "translated with PASID"
    case .pageRequest: "page request"
    case .interrupt: "interrupt"
    }
  }

  private static func name(of answer: FaultAnswer) -> String {
    switch answer {
    case .none: "cannot occur"
    case .unsupportedRequest: "unsupported request"
    case .completerAbort: "completer abort"
    case .successWithoutPermission: "success without permission, not recorded"
    case .successWithoutPermissionRecorded: "success without permission"
    case .successWithRemainingPermissions: "success with the remaining permissions, not recorded"
    case .invalidRequest: "invalid request"
    }
  }
}
