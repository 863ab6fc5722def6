import Hardware
import VTdArchitecture

/// Reads what Linux's driver writes to the kernel's log: units found, faults, status, queue errors, page requests, and the tables that a
/// kernel built with `CONFIG_DMAR_DEBUG` dumps after a fault.
struct LinuxLog: LogReader {
  private enum Stage { case first, second }

  private let vocabulary: VTdVocabulary
  /// A fault whose reason is in the next line.
  private var pendingFault: LinuxFaultLine?
  /// The words of a PASID entry, which are dumped one a line.
  private var pasidWords: [UInt64] = []
  private var pasidLines: [String] = []
  /// What the dump has shown so far of the way to the tables.
  private var isScalable: Bool?
  private var stage: Stage?

  init(_ vocabulary: VTdVocabulary) { self.vocabulary = vocabulary }

  mutating func read(_ line: String) -> [Decoding] {
    var found: [Decoding] = []
    if let fault = pendingFault {
      pendingFault = nil
      var complete = fault
      complete.reason = LinuxFaultLine.reason(line)
      found.append(complete.decoding(in: vocabulary))
      if complete.reason != nil { return found }
    }
    if let word = pasidWord(line) {
      if word.index == 0 { found += flushPASIDEntry() }
      if word.index == pasidWords.count {
        pasidWords.append(word.value)
        pasidLines.append(line)
      }
      return pasidWords.count == 8 ? found + flushPASIDEntry() : found
    }
    found += flushPASIDEntry()
    if let fault = LinuxFaultLine(line) {
      guard fault.reason != nil else {
        pendingFault = fault
        return found
      }
      return found + [fault.decoding(in: vocabulary)]
    }
    return found + (unit(line) ?? status(line) ?? queueError(line) ?? descriptor(line) ?? pageRequest(line) ?? dump(line) ?? [])
  }

  mutating func finish() -> [Decoding] {
    let faults = pendingFault.map { [$0.decoding(in: vocabulary)] } ?? []
    pendingFault = nil
    return faults + flushPASIDEntry()
  }

  // MARK: Registers

  /// `dmar0: reg_base_addr fed90000 ver 1:0 cap d2008c40660462 ecap f050da`
  private func unit(_ line: String) -> [Decoding]? {
    var scanner = LineScanner(line)
    guard scanner.skip(past: "reg_base_addr "), scanner.hexadecimal() != nil, let major = scanner.hexadecimal(after: " ver "),
      scanner.skip(":"), let minor = scanner.hexadecimal(), let cap = scanner.hexadecimal(after: " cap "),
      let ecap = scanner.hexadecimal(after: " ecap "), major < 16, minor < 16
    else { return nil }
    let version = ArchitectureVersion(major: UInt8(major), minor: UInt8(minor))
    var decodings = [
      register("VER", UInt64(version.rawValue), line), register("CAP", cap, line), register("ECAP", ecap, line),
    ].compactMap { $0 }
    let unit = UnitIdentity(
      version: version, capabilities: Capabilities(rawValue: cap), extended: ExtendedCapabilities(rawValue: ecap), hostAddressWidth: 32)
    let findings = unit.findings.map { "against the rules of the specification: \($0)" }
    if let last = decodings.indices.last { decodings[last].notes += findings }
    return decodings
  }

  /// `DRHD: handling fault status reg 3`
  private func status(_ line: String) -> [Decoding]? {
    var scanner = LineScanner(line)
    return scanner.hexadecimal(after: "handling fault status reg ").flatMap { register("FSTS", $0, line) }.map { [$0] }
  }

  /// `VT-d detected Invalidation Queue Error: Reason f`, and the two with `SID`.
  private func queueError(_ line: String) -> [Decoding]? {
    var scanner = LineScanner(line)
    guard scanner.skip(past: "VT-d detected Invalidation ") else { return nil }
    let (field, value, shift): (String, UInt64, UInt64)
    if let reason = scanner.hexadecimal(after: "Queue Error: Reason ") {
      (field, value, shift) = ("IQEI", reason & 15, 0)
    } else if let source = scanner.hexadecimal(after: "Time-out Error: SID ") {
      (field, value, shift) = ("ITESID", source & 0xFFFF, 32)
    } else if let source = scanner.hexadecimal(after: "Completion Error: SID ") {
      (field, value, shift) = ("ICESID", source & 0xFFFF, 48)
    } else {
      return nil
    }
    guard var decoding = register("IQERCD", value << shift, line) else { return nil }
    // The line tells one field of the register.
    decoding.fields.removeAll { $0.name != field }
    decoding.words = []
    return [decoding]
  }

