import Hardware
import VTd
import VTdArchitecture

/// When something happened in a replay.
public struct ReplayMoment: Hashable, Sendable {
  /// The record that was being replayed.
  public var record: UInt64
  /// The time of the machine.
  public var time: SimTime

  /// The given record and time.
  public init(record: UInt64, time: SimTime) {
    self.record = record
    self.time = time
  }
}

/// A write of software to a table that somebody had read.
public struct TableWrite: Hashable, Sendable {
  /// When.
  public var moment: ReplayMoment
  /// The word.
  public var place: PhysicalAddress
  /// What it held before.
  public var before: UInt64
  /// What it holds since.
  public var after: UInt64
}

/// What software did to tables and caches, in order: writes of words that translations rest on, and invalidations.
final class TableHistory {
  /// What a word decides about.
  enum Role {
    /// The requests of a requester.
    case contextEntry(RequesterID)
    /// The requests of a PASID.
    case pasidEntry(PASID)
    /// The addresses of a stage, in a domain.
    case table(domain: UInt32, addresses: ClosedRange<UInt64>, isSecondStage: Bool)
  }

  struct Change {
    var sequence: UInt64
    var write: TableWrite
    var role: Role

    /// It is no table of addresses that has changed.
    var isConfiguration: Bool { if case .table = role { false } else { true } }
  }

  struct Invalidation {
    var sequence: UInt64
    var moment: ReplayMoment
    var request: InvalidationRequest
    /// The records whose changes it was good for: changes of what had been present, that no invalidation had covered yet.
    var purposes: [UInt64]
  }

  private struct Place {
    var role: Role
    var firstRead: UInt64
    var changes: [Change] = []
  }

  // What is remembered is bounded: of a word its last changes, of all the last invalidations, and the last changes that wait for one.
  private static let changesPerPlace = 6
  private static let invalidationLimit = 1 << 14
  private static let pendingLimit = 1 << 12

  /// Counts everything that happens.
  private(set) var sequence: UInt64 = 0
  /// The last change of a word that somebody had read.
  private(set) var lastChange: UInt64 = 0
  /// The invalidations, oldest first.
  private(set) var invalidations: [Invalidation] = []
  private var places: [UInt64: Place] = [:]
  private var pending: [(record: UInt64, role: Role)] = []

  /// The next number in the order of everything.
  func next() -> UInt64 {
    sequence += 1
    return sequence
  }

  /// Notes that something rests on a word from now on.
  func noteRead(_ place: PhysicalAddress, _ role: @autoclosure () -> Role) {
    if places[place.rawValue] == nil { places[place.rawValue] = Place(role: role(), firstRead: next()) }
  }

  /// Notes a write of software.
  func noteWrite(_ place: PhysicalAddress, _ before: UInt64, _ after: UInt64, at moment: ReplayMoment) {
    guard before != after, let role = places[place.rawValue]?.role else { return }
    lastChange = next()
    let write = TableWrite(moment: moment, place: place, before: before, after: after)
    let change = Change(sequence: lastChange, write: write, role: role)
    places[place.rawValue]?.changes.append(change)
    if let count = places[place.rawValue]?.changes.count, count > Self.changesPerPlace { places[place.rawValue]?.changes.removeFirst() }
    // What was not present is not cached, so that nothing has to be invalidated.
    guard before != 0 else { return }
    pending.append((moment.record, role))
    if pending.count > Self.pendingLimit { pending.removeFirst(Self.pendingLimit / 2) }
  }

  /// Notes an invalidation.
  func noteInvalidation(_ request: InvalidationRequest, at moment: ReplayMoment) {
    var purposes: [UInt64] = []
    pending.removeAll { change in
      guard Self.isGood(request, for: change.role) else { return false }
      if purposes.last != change.record, !purposes.contains(change.record) { purposes.append(change.record) }
      return Self.isEnough(request, for: change.role)
    }
    invalidations.append(Invalidation(sequence: next(), moment: moment, request: request, purposes: purposes))
    if invalidations.count > Self.invalidationLimit { invalidations.removeFirst(Self.invalidationLimit / 2) }
  }

  /// The first change of any of the words after a point in the order.
  func firstChange(of words: [PhysicalAddress], after sequence: UInt64) -> Change? {
    var first: Change?
    for word in words {
      guard let change = places[word.rawValue]?.changes.first(where: { $0.sequence > sequence }) else { continue }
      if change.sequence < first?.sequence ?? .max { first = change }
    }
    return first
  }

  /// Since when something may have rested on what a word held just before a point in the order.
  func validity(of word: PhysicalAddress, before sequence: UInt64) -> UInt64 {
    guard let place = places[word.rawValue] else { return 0 }
    return place.changes.last { $0.sequence < sequence }?.sequence ?? place.firstRead
  }

  private static func isGood(_ request: InvalidationRequest, for role: Role) -> Bool {
    switch role {
    case .contextEntry(let requester):
      switch request {
      case .contexts(.requester(let source, let mask, _)): ContextCacheInvalidation.covers(source, functionMask: mask, requester)
      default: !isPageSelective(request)
      }
    case .pasidEntry(let pasid):
      switch request {
      case .pasids(.pasid(_, let other)), .addressSpace(.pasid(_, let other)): pasid == other
      case .contexts: false
      default: !isPageSelective(request)
      }
    case .table(let domain, let addresses, let isSecondStage):
      switch request {
      case .everything: true
      case .translations(let invalidation): isGood(invalidation.scope, domain, addresses, isSecondStage)
      case .addressSpace(.pasid(let id, _)): domain == UInt32(id.rawValue)
      case .addressSpace(.pages(let id, _, let range, _)): domain == UInt32(id.rawValue) && (isSecondStage || overlaps(range, addresses))
      default: false
      }
    }
  }

  private static func isGood(
    _ scope: IOTLBInvalidation.Scope, _ domain: UInt32, _ addresses: ClosedRange<UInt64>, _ isSecondStage: Bool
  ) -> Bool {
    switch scope {
    case .global: true
    case .domain(let id): domain == UInt32(id.rawValue)
    case .pages(let id, let range, _): domain == UInt32(id.rawValue) && (!isSecondStage || overlaps(range, addresses))
    }
  }

  // Context and PASID entries want their own cache invalidated first, and translations at last.
  private static func isEnough(_ request: InvalidationRequest, for role: Role) -> Bool {
    switch (role, request) {
    case (.table, _), (_, .everything), (_, .translations), (_, .addressSpace): true
    default: false
    }
  }

  private static func isPageSelective(_ request: InvalidationRequest) -> Bool {
    switch request {
    case .translations(let invalidation): if case .pages = invalidation.scope { true } else { false }
    case .addressSpace(.pages): true
    case .interruptEntries, .hostPermissions: true
    default: false
    }
  }

  private static func overlaps(_ range: PageRange, _ addresses: ClosedRange<UInt64>) -> Bool {
    range.base.rawValue <= addresses.upperBound && addresses.lowerBound <= range.last.rawValue
  }
}
