import DMATrace
import Hardware
import Machine
import Replay
import Testing

/// A short trace written out in a test, and its replay under a check for stale uses.
struct Script {
  /// How the tables of its machine are made.
  var stages = MachineConfiguration.Stages.second
  /// Further settings, as in a configuration file.
  var settings = ""
  /// Whose invalidations are made.
  var invalidations = ReplayOptions.Invalidations.recorded
  /// The trace; every record is a nanosecond after the one before.
  var records: [TraceRecord]

  static let device = RequesterID(bus: 0, device: 3, function: 0)
  static let other = RequesterID(bus: 0, device: 4, function: 0)

  /// What the check finds.
  func findings(limit: Int = 20) throws -> StaleUses {
    let configuration = try ConfigurationReader.read(
      yaml: "{preset: unbounded, translation.stages: \(stages.rawValue)\(settings.isEmpty ? "" : ", \(settings)")}", name: "test")
    var options = ReplayOptions()
    options.invalidations = invalidations
    options.staleFindings = limit
    let engine = try ReplayEngine(configuration, options: options, header: TraceHeader(mappings: .complete))
    var timed = records
    for index in timed.indices { timed[index].time = SimTime(nanoseconds: UInt64(index)) }
    _ = try timed.withUnsafeBufferPointer { try engine.replay($0) }
    return try #require(engine.staleUses)
  }

  /// Walk caches of 16 entries at every level.
  static let walkCaches = ["", "first.", "nested."].flatMap { kind in
    [2, 3, 4].map { "paging_structure_caches.\(kind)level\($0).entries: 16" }
  }.joined(separator: ", ")
}

func attach(_ device: RequesterID = Script.device, domain: UInt32 = 5) -> TraceRecord {
  TraceRecord(operation: .attach, requester: device, domain: TraceDomain(domain))
}

func detach(_ device: RequesterID = Script.device, domain: UInt32 = 5) -> TraceRecord {
  TraceRecord(operation: .detach, requester: device, domain: TraceDomain(domain))
}

func map(
  _ page: UInt64, to frame: UInt64, count: UInt64 = 1, domain: UInt32 = 5, permissions: Permissions = .readWrite
) -> TraceRecord {
  TraceRecord(
    operation: .map, address: IOVirtualAddress(page << 12), length: count << 12, physical: PhysicalAddress(frame << 12),
    permissions: permissions, domain: TraceDomain(domain))
}

func unmap(_ page: UInt64, count: UInt64 = 1, domain: UInt32 = 5) -> TraceRecord {
  TraceRecord(operation: .unmap, address: IOVirtualAddress(page << 12), length: count << 12, domain: TraceDomain(domain))
}

func read(_ page: UInt64, by device: RequesterID = Script.device, pasid: PASID? = nil) -> TraceRecord {
  TraceRecord(operation: .read, requester: device, pasid: pasid, address: IOVirtualAddress(page << 12 | 8), length: 4)
}

func invalidate(_ scope: DMATrace.InvalidationScope, domain: UInt32 = 5, device: RequesterID = Script.device) -> TraceRecord {
  TraceRecord(operation: .invalidate, requester: device, scope: scope, domain: TraceDomain(domain))
}

func invalidate(_ page: UInt64, count: UInt64 = 1, domain: UInt32 = 5, leafOnly: Bool = true) -> TraceRecord {
  TraceRecord(
    operation: .invalidate, address: IOVirtualAddress(page << 12), length: count << 12, attributes: leafOnly ? .leafOnly : [],
    scope: .pages, domain: TraceDomain(domain))
}

func invalidate(_ page: UInt64, count: UInt64 = 1, ofPASID pasid: PASID, domain: UInt32 = 5) -> TraceRecord {
  TraceRecord(
    operation: .invalidate, pasid: pasid, address: IOVirtualAddress(page << 12), length: count << 12, attributes: .leafOnly,
    scope: .pasidPages, domain: TraceDomain(domain))
}

extension MachineConfiguration.Stages {
  /// All that have tables.
  static let translated = [legacy, second, first, nested]
}

extension StaleUses {
  /// Cache and cause of every kind of use, and how often it occurred.
  var kinds: [String] { counts.map { "\($0.cache.rawValue) \($0.cause.rawValue) \($0.uses)" } }
}
