import Hardware
import HostDrivers
import Machine
import Translation

@testable import Replay

/// A result with something in every part.
enum SampleResult {
  static let standard = Result { try make() }

  static func make(_ change: (inout ReplayResult) -> Void = { _ in }) throws -> ReplayResult {
    var statistics = ReplayStatistics()
    for number in 0..<20 as Range<UInt32> {
      var response = TranslationResponse()
      response.outcome = number % 4 == 0 ? .miss : .hit
      response.latency.iotlb = SimTime(nanoseconds: 2)
      response.latency.memory = number % 4 == 0 ? SimTime(nanoseconds: 320) : .zero
      response.pageSizeLog2 = number == 19 ? 0 : 12
      response.fault = number == 19 ? TranslationFault(code: 6) : nil
      let request = TranslationRequest(
        number % 2 == 0 ? .read : .write, at: IOVirtualAddress(0x1000), length: 64, by: RequesterID(number % 12),
        pasid: number < 5 ? PASID(7) : nil)
      statistics.record(request, response, isLastPiece: true)
    }
    var iotlb = CacheCounters()
    (iotlb.lookups, iotlb.hits, iotlb.misses, iotlb.fills, iotlb.evictions) = (20, 15, 5, 5, 1)
    var activity = DriverActivity()
    activity.maps = 9
    var devices = DeviceRequestFigures()
    (devices.translatedAccesses, devices.translations, devices.completerAborts, devices.pageRequests) = (4, 3, 1, 2)
    let figures = ReplayFigures(
      requests: statistics.figures, deviceRequests: devices, caches: [.init(name: "iotlb", counters: iotlb)], walks: 5, walkReads: 20,
      memoryReads: 23, duration: SimTime(nanoseconds: 3000), replayedRecords: 1_234_567, ignored: IgnoredRecords(), driver: activity)
    var result = ReplayResult(
      trace: .init(path: "a \"b\", c.dmat.zst", records: 1_234_567, contentHash: 0xABC), configuration: try ConfigurationReader.read(),
      figures: figures, hostNanoseconds: 1_500_000_000)
    change(&result)
    return result
  }
}
