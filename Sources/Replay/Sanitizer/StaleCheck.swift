import Hardware
import Machine
import PageTables
import Translation
import VTd
import VTdArchitecture

/// Watches every request of a unit for uses of what its caches should have forgotten.
///
/// After each request it looks up what the request has used, leaving no trace, and compares that with what the tables in memory say, read
/// anew. Writes of tables are seen through the view of memory that software uses, invalidations as the unit carries them out. A unit that is
/// not checked pays nothing.
public final class StaleCheck {
  let history = TableHistory()
  let inspection: UnitInspection
  let memory: MemoryView
  let isDeferred: (IOVirtualAddress, DomainID) -> Bool
  private let unit: RemappingUnit
  private let limit: Int
  private var record: UInt64 = 0
  private var result = StaleUses()
  var fills: [CachedThing: Fill] = [:]
  private var listed: [Listing: Int] = [:]
  var freed: [UInt64: FreedTable] = [:]
  private var sharing = DomainSharing()

  /// When a cached thing was last seen to be right, or was filled from something that was not.
  struct Fill {
    var sequence: UInt64
    /// The words that it rests on.
    var places: [PhysicalAddress]
    var origin: Origin?
  }

  /// A stale thing that others were filled from.
  struct Origin {
    var thing: CachedThing
    var cache: StaleUse.Cache
    var change: TableHistory.Change?
    var diagnosis: Diagnosis
    var filled: ReplayMoment
  }

  private struct Listing: Hashable {
    var thing: CachedThing
    var since: UInt64
  }

  /// A check of a unit whose software reaches memory through `watch` and keeps its tables in `tables`.
  ///
  /// - Parameters:
  ///   - limit: How many findings are described; all are counted.
  ///   - isDeferred: Whether the driver has put off the invalidation of an address of a domain.
  public init(
    _ unit: RemappingUnit, memory: MemoryView, watch: WriteWatch, tables: TableMemory, limit: Int = 20,
    isDeferred: @escaping (IOVirtualAddress, DomainID) -> Bool = { _, _ in false }
  ) {
    self.unit = unit
    self.memory = memory
    self.limit = limit
    self.isDeferred = isDeferred
    inspection = UnitInspection(unit)
    watch.didWrite = { [unowned self] in history.noteWrite($0, $1, $2, at: moment) }
    tables.didChange = { [unowned self] in note($0, sizeLog2: $1, isInUse: $2) }
    inspection.observeInvalidations { [unowned self] in history.noteInvalidation($0, at: moment) }
  }

  /// A check of a machine's unit, whose driver writes are told to `watch`.
  convenience init(_ machine: Machine, watch: WriteWatch, limit: Int) {
    let driver = machine.driver
    self.init(machine.unit, memory: machine.memory.view, watch: watch, tables: machine.tables, limit: limit) {
      driver.defersInvalidation(of: $0, in: $1)
    }
  }

  /// Says which record's work is done from now on.
  public func begin(record: UInt64) { self.record = record }

  var moment: ReplayMoment { ReplayMoment(record: record, time: unit.now) }

  /// What has been found so far.
  public var findings: StaleUses {
    var sorted = result
    sorted.counts.sort { ($0.cache.order, $0.cause.order) < ($1.cache.order, $1.cause.order) }
    return sorted
  }

  // MARK: Requests

  /// Checks a request that the unit has just answered.
  public func observe(_ record: UInt64, _ request: TranslationRequest, _ response: borrowing TranslationResponse) {
    self.record = record
    switch response.outcome {
    case .bypass, .interrupt: break
    case .hit: checkTranslation(request, isUnderWay: false)
    case .merge: checkTranslation(request, isUnderWay: true)
    case .miss: checkMiss(request, isTranslated: response.fault == nil)
    }
  }

