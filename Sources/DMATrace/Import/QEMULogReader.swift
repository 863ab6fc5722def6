/// Reads the log of QEMU's VT-d model as a trace: its event lines in any of the three forms that `LogLine` names, plain or compressed.
///
/// - Every `vtd_dmar_translate` becomes one access of length 1, in order. The full address is that of the `vtd_iotlb_page_hit` or
///   `vtd_iotlb_page_update` before it, else that of the page; the direction is write if the page permits nothing else, else read;
///   `physical` is the address that the log shows. A requester is attached to a domain before its first access there, and a page is
///   mapped before the first access that shows a new target or new permissions.
/// - Every invalidation line becomes an invalidate record. What the emulator does on its own (`vtd_iotlb_reset`,
///   `vtd_context_cache_reset`, `vtd_pasid_cache_reset`) has the attribute `spontaneous`. Lines that repeat how a command is carried out
///   make no second record.
/// - `vtd_dmar_fault` becomes the access that faulted, behind an unmap or detach record that makes it fault in a replay too.
/// - `vtd_page_walk_one` becomes a map or unmap record.
/// - Interrupt-entry and wait descriptors, and everything else, is counted and passed over.
///
/// Times are those of the log in picoseconds from its first event on, made non-decreasing.
public struct QEMULogReader: ~Copyable, TraceSource {
  /// The domain of requesters whose addresses are passed through untranslated.
  public static let passThroughDomain = TraceDomain(0x1_0000)

  /// What the trace says of itself.
  public let header: TraceHeader
  /// With `allowTruncated`: that the log is cut off, once all before has been delivered.
  public private(set) var damage: TraceError?

  private let allowTruncated: Bool
  private var input: TextInput
  private var clock: LogClock
  private var translator = QEMUVTdTranslator()
  private var batch = RecordBatch(capacity: BlockDecoder.batchSize + QEMUVTdTranslator.mostRecordsPerLine)
  private var lineCounts: [Int]
  private var others = NameCounter()
  private var otherLines = 0
  private var recordCounts: [Int]
  private var isAtEnd = false

  /// Opens a log; `-` is standard input.
  ///
  /// - Parameter allowTruncated: Whether the log may end in the middle of a line or of its compressed data.
  public init(path: String, allowTruncated: Bool = false) throws(TraceError) {
    var input = try TextInput(path: path)
    var form = LogLine.Form.bare
    var otherLines = 0
    while let line = try input.next() {
      if case .event(let event) = LogLine.parse(line) {
        form = event.form
        input.unread()
        break
      }
      otherLines += 1
    }
    clock = LogClock(form: form)
    header = TraceHeader(source: "QEMU VT-d log", clock: clock.meaning, mappings: .complete)
    lineCounts = Array(repeating: 0, count: QEMUVTdEvent.table.events.count)
    recordCounts = Array(repeating: 0, count: TraceOperation.allCases.count)
    self.otherLines = otherLines
    self.allowTruncated = allowTruncated
    self.input = input
  }

  /// What has been found so far.
  public var summary: ImportSummary {
    var summary = ImportSummary(lines: input.lineNumber, otherEvents: others.byName, otherLines: otherLines)
    for (event, count) in zip(QEMUVTdEvent.table.events, lineCounts) where count > 0 { summary.events["\(event.name)"] = count }
    for (operation, count) in zip(TraceOperation.allCases, recordCounts) where count > 0 { summary.records[operation] = count }
    return summary
  }

  /// The next records, none at the end; valid until the next call.
  ///
  /// - Throws: `TraceError` with the number of the line if a line of a known event is malformed or cut off, or at the end if the log has no
  ///   event of the VT-d model at all.
  public mutating func nextBatch() throws(TraceError) -> UnsafeBufferPointer<TraceRecord> {
    batch.removeAll()
    while !isAtEnd && batch.count < BlockDecoder.batchSize {
      do throws(TraceError) {
        guard let line = try input.next() else {
          isAtEnd = true
          try checkKind()
          break
        }
        guard input.isTerminated else { throw truncated("log ends in the middle of line \(input.lineNumber)") }
        try take(line)
      } catch {
        isAtEnd = true
        guard allowTruncated, error.code == .truncated else { throw error }
        damage = error
      }
    }
    for record in batch.view { recordCounts[Int(record.operation.rawValue)] += 1 }
    return batch.view
  }

  private mutating func take(_ bytes: UnsafeRawBufferPointer) throws(TraceError) {
    let line: LogLine
    switch LogLine.parse(bytes) {
    case .event(let event): line = event
    case .other:
      otherLines += 1
      return
    case .malformed(let message): throw input.malformed(message)
    }
    guard clock.advance(to: line) else { throw input.malformed("time is out of range, found \(bytes.quoted)") }
    guard let index = QEMUVTdEvent.table.index(of: line.name) else { return others.count(line.name) }
    var values = InlineArray<6, UInt64>(repeating: 0)
    let event = QEMUVTdEvent.table.events[index]
    guard QEMUVTdEvent.table.read(index, of: line, into: &values) else {
      throw input.malformed("\(event.name) lacks an argument or is cut off, found \(bytes.quoted)")
    }
    lineCounts[index] += 1
    let objection = translator.take(event.kind, values, inSimpletrace: line.form == .simpletrace, at: clock.now, into: &batch)
    if let objection { throw input.malformed("\(event.name): \(objection)") }
  }

  /// A log without any event of the model is none of this kind.
  private func checkKind() throws(TraceError) {
    guard lineCounts.allSatisfy({ $0 == 0 }) else { return }
    let isSMMU = others.byName.keys.contains { $0.hasPrefix("smmu") }
    throw TraceError(
      isSMMU ? .unsupported : .notATrace, path: input.path, line: input.lineNumber,
      message: isSMMU
        ? "log of QEMU's SMMU model, whose import is not offered" : "no event of QEMU's VT-d model (vtd_…) in \(input.lineNumber) lines")
  }

  private func truncated(_ message: String) -> TraceError {
    TraceError(.truncated, path: input.path, line: input.lineNumber, message: message)
  }
}