  private func register(_ name: String, _ value: UInt64, _ line: String) -> Decoding? {
    guard let register = Registers.named(name) else { return nil }
    var decoding = vocabulary.decode(register, [value])
    decoding.source = line
    return decoding
  }

  // MARK: Descriptors

  /// `QI HEAD: IOTLB Invalidation qw0 = 0x200f2, qw1 = 0x0`
  private func descriptor(_ line: String) -> [Decoding]? {
    guard line.contains("QI HEAD: ") || line.contains("QI PRIOR: ") else { return nil }
    var scanner = LineScanner(line)
    guard let low = scanner.hexadecimal(after: "qw0 = "), let high = scanner.hexadecimal(after: "qw1 = ") else { return nil }
    return [structure("descriptor", [low, high], line)].compactMap { $0 }
  }

  /// `dmar0: Invalid page request: 503000101 7f00000010ff`
  private func pageRequest(_ line: String) -> [Decoding]? {
    var scanner = LineScanner(line)
    guard let low = scanner.hexadecimal(after: "Invalid page request: "), let high = scanner.hexadecimal() else { return nil }
    return [structure("page-request", [low, high], line)].compactMap { $0 }
  }

  private func structure(_ name: String, _ words: [UInt64], _ line: String) -> Decoding? {
    var decoding = vocabulary.structures.first { $0.name == name }?.decode(given: words)
    decoding?.source = line
    return decoding
  }

  // MARK: Tables

  private func pasidWord(_ line: String) -> (index: Int, value: UInt64)? {
    var scanner = LineScanner(line)
    guard scanner.skip(past: "pasid table entry["), let index = scanner.decimal(), index < 8, scanner.skip("]:"),
      let value = scanner.hexadecimal()
    else { return nil }
    return (Int(index), value)
  }

  private mutating func flushPASIDEntry() -> [Decoding] {
    guard !pasidWords.isEmpty else { return [] }
    let decoding = structure("pasid-entry", pasidWords, pasidLines.joined(separator: "\n"))
    stage = pasidWords[0][bits: 6...8] == 1 ? .first : .second
    pasidWords = []
    pasidLines = []
    return [decoding].compactMap { $0 }
  }

  private mutating func dump(_ line: String) -> [Decoding]? {
    var scanner = LineScanner(line)
    if scanner.skip(past: "scalable mode root entry: hi "), let high = scanner.hexadecimal(), let low = scanner.hexadecimal(after: "low ") {
      isScalable = true
      return [structure("scalable-root", [low, high], line)].compactMap { $0 }
    }
    if scanner.skip(past: "root entry: "), let low = scanner.hexadecimal() {
      isScalable = false
      return [structure("root", [low], line)].compactMap { $0 }
    }
    if scanner.skip(past: "context entry: hi "), let high = scanner.hexadecimal(), let low = scanner.hexadecimal(after: "low ") {
      if isScalable != true { stage = .second }
      let words = isScalable == true ? "scalable-context" : "context"
      return [structure(words, [low, high], line)].compactMap { $0 }
    }
    if scanner.skip(past: "pasid dir entry: "), let word = scanner.hexadecimal() {
      return [structure("pasid-directory", [word], line)].compactMap { $0 }
    }
    guard scanner.skip(past: "pte level: "), let level = scanner.decimal(), (1...5).contains(level),
      let entry = scanner.hexadecimal(after: "pte value: ")
    else { return nil }
    var decoding =
      stage == .first ? vocabulary.firstStage(entry, level: UInt8(level)) : vocabulary.secondStage(entry, level: UInt8(level))
    decoding.source = line
    if stage == nil { decoding.notes.append("taken for second stage: the dump of a context or PASID entry does not precede it") }
    return [decoding]
  }
}
