import DMATrace
import Machine

/// A whole replay: a trace file, from its first record to its last, through a machine.
public struct TraceReplay: Sendable {
  /// What machine to build.
  public var configuration: MachineConfiguration
  /// What to do with the trace.
  public var options = ReplayOptions()
  /// Whether the trace may be damaged; what precedes the damage is replayed.
  public var allowTruncated = false

  /// A replay on the given machine, of a whole and undamaged trace.
  public init(_ configuration: MachineConfiguration) { self.configuration = configuration }

  /// How far a replay has come.
  public struct Progress: Sendable {
    /// The records that have been looked at.
    public var records: UInt64
    /// About how many there will be; nil if that is not known.
    public var total: UInt64?
  }

  /// How many batches of records lie between two reports of progress: about 50,000 records.
  private static let batchesPerReport = 48

  /// Replays the trace `path`.
  ///
  /// - Parameter progress: Called now and then, a few hundred times a second.
  public func run(_ path: String, progress: (Progress) -> Void = { _ in }) throws(TraceReplayError) -> ReplayResult {
    let clock = ContinuousClock()
    let start = clock.now
    var trace = try reader(path)
    let engine = try engine(trace.header)
    var batches = 0
    while true {
      let batch = try Self.batch(&trace)
      guard !batch.isEmpty, try replay(batch, of: path, on: engine) else { break }
      batches += 1
      if batches.isMultiple(of: Self.batchesPerReport) {
        progress(Progress(records: engine.recordsSeen, total: end(of: trace.recordCount)))
      }
    }
    var result = ReplayResult(
      trace: .init(
        path: path, records: trace.recordCount ?? trace.position, contentHash: trace.contentHash, damage: trace.damage?.description),
      configuration: configuration, figures: engine.finish(), hostNanoseconds: Self.nanoseconds(clock.now - start))
    result.staleUses = engine.staleUses
    return result
  }

  /// About how many records will be looked at.
  private func end(of records: UInt64?) -> UInt64? {
    var end = records
    if case .record(let number) = options.to { end = min(end ?? number, number) }
    if let limit = options.limit {
      var first: UInt64 = 0
      if case .record(let number) = options.from { first = number }
      let last = first.addingReportingOverflow(limit)
      if !last.overflow { end = min(end ?? last.partialValue, last.partialValue) }
    }
    return end
  }

  private func reader(_ path: String) throws(TraceReplayError) -> TraceReader {
    do throws(TraceError) { return try TraceReader(path: path, allowTruncated: allowTruncated) } catch { throw .trace(error) }
  }

  private static func batch(_ trace: inout TraceReader) throws(TraceReplayError) -> UnsafeBufferPointer<TraceRecord> {
    do throws(TraceError) { return try trace.nextBatch() } catch { throw .trace(error) }
  }

  private func engine(_ header: TraceHeader) throws(TraceReplayError) -> ReplayEngine {
    do throws(MachineError) { return try ReplayEngine(configuration, options: options, header: header) } catch { throw .machine(error) }
  }

  private func replay(
    _ records: UnsafeBufferPointer<TraceRecord>, of path: String, on engine: ReplayEngine
  ) throws(TraceReplayError) -> Bool {
    do throws(ReplayError) { return try engine.replay(records) } catch { throw .record(path: path, error) }
  }

  private static func nanoseconds(_ duration: Duration) -> UInt64 {
    UInt64(clamping: duration.components.seconds) * 1_000_000_000 + UInt64(clamping: duration.components.attoseconds / 1_000_000_000)
  }
}

/// Why a trace cannot be replayed.
public enum TraceReplayError: Error, CustomStringConvertible {
  /// The trace cannot be read.
  case trace(TraceError)
  /// The machine cannot be built.
  case machine(MachineError)
  /// A record of the trace at `path` cannot be replayed.
  case record(path: String, ReplayError)

  /// The error in one line.
  public var description: String {
    switch self {
    case .trace(let error): "\(error)"
    case .machine(let error): "\(error)"
    case .record(let path, let error): "\(path): \(error)"
    }
  }
}