  private func checkTranslation(_ request: TranslationRequest, isUnderWay: Bool) {
    guard let entry = inspection.translation(for: request, isUnderWay: isUnderWay) else { return }
    let thing = CachedThing(entry, for: request)
    // Nothing that anybody read has changed since it was right.
    if let fill = fills[thing], fill.origin == nil, fill.sequence > history.lastChange { return }
    guard let configuration = inspection.configuration(for: request) else { return }
    noteRead(configuration, request)
    let (page, present, places) = read(request, configuration)
    if case .context(let context) = configuration.present, Self.agree(entry, page, context, request) {
      // A large page is known to be right only where it was looked at.
      if entry.sizeLog2 == 12 || fills[thing] == nil { fills[thing] = Fill(sequence: history.next(), places: places) }
      return
    }
    let output = "\(entry.output(request.address)) \(entry.rights.short) in domain \(entry.domain)"
    report(thing, in: isUnderWay ? .walkUnderWay : .iotlb, request, cached: output, present: present)
  }

  private func checkMiss(_ request: TranslationRequest, isTranslated: Bool) {
    guard let configuration = inspection.configuration(for: request) else { return }
    noteRead(configuration, request)
    if let entry = DomainSharing.Entry(configuration.path, of: request.requester, configuration.pasid) { checkSharing(entry) }
    var origin = checkConfiguration(configuration, request)
    guard case .context(let context) = configuration.used, context.stages != .passThrough else { return }
    let reading = TableReading(request.address, in: context, memory)
    noteRead(reading, context)
    let stale = checkWalk(request, context, reading, configuration.path.places, origin)
    origin = origin ?? stale
    let places = configuration.path.places + reading.entries.map(\.place)
    guard isTranslated, let entry = inspection.translation(for: request, isUnderWay: true) else { return }
    fills[CachedThing(entry, for: request)] = Fill(sequence: history.next(), places: places, origin: origin)
  }

  // MARK: Configuration and walk caches

  private func checkConfiguration(_ configuration: ConfigurationInspection, _ request: TranslationRequest) -> Origin? {
    var origin: Origin?
    if let context = configuration.context {
      let thing = CachedThing.contextEntry(request.requester, domain: context.domain)
      if context.isStale {
        origin = report(thing, in: .context, request, cached: context.cached, present: context.present)
      } else {
        let places = Array(configuration.path.places.prefix(configuration.path.contextPlaceCount))
        fills[thing] = Fill(sequence: history.next(), places: places)
      }
    }
    if let entry = configuration.pasidEntry, let pasid = configuration.pasid, let domain = entry.domain {
      let thing = CachedThing.pasidEntry(request.requester, pasid, domain: domain)
      if entry.isStale {
        let found = report(thing, in: .pasid, request, cached: entry.cached, present: entry.present)
        origin = origin ?? found
      } else {
        fills[thing] = Fill(sequence: history.next(), places: configuration.path.places)
      }
    }
    return origin
  }

  // MARK: What memory says

  private func read(
    _ request: TranslationRequest, _ configuration: ConfigurationInspection
  ) -> (page: TableReading.Page?, present: String, places: [PhysicalAddress]) {
    switch configuration.present {
    case .fault(let fault):
      let reason = FaultReason(UInt8(truncatingIfNeeded: fault.code))
      return (nil, "fault \(reason) \(reason.meaning ?? "")", configuration.path.places)
    case .context(let context):
      let reading = TableReading(request.address, in: context, memory)
      noteRead(reading, context)
      let places = configuration.path.places + reading.entries.map(\.place)
      guard context.stages != .passThrough else { return (nil, "pass-through", places) }
      let present = reading.page.map { "\($0.address) \($0.rights.short) in domain \(context.domain)" } ?? reading.end
      return (reading.page, present, places)
    }
  }

  private static func agree(
    _ entry: IOTLBEntry, _ page: TableReading.Page?, _ context: TranslationContext, _ request: TranslationRequest
  ) -> Bool {
    guard let page else { return false }
    return entry.output(request.address) == page.address && entry.rights == page.rights && entry.flags.contains(.snoop) == page.snoop
      && entry.domain == context.domain && entry.addressSpace == context.addressSpace && entry.stages == context.stages
      && entry.flags.contains(.silentFaults) == !context.reportsFaults
  }

  private func noteRead(_ configuration: ConfigurationInspection, _ request: TranslationRequest) {
    for (index, place) in configuration.path.places.enumerated() {
      history.noteRead(
        place,
        index < configuration.path.contextPlaceCount ? .contextEntry(request.requester) : .pasidEntry(configuration.pasid ?? PASID(0)))
    }
  }

