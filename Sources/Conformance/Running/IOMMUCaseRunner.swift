import Hardware
import VTdArchitecture

/// Runs one whole-IOMMU case on a machine of its own and compares every step.
struct IOMMUCaseRunner {
  private let test: IOMMUCase
  private let memory: PhysicalMemory
  private let machine: any CaseMachine
  private let expectations: VTdExpectations
  private var result: CaseResult

  /// Builds the machine of the case.
  init(_ test: IOMMUCase, factory: any CaseMachineFactory) throws {
    self.test = test
    memory = try PhysicalMemory(regions: test.regions)
    // The observed machine has no caches to snoop: it sets flags whether it says so or not.
    machine = try factory.makeMachine(test.identity, updatesWithoutSnoop: true, memory: memory.view)
    expectations = VTdExpectations(test, memory: memory.view)
    result = CaseResult(header: test.header)
  }

  /// The case from its set-up to its last step.
  mutating func run() -> CaseResult {
    for words in test.memory { store(words) }
    for write in test.setUp { expectations.write(write, to: machine) }
    for (index, step) in test.steps.enumerated() { run(step, "step \(index)") }
    result.deviations = expectations.deviations
    return result
  }

  private mutating func run(_ step: IOMMUCase.Step, _ place: String) {
    switch step {
    case .registerWrite(let write): expectations.write(write, to: machine)
    case .registerRead(let read): compare(read, place, "register 0x\(String(read.offset, radix: 16))")
    case .memoryWrite(let words): store(words)
    case .memoryRead(let words): compare(words, place)
    case .access(let access): run(access, place)
    }
  }

  private func store(_ words: IOMMUCase.MemoryWords) {
    expectations.store(words)
    for (index, word) in words.words.enumerated() { memory.view.write64(words.address.advanced(by: UInt64(8 * index)), word) }
  }

  private mutating func fail(_ place: String, _ action: String, expected: String, got: String, walk: [TableWord] = []) {
    let words = walk.map { "\($0.name) at \($0.address): 0x\(String($0.value, radix: 16))" }
    result.failures.append(CaseResult.Failure(place: place, action: action, expected: expected, got: got, walk: words))
  }

  private mutating func compare(_ read: IOMMUCase.RegisterRead, _ place: String, _ name: String) {
    machine.settle()
    let value = machine.readRegister(at: read.offset, size: read.size)
    let expected = expectations.expected(read)
    guard expected.admits(value) else {
      let values = expected.values.map { "0x" + String($0, radix: 16) }.joined(separator: " or ")
      fail(place, "read \(name)", expected: values, got: "0x" + String(value, radix: 16))
      return
    }
    expectations.deviations.formUnion(expected.deviations)
  }

  private mutating func compare(_ words: IOMMUCase.MemoryWords, _ place: String) {
    machine.settle()
    let expected = expectations.expected(words)
    for (index, word) in expected.enumerated() {
      let address = words.address.advanced(by: UInt64(8 * index))
      let value = memory.view.read64(address)
      if let value, word.admits(value) {
        expectations.deviations.formUnion(word.deviations(value))
        continue
      }
      let got = value.map { "0x" + String($0, radix: 16) } ?? "no memory"
      fail(place, "memory at \(address)", expected: "0x" + String(word.word, radix: 16), got: got)
    }
  }

  private mutating func run(_ access: IOMMUCase.Access, _ place: String) {
    let request = CaseRequest(
      requester: access.requester, kind: access.kind, address: access.address, length: access.length,
      transfer: access.kind == .read ? .read : .write(access.data))
    let action = "\(access.kind) of \(access.length) bytes at \(access.address) by \(access.requester)"
    let walk = expectations.reading.trail(request)
    let expected = expectations.expected(access, request)
    let saved = LandingPlaces(access.observed, expected, request, memory.view)
    let trails = expectations.flagTrails(request)
    let outcome = machine.access(request)
    machine.settle()

    var chosen = expectations.prediction(outcome, request, isRecorded: access.observed.fault != nil)
    let seen = access.observed
    if let (alternative, deviations) = expected.alternatives.first(where: { $0.key.isSame(as: chosen) }) {
      chosen = alternative
      if !expectations.admits(seen, outcome, request) {
        expectations.deviations.formUnion(deviations)
      } else if deviations.contains(.scalableModeCodes), seen.fault?.record?.reason != alternative.fault?.reason {
        expectations.deviations.insert(.scalableModeCodes)
      }
    } else if !expected.admitsObservation || !expectations.admits(seen, outcome, request) {
      fail(place, action, expected: expected.description(seen), got: outcome.description, walk: walk)
    }
    if let problem = dataProblem(outcome, request, seen) {
      fail(place, action, expected: problem.expected, got: problem.got, walk: walk)
    }
    expectations.follow(chosen, request, seen: seen, machine: machine)
    expectations.followFlags(trails, chosen, request)
    if let entry = expectations.entryWithoutFlags(trails) {
      let (expected, found) = ("0x" + String(entry.expected, radix: 16), "0x" + String(entry.found, radix: 16))
      fail(place, "flags at \(entry.address)", expected: expected, got: found, walk: walk)
    }
    compareFaultRegisters(seen, place)
    saved.restore(after: chosen, seen: seen, request, memory.view)
  }

