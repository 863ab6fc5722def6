import Hardware
import PageTables
import Translation

/// What a replay counts of each request. Recording one costs a few nanoseconds, whatever it is.
public struct ReplayStatistics: ~Copyable {
  let storage: OwnedStorage
  var pieces = PieceTally()
  /// Records by the code of their fault.
  let faults: UnsafeMutablePointer<UInt64>
  var bytes: UInt64 = 0
  /// The fault of an earlier piece of the record that is being recorded, or 0.
  var earlierFault: UInt16 = 0
  var latencies = LatencyTally()
  var stages = BreakdownTally()
  var requesters = GroupTally()
  // The requests last recorded, of one sender and with one latency, as many as there were in a row: most are like those before them.
  private(set) var run = LatencyRun()
  var pasids = GroupTally()

  private static let faultCount = Int(UInt16.max) + 1

  /// Nothing counted yet.
  public init() {
    storage = OwnedStorage()
    faults = storage.array(Self.faultCount, of: 0)
  }

  /// Counts one page piece of a record, and with its last piece the record.
  ///
  /// The last piece's latency is the record's. A record that any piece of faults counts as faulted, by the code of the first that did.
  ///
  /// - Parameters:
  ///   - request: What was asked: a record, or the part of it that lies in one page.
  ///   - response: What the unit answered.
  ///   - isLastPiece: Whether the record ends here; a record within one page has one piece.
  @_transparent  // Called for every record: the optimiser does not take `@inline(__always)` at its word in a loop of this size.
  mutating func record(
    _ request: TranslationRequest, _ response: UnsafePointer<TranslationResponse>, isLastPiece: Bool
  ) {
    pieces.record(
      response.pointee.outcome, pageSizeLog2: response.pointee.pageSizeLog2, accessCode: request.accessCode, isLast: isLastPiece)
    bytes &+= UInt64(request.length)
    if let fault = response.pointee.fault, earlierFault == 0 { earlierFault = fault.code }
    guard isLastPiece else { return }
    if earlierFault != 0 {
      faults[Int(earlierFault)] &+= 1
      earlierFault = 0
    }
    if run.goesOn(with: request.sender, response) { run.length &+= 1 } else { startRun(of: request.sender, response) }
  }

  @inline(never) mutating func startRun(of sender: TranslationRequest.Sender, _ response: UnsafePointer<TranslationResponse>) {
    endRun()
    run = LatencyRun(sender: sender, latency: response.pointee.latency, length: 1)
  }

  /// Counts the requests of the run that has gone on until now.
  private mutating func endRun() {
    guard run.length > 0 else { return }
    let latency = stages.record(run.latency, count: run.length)
    latencies.record(latency, count: run.length)
    requesters.record(run.sender.requester.rawValue, latency, count: run.length)
    if let pasid = run.sender.pasid { pasids.record(pasid.rawValue, latency, count: run.length) }
    run.length = 0
  }

  /// Counts a request that is not in a replay's own loop.
  public mutating func record(_ request: TranslationRequest, _ response: TranslationResponse, isLastPiece: Bool) {
    withUnsafePointer(to: response) { record(request, $0, isLastPiece: isLastPiece) }
  }

  /// Forgets all that was counted: the region of interest begins here.
  public mutating func reset() {
    pieces.reset()
    faults.update(repeating: 0, count: Self.faultCount)
    bytes = 0
    earlierFault = 0
    run = LatencyRun()
    latencies.reset()
    stages = BreakdownTally()
    requesters.reset()
    pasids.reset()
  }

  /// The figures of no requests at all.
  public static var nothing: RequestFigures {
    var statistics = ReplayStatistics()
    return statistics.figures
  }

  /// What was counted since the start or the last reset.
  public var figures: RequestFigures {
    mutating get {
      endRun()
      return settledFigures
    }
  }

  private var settledFigures: RequestFigures {
    let faulted = (0..<Self.faultCount).filter { faults[$0] > 0 }.map {
      RequestFigures.FaultCount(code: UInt16($0), count: faults[$0])
    }
    var figures = RequestFigures()
    figures.reads = pieces.records(.read)
    figures.writes = pieces.records(.write)
    figures.atomics = pieces.records(.atomic)
    figures.faults = faulted
    figures.bytes = bytes
    figures.outcomes = TranslationOutcome.allCases.map { RequestFigures.OutcomeCount(outcome: $0, pieces: pieces.pieces($0)) }
    figures.pageSizes = (UInt8(1)..<64).map { RequestFigures.PageSizeCount(log2: $0, pieces: pieces.pieces(pageSizeLog2: $0)) }
      .filter { $0.pieces > 0 }
    figures.latency = LatencyFigures(
      distribution: latencies.distribution, sum: LatencyStage.allCases.reduce(0) { $0 &+ stages[$1].sum }, maximum: latencies.maximum)
    figures.stages = LatencyStage.allCases.map { stage in
      let tally = stages[stage]
      return StageFigures(stage: stage, count: tally.count, sum: tally.sum, maximum: SimTime(picoseconds: tally.maximum))
    }
    figures.byRequester = requesters.groups.map { RequestFigures.RequesterFigures(requester: RequesterID($0.key), figures: $0.figures) }
    figures.byPASID = pasids.groups.map { RequestFigures.PASIDFigures(pasid: PASID($0.key), figures: $0.figures) }
    return figures
  }
}