  func noteRead(_ reading: TableReading, _ context: TranslationContext) {
    for entry in reading.entries {
      history.noteRead(
        entry.place, .table(domain: context.domain, addresses: entry.addresses, isSecondStage: entry.isSecondStage))
    }
  }

  // MARK: Findings

  @discardableResult func report(
    _ thing: CachedThing, in cache: StaleUse.Cache, _ request: TranslationRequest, cached: String, present: String, level: UInt8? = nil,
    freed: FreedTable? = nil
  ) -> Origin {
    let fill = fills[thing]
    let change = fill?.origin.map(\.change) ?? fill.flatMap { history.firstChange(of: $0.places, after: $0.sequence) }
    let diagnosis = diagnose(thing, at: request.address, change, fill)
    result.count(cache, diagnosis.cause)
    list(
      StaleUse(
        requester: request.requester, pasid: request.pasid, address: request.address, moment: moment, cache: cache, level: level,
        cached: cached, present: present, since: change?.write,
        filledFrom: fill?.origin.map { .init(cache: $0.cache, moment: $0.filled) }, freed: freed, cause: diagnosis.cause,
        given: diagnosis.given, needed: diagnosis.needed),
      as: Listing(thing: thing, since: change?.sequence ?? 0))
    return Origin(thing: thing, cache: cache, change: change, diagnosis: diagnosis, filled: moment)
  }

  private func list(_ use: StaleUse, as key: Listing) {
    if let index = listed[key] {
      if index < result.findings.count { result.findings[index].uses += 1 }
      return
    }
    result.staleThings += 1
    listed[key] = result.findings.count < limit ? result.findings.count : .max
    if result.findings.count < limit { result.findings.append(use) }
  }

  private func note(_ block: PhysicalAddress, sizeLog2: UInt8, isInUse: Bool) {
    for frame in 0..<(UInt64(1) << UInt64(sizeLog2 - 12)) {
      let number = block.pageNumber(12) + frame
      if isInUse {
        if freed[number] != nil { freed[number]?.reused = moment }
      } else {
        freed[number] = FreedTable(table: PhysicalAddress(number << 12), moment: moment, reused: nil)
      }
    }
    guard !isInUse else { return }
    for pointer in inspection.tablePointers(into: block, sizeLog2: sizeLog2) {
      result.danglingPointerCount += 1
      guard result.danglingPointers.count < limit, let table = freed[pointer.table.pageNumber(12)] else { continue }
      result.danglingPointers.append(DanglingPointer(freed: table, pointer: pointer))
    }
  }

  private func checkSharing(_ entry: DomainSharing.Entry) {
    for (other, rule) in sharing.meet(entry) {
      // The other entry may have gone meanwhile, or have been changed.
      var request = TranslationRequest(.read, at: IOVirtualAddress(0), by: other.requester)
      if let pasid = other.pasid { request = TranslationRequest(.read, at: IOVirtualAddress(0), by: other.requester, pasid: pasid) }
      guard let path = inspection.configuration(for: request)?.path,
        let now = DomainSharing.Entry(path, of: other.requester, other.pasid), now == other
      else {
        sharing.forget(other)
        continue
      }
      result.domainConflictCount += 1
      guard result.domainConflicts.count < limit else { continue }
      result.domainConflicts.append(
        DomainConflict(
          requesters: [other.requester, entry.requester], pasids: [other.pasid, entry.pasid], domain: entry.domain, rule: rule,
          moment: moment))
    }
  }
}

extension AccessRights {
  /// The letters for reading and writing, once where privilege makes no difference.
  var short: String {
    let privileged = permissions(privileged: true).intersection(.readWrite)
    let unprivileged = permissions(privileged: false).intersection(.readWrite)
    return privileged == unprivileged ? "\(privileged)" : "\(privileged)/\(unprivileged)"
  }
}

extension CaseIterable where Self: Equatable {
  fileprivate var order: Int { Array(Self.allCases).firstIndex(of: self) ?? 0 }
}

/// Lets a check see every request of a replay.
struct StaleObserver: ReplayObserver {
  let check: StaleCheck

  mutating func observe(_ record: UInt64, _ request: TranslationRequest, _ response: borrowing TranslationResponse) {
    check.observe(record, request, response)
  }
}
