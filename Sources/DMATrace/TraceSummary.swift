import Hardware

/// What a trace consists of: counts, times and addresses.
public struct TraceSummary: Equatable, Sendable {
  /// What one requester does in a trace.
  public struct Requester: Equatable, Sendable {
    /// Who it is.
    public var requester: RequesterID
    /// How many accesses it makes, writes and AtomicOps among them.
    public var accesses: UInt64 = 0
    /// How many of them are writes.
    public var writes: UInt64 = 0
    /// How many of them are AtomicOps.
    public var atomics: UInt64 = 0
    /// How many bytes its accesses cover.
    public var bytes: UInt64 = 0
    /// How many records it has that are no accesses.
    public var others: UInt64 = 0
    /// The lowest address it accesses.
    public var lowestAddress = IOVirtualAddress(.max)
    /// The highest address at which one of its accesses begins.
    public var highestAddress = IOVirtualAddress(0)
  }

  /// How many records there are.
  public private(set) var records: UInt64 = 0
  /// How many records of each operation there are, by raw value.
  private var operations = [UInt64](repeating: 0, count: TraceOperation.allCases.count)
  /// The time of the first record.
  public private(set) var firstTime = SimTime.zero
  /// The time of the last record.
  public private(set) var lastTime = SimTime.zero
  /// The requesters that appear in accesses, requests and attachments, in the order of their ids.
  public private(set) var requesters: [Requester] = []
  /// How many different PASIDs there are.
  public private(set) var pasidCount = 0
  /// How many different domains maps, unmaps, attachments and invalidations name.
  public private(set) var domainCount = 0

  /// How many records there are of an operation.
  public func count(of operation: TraceOperation) -> UInt64 { operations[Int(operation.rawValue)] }

  /// How many accesses there are: what a replay counts as requests.
  public var accesses: UInt64 { TraceOperation.allCases.reduce(0) { $0 + ($1.isAccess ? count(of: $1) : 0) } }

  /// Reads a source to its end.
  public init<Source: TraceSource & ~Copyable>(of source: inout Source) throws(TraceError) {
    var indices: [RequesterID: Int] = [:]
    var pasids: Set<PASID> = []
    var domains: Set<TraceDomain> = []
    while true {
      let batch = try source.nextBatch()
      guard let first = batch.first else { break }
      if records == 0 { firstTime = first.time }
      records += UInt64(batch.count)
      lastTime = batch[batch.count - 1].time
      var last: (requester: RequesterID, index: Int)?
      for record in batch {
        operations[Int(record.operation.rawValue)] += 1
        if let pasid = record.pasid { pasids.insert(pasid) }
        switch record.operation {
        case .marker: break
        case .map, .unmap, .invalidate: domains.insert(record.domain)
        default:
          if record.operation == .attach || record.operation == .detach { domains.insert(record.domain) }
          let index = last?.requester == record.requester ? last?.index ?? 0 : index(of: record.requester, &indices)
          last = (record.requester, index)
          requesters[index].count(record)
        }
      }
    }
    requesters.sort { $0.requester < $1.requester }
    pasidCount = pasids.count
    domainCount = domains.count
  }

  private mutating func index(of requester: RequesterID, _ indices: inout [RequesterID: Int]) -> Int {
    if let index = indices[requester] { return index }
    indices[requester] = requesters.count
    requesters.append(Requester(requester: requester))
    return requesters.count - 1
  }
}

extension TraceSummary.Requester {
  fileprivate mutating func count(_ record: TraceRecord) {
    guard record.operation.isAccess else {
      others += 1
      return
    }
    accesses += 1
    switch record.operation {
    case .write, .translatedWrite: writes += 1
    case .atomic: atomics += 1
    default: break
    }
    bytes &+= record.length
    lowestAddress = min(lowestAddress, record.address)
    highestAddress = max(highestAddress, record.address)
  }
}
