import Compression
import DMATrace
import Foundation
import Hardware
import Machine
import Replay
import Testing
import Translation

/// The captures under `Traces/`, replayed by a unit without limits that makes the recorded invalidations and no others.
///
/// The fixtures are what the emulator's log shows of each translation, `hit` or `fill` and the page it leads to, taken from the log
/// without the importer:
///
///     zstd -dc qemu-trace.log.zst | sed -n 's/.*vtd_iotlb_page_hit .*/hit/p; s/.*vtd_iotlb_page_update .*/fill/p;
///       s/.*vtd_dmar_translate .* gpa \(0x[0-9a-f]*\) mask 0xfff/\1/p' | paste -d' ' - - | zstd -19
@Suite("Captured traces") struct CapturedTraceTests {
  enum Capture: String, CaseIterable, CustomTestStringConvertible {
    case legacyStrict = "linux-guest-vtd-legacy-strict"
    case scalableLazy = "linux-guest-vtd-scalable-lazy"

    var testDescription: String { rawValue }
    var stages: MachineConfiguration.Stages { self == .legacyStrict ? .legacy : .second }
    var translations: Int { self == .legacyStrict ? 44_888 : 45_104 }
    var fills: Int { self == .legacyStrict ? 14_187 : 14_353 }
    var replay: Result<Replayed, any Error> { self == .legacyStrict ? CapturedTraceTests.legacyStrict : CapturedTraceTests.scalableLazy }

    /// The translations that the log shows as fills although nothing in it has invalidated their page since its last hit: one page,
    /// that of the network card's transmit descriptors, which the emulator fills anew about every 1,200 translations.
    var unexplainedFills: [Int] {
      guard self == .legacyStrict else { return [] }
      return [
        19718, 21012, 22149, 23339, 24523, 25742, 26771, 28001, 29244, 30248, 31469, 32688, 33701, 34912, 36127, 37149, 38373, 39597,
        40704, 41918, 42932, 44138,
      ]
    }
  }

  /// One translation, as the model made it.
  struct Translation {
    var record: UInt64
    var requester: RequesterID
    var address: IOVirtualAddress
    var physical: PhysicalAddress
    var outcome: TranslationOutcome
    var faulted: Bool
  }

  /// One translation, as the log shows it.
  struct Logged {
    var isHit: Bool
    var page: PhysicalAddress
  }

  /// What a replay showed, beside what the trace and the log say.
  struct Replayed {
    var translations: [Translation] = []
    var logged: [Logged] = []
    /// The address that each record says its access was translated to.
    var recorded: [UInt64: PhysicalAddress] = [:]
    var figures: ReplayFigures?
  }

  struct Recorder: ReplayObserver {
    var translations: [Translation] = []

    mutating func observe(_ record: UInt64, _ request: TranslationRequest, _ response: borrowing TranslationResponse) {
      translations.append(
        Translation(
          record: record, requester: request.requester, address: request.address, physical: response.address, outcome: response.outcome,
          faulted: response.fault != nil))
    }
  }

  // Each capture is replayed once for all tests.
  static let legacyStrict = Result { try replay(.legacyStrict) }
  static let scalableLazy = Result { try replay(.scalableLazy) }

  static func replay(_ capture: Capture) throws -> Replayed {
    let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    var trace = try TraceReader(path: repository.appending(path: "Traces/\(capture.rawValue).dmat.zst").path)
    let configuration = try ConfigurationReader.read(
      yaml: "{preset: unbounded, translation.stages: \(capture.stages.rawValue)}", name: "test")
    var options = ReplayOptions()
    options.invalidations = .recorded
    let engine = try ReplayEngine(configuration, options: options, header: trace.header)
    var recorder = Recorder()
    var replayed = Replayed(logged: try log(of: capture))
    while true {
      let batch = try trace.nextBatch()
      if batch.isEmpty { break }
      let first = trace.position - UInt64(batch.count)
      for (index, record) in batch.enumerated() where record.isAccess { replayed.recorded[first + UInt64(index)] = record.physical }
      _ = try engine.replay(batch, observer: &recorder)
    }
    replayed.translations = recorder.translations
    replayed.figures = engine.finish()
    return replayed
  }

  static func log(of capture: Capture) throws -> [Logged] {
    let path = Bundle.module.bundleURL.appending(path: "Fixtures/\(capture.rawValue).translations.zst").path
    var file = try DecompressedFile(path: path)
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = try buffer.withUnsafeMutableBytes { try file.read(into: $0) }
      if count == 0 { break }
      text += buffer[..<count]
    }
    return try text.split(separator: UInt8(ascii: "\n")).map { line in
      let words = String(decoding: line, as: UTF8.self).split(separator: " ")
      try #require(words.count == 2 && ["hit", "fill"].contains(words[0]))
      return Logged(isHit: words[0] == "hit", page: PhysicalAddress(try #require(UInt64(words[1].dropFirst(2), radix: 16))))
    }
  }

  @Test("A replay with recorded invalidations makes as many translations and fills as the log explains", arguments: Capture.allCases)
  func counts(capture: Capture) throws {
    let replayed = try capture.replay.get()
    #expect(replayed.translations.count == capture.translations)
    let figures = try #require(replayed.figures)
    #expect(figures.requests.total == UInt64(capture.translations))
    #expect(figures.requests.translated == UInt64(capture.translations))
    let iotlb = try #require(figures.caches.first { $0.name == "iotlb" }).counters
    #expect((iotlb.lookups, iotlb.fills) == (UInt64(capture.translations), UInt64(capture.fills)))
    #expect((iotlb.hits, iotlb.evictions) == (UInt64(capture.translations - capture.fills), 0))
    #expect(figures.walks == UInt64(capture.fills))
  }

  @Test("Every access leads to the address in the log", arguments: Capture.allCases)
  func addresses(capture: Capture) throws {
    let replayed = try capture.replay.get()
    try #require(replayed.translations.count == replayed.logged.count)
    let wrong = zip(replayed.translations, replayed.logged).filter { translation, logged in
      translation.faulted || translation.physical != logged.page.advanced(by: translation.address.pageOffset(12))
        || translation.physical != replayed.recorded[translation.record]
    }
    #expect(wrong.isEmpty)
  }

  @Test("Every access hits or misses as it did in the log, but for the fills that nothing explains", arguments: Capture.allCases)
  func hitsAndMisses(capture: Capture) throws {
    let replayed = try capture.replay.get()
    try #require(replayed.translations.count == replayed.logged.count)
    let different = replayed.translations.indices.filter { index in
      replayed.translations[index].outcome != (replayed.logged[index].isHit ? .hit : .miss)
    }
    try #require(different == capture.unexplainedFills)
    for index in different {
      let translation = replayed.translations[index]
      #expect((replayed.logged[index].isHit, translation.outcome) == (false, .hit))
      #expect(translation.requester == RequesterID(bus: 0, device: 4, function: 0))
      #expect(translation.address.alignedDown(12) == IOVirtualAddress(0xFFFF_F000))
    }
  }
}
