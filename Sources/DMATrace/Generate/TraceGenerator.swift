import Hardware

/// Generates the records of a workload, in integer arithmetic and from its seed alone.
public struct TraceGenerator: ~Copyable, TraceSource {
  /// What the trace says of itself.
  public let header: TraceHeader
  /// Always nil.
  public var damage: TraceError? { nil }

  private let workload: Workload
  private let zipf: ZipfDistribution?
  private var random: SplitMix64
  private var batch = RecordBatch(capacity: BlockDecoder.batchSize)
  private var generated: UInt64 = 0
  private var time: UInt64 = 0

  /// A generator at the start of a workload.
  ///
  /// - Throws: `TraceError.Code.invalidArgument` if a parameter of the workload is out of range.
  public init(_ workload: Workload) throws(TraceError) {
    if let objection = workload.objection { throw TraceError(.invalidArgument, path: "workload", message: objection) }
    self.workload = workload
    random = SplitMix64(seed: workload.seed)
    if case .zipf(let exponent) = workload.pattern {
      zipf = ZipfDistribution(pages: Int(workload.pages), exponentHundredths: exponent, random: &random)
    } else {
      zipf = nil
    }
    let spacing = workload.isIntervalRandom ? "up to \(workload.interval * 2) apart" : "\(workload.interval) apart"
    header = TraceHeader(
      source: workload.summary, clock: "simulated: accesses \(spacing)", licence: "public domain (generated)",
      recordCount: workload.records, mappings: .partial,
      notes: [
        TraceNote(key: "pages", value: String(workload.pages)),
        TraceNote(key: "page-size", value: String(UInt64(1) << UInt64(workload.pageSizeLog2))),
        TraceNote(key: "seed", value: String(workload.seed)),
      ])
  }

  /// The next records, none at the end; valid until the next call.
  public mutating func nextBatch() throws(TraceError) -> UnsafeBufferPointer<TraceRecord> {
    batch.removeAll()
    let count = min(workload.records - generated, UInt64(batch.capacity))
    switch workload.pattern {
    case .uniform: for _ in 0..<count { addRandom(page: random.next(below: workload.pages)) }
    case .zipf: for _ in 0..<count { addRandom(page: zipf?.page(&random) ?? 0) }
    case .sequential: for _ in 0..<count { addSequential() }
    }
    return batch.view
  }

  /// Adds an access at a random place of a page by a random requester.
  private mutating func addRandom(page: UInt64) {
    var word = RandomWord(random.next())
    let isRead = word.next(below: 100) < workload.readPercent
    let requester = workload.requesters == 1 ? 0 : word.next(below: workload.requesters)
    let slot = word.next(below: 1 << UInt64(workload.pageSizeLog2) / workload.accessSize)
    add(offset: page << UInt64(workload.pageSizeLog2) + slot * workload.accessSize, requester: requester, isRead: isRead)
  }

  /// Adds the next access of the requester whose turn it is.
  private mutating func addSequential() {
    let isRead = random.next(below: 100) < workload.readPercent
    let turn = generated.quotientAndRemainder(dividingBy: workload.requesters)
    let perSweep = workload.pages << UInt64(workload.pageSizeLog2) / workload.accessSize
    add(offset: turn.quotient % perSweep * workload.accessSize, requester: turn.remainder, isRead: isRead)
  }

  private mutating func add(offset: UInt64, requester: UInt64, isRead: Bool) {
    batch.append(
      TraceRecord(
        time: SimTime(rawValue: time), operation: isRead ? .read : .write, requester: RequesterID(UInt32(requester + 1) << 3),
        address: workload.base.advanced(by: offset), length: workload.accessSize))
    generated += 1
    time += workload.isIntervalRandom ? random.next(below: 2 * workload.interval.rawValue + 1) : workload.interval.rawValue
  }
}
