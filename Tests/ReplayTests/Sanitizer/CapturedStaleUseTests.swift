import DMATrace
import Foundation
import Hardware
import HostDrivers
import Machine
import Replay
import Testing
import Translation

@Suite("Stale uses in captured traces") struct CapturedStaleUseTests {
  typealias Capture = CapturedTraceTests.Capture

  /// Counts the accesses that lead elsewhere than the record says.
  struct Misled: ReplayObserver {
    var expected: [UInt64: PhysicalAddress] = [:]
    var count: UInt64 = 0

    mutating func observe(_ record: UInt64, _ request: TranslationRequest, _ response: borrowing TranslationResponse) {
      if let address = expected[record], address != response.address { count += 1 }
    }
  }

  private func engine(
    _ capture: Capture, _ settings: String, _ invalidations: ReplayOptions.Invalidations, isChecked: Bool, _ header: TraceHeader
  ) throws -> ReplayEngine {
    let configuration = try ConfigurationReader.read(
      yaml: "{preset: unbounded, translation.stages: \(capture.stages.rawValue), \(settings)}", name: "test")
    var options = ReplayOptions()
    options.invalidations = invalidations
    options.staleFindings = isChecked ? 3 : nil
    return try ReplayEngine(configuration, options: options, header: header)
  }

  private func reader(_ capture: Capture) throws -> TraceReader {
    let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return try TraceReader(path: repository.appending(path: "Traces/\(capture.rawValue).dmat.zst").path)
  }

  @Test("A driver that keeps the rules leaves nothing stale to be used", arguments: Capture.allCases, ["strict", "lazy"])
  func careful(capture: Capture, policy: String) throws {
    var trace = try reader(capture)
    let engine = try engine(capture, "driver.invalidation: \(policy)", .driver, isChecked: true, trace.header)
    while true {
      let batch = try trace.nextBatch()
      if batch.isEmpty { break }
      _ = try engine.replay(batch)
    }
    #expect(try #require(engine.staleUses).isEmpty)
  }

  @Test("Without the recorded invalidations, every access that is misled is found, as one that lacks them", arguments: Capture.allCases)
  func forgetful(capture: Capture) throws {
    var trace = try reader(capture)
    let checked = try engine(capture, "driver.invalidation: strict", .recorded, isChecked: true, trace.header)
    let observed = try engine(capture, "driver.invalidation: strict", .recorded, isChecked: false, trace.header)
    var misled = Misled()
    var index: UInt64 = 0
    while true {
      let batch = try trace.nextBatch().filter { $0.operation != .invalidate }
      if batch.isEmpty { break }
      for record in batch {
        if record.isAccess { misled.expected[index] = record.physical }
        index += 1
      }
      _ = try batch.withUnsafeBufferPointer { try checked.replay($0) }
      _ = try batch.withUnsafeBufferPointer { try observed.replay($0, observer: &misled) }
    }
    let uses = try #require(checked.staleUses)
    #expect(misled.count > 100)
    // A use may be stale in its rights alone.
    #expect(uses.uses >= misled.count)
    #expect(uses.counts.map(\.cause) == [.missing])
    #expect(uses.counts.map(\.cache) == [.iotlb])
    #expect(uses.findings.count == 3)
  }
}