  /// Whether the data went where the outcome says, and is what was seen.
  private func dataProblem(
    _ outcome: CaseOutcome, _ request: CaseRequest, _ seen: IOMMUCase.Observation
  ) -> (expected: String, got: String)? {
    let translation: CaseTranslation
    switch outcome {
    case .completed(let value): translation = value
    case .busError(let value):
      return expectations.isBacked(value.pieces) ? ("memory at \(value.pieces)", "a bus error") : nil
    case .blocked(let block): translation = CaseTranslation(pieces: block.landed)
    }
    guard let held = expectations.bytes(request, translation.pieces) else { return ("a bus error", outcome.description) }
    if case .write(let data) = request.transfer {
      return held == Array(data.prefix(held.count)) ? nil : ("\(data) in memory", "\(held)")
    }
    guard case .completed = outcome else { return nil }
    if translation.data != held { return ("the bytes \(held) of memory", "\(translation.data)") }
    // Bytes that were seen elsewhere say nothing of these.
    let isElsewhere = seen.pieces.map { $0 != translation.pieces } ?? false
    if let data = seen.data, !isElsewhere, data != translation.data { return ("\(data)", "\(translation.data)") }
    return nil
  }

  /// Compares what the file shows of the fault registers right after an access; where it shows nothing, they must hold what they should.
  private mutating func compareFaultRegisters(_ seen: IOMMUCase.Observation, _ place: String) {
    let record = test.identity.capabilities.faultRecordingOffset
    func read(_ offset: UInt64, _ size: Int, _ observed: UInt64) -> IOMMUCase.RegisterRead {
      IOMMUCase.RegisterRead(offset: offset, size: size, observed: observed)
    }
    let status = seen.fault?.status ?? expectations.observedFaults.status
    compare(read(RegisterOffset.faultStatus, 4, status), place, "FSTS")
    if let shown = seen.fault?.record {
      compare(read(record, 8, shown.low), place, "FRCD")
      compare(read(record + 8, 8, shown.high), place, "FRCD +8")
      if let contradiction = shown.contradiction {
        fail(place, "fault record in the file", expected: contradiction.expected, got: contradiction.got)
      }
    } else if seen.fault == nil, let pending = expectations.faults.records.first, pending.isPending,
      expectations.observedFaults.records.first != pending
    {
      // A fault that was not seen when the file was made: who made it would have read and cleared it.
      let observed = expectations.observedFaults.records.first ?? FaultLog.Record()
      compare(read(record, 8, observed.low), place, "FRCD")
      compare(read(record + 8, 8, observed.high), place, "FRCD +8")
      expectations.clearFaults(of: machine)
    }
  }
}

extension PredictedAccess {
  /// Whether both come to the same, whether a fault is recorded aside: the registers show that.
  fileprivate func isSame(as other: PredictedAccess) -> Bool {
    pieces == other.pieces && fault?.reason == other.fault?.reason && fault?.address == other.fault?.address
  }
}

extension IOMMUCase.Record {
  /// What the fields that the file spells out say against its words, if anything.
  fileprivate var contradiction: (expected: String, got: String)? {
    let record = FaultRecord(low: low, high: high)
    let kind = record.type == .read ? "read" : record.type == .write ? "write" : "\(record.type)"
    let words = "\(record.reason) \(record.source) \(record.information) \(kind) \(record.pasid != nil) \(record.pasid?.rawValue ?? 0)"
    let fields = "\(reason) \(source) \(information) \(type) \(hasPASID) \(pasid)"
    return words == fields ? nil : (words, fields)
  }
}

/// The bytes at every place where a write may land, so that memory goes on as the file has it when the write lands at another right place.
private struct LandingPlaces {
  private var bytes: [PhysicalAddress: [UInt8]] = [:]

  init(_ seen: IOMMUCase.Observation, _ expected: ExpectedAccess, _ request: CaseRequest, _ memory: MemoryView) {
    guard case .write = request.transfer else { return }
    let candidates = expected.alternatives.keys.map(\.pieces) + [seen.pieces ?? seen.landed]
    for pieces in candidates {
      for (piece, address) in zip(request.pieces, pieces) { bytes[address] = memory.readBytes(address, count: piece.length) }
    }
  }

  func restore(after access: PredictedAccess, seen: IOMMUCase.Observation, _ request: CaseRequest, _ memory: MemoryView) {
    guard case .write(let data) = request.transfer, let pieces = seen.completed ? seen.pieces : seen.landed, pieces != access.pieces else {
      return
    }
    for address in access.pieces {
      if let old = bytes[address] { memory.writeBytes(address, old) }
    }
    var offset = 0
    for (piece, address) in zip(request.pieces, pieces) {
      memory.writeBytes(address, data[offset..<offset + piece.length])
      offset += piece.length
    }
  }
}
