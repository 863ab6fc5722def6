import DMATrace
import Hardware
import Machine
import Replay
import Translation

/// A replay of a few records, and what it showed.
struct RecordReplay {
  let engine: ReplayEngine
  let figures: ReplayFigures
  /// The address that each page piece went to, `nil` for a fault.
  let addresses: [PhysicalAddress?]
  /// The codes of the faults, in order.
  let faults: [UInt16]

  private struct Recorder: ReplayObserver {
    var addresses: [PhysicalAddress?] = []
    var faults: [UInt16] = []

    mutating func observe(_ record: UInt64, _ request: TranslationRequest, _ response: borrowing TranslationResponse) {
      addresses.append(response.fault == nil ? response.address : nil)
      if let fault = response.fault { faults.append(fault.code) }
    }
  }

  /// Replays records on a machine of the given settings, each `key=value`.
  init(
    _ records: [TraceRecord], _ settings: [String], mappings: MappingCoverage = .partial, recorded: Bool = false
  ) throws {
    let configuration = try ConfigurationReader.read(settings: settings.map { try ConfigurationSetting(argument: $0) })
    var options = ReplayOptions()
    if recorded { options.invalidations = .recorded }
    engine = try ReplayEngine(configuration, options: options, header: TraceHeader(mappings: mappings))
    var recorder = Recorder()
    let engine = engine
    _ = try records.withUnsafeBufferPointer { try engine.replay($0, observer: &recorder) }
    figures = engine.finish()
    addresses = recorder.addresses
    faults = recorder.faults
  }

  /// The counters of a cache.
  func cache(_ name: String) -> CacheCounters? { figures.caches.first { $0.name == name }?.counters }
}

extension TraceRecord {
  static let nic = RequesterID(bus: 0, device: 3, function: 0)

  /// A record of the network card at a time in microseconds.
  static func at(
    _ microseconds: UInt64, _ operation: TraceOperation, _ address: UInt64, length: UInt64 = 64, pasid: PASID? = nil,
    physical: UInt64 = 0, permissions: Permissions = [], attributes: TraceAttributes = [], group: UInt16 = 0, domain: UInt32 = 0
  ) -> TraceRecord {
    TraceRecord(
      time: SimTime(nanoseconds: microseconds * 1000), operation: operation, requester: nic, pasid: pasid,
      address: IOVirtualAddress(address), length: length, physical: PhysicalAddress(physical), permissions: permissions,
      attributes: attributes, group: group, domain: TraceDomain(domain))
  }
}
