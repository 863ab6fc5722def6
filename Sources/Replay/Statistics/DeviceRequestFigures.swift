import Machine
import Translation

/// What devices asked beside plain accesses, and what they were told; in the region of interest.
public struct DeviceRequestFigures: Hashable, Sendable {
  /// Accesses that went out with an address that the device had translated.
  public var translatedAccesses: UInt64 = 0
  /// Accesses that a device gave up, because it got no translation.
  public var refusedAccesses: UInt64 = 0
  /// Translation requests that were answered with a translation.
  public var translations: UInt64 = 0
  /// Translation requests that were answered with success, but without any right.
  public var translationsWithoutRights: UInt64 = 0
  /// Translation requests that were answered as unsupported requests.
  public var unsupportedRequests: UInt64 = 0
  /// Translation requests that the unit aborted.
  public var completerAborts: UInt64 = 0
  /// Page requests, stop markers left out.
  public var pageRequests: UInt64 = 0
  /// Page-request groups answered with success.
  public var pageSuccesses: UInt64 = 0
  /// Page-request groups answered as invalid.
  public var invalidPageRequests: UInt64 = 0
  /// Page-request groups answered with a response failure.
  public var pageFailures: UInt64 = 0
  /// Invalidations that reached a device.
  public var invalidations: UInt64 = 0

  /// Nothing counted yet.
  public init() {}

  /// Translation requests, however they were answered.
  public var translationRequests: UInt64 { translations + translationsWithoutRights + unsupportedRequests + completerAborts }

  mutating func count(_ code: PageGroupResponse.Code) {
    switch code {
    case .success: pageSuccesses += 1
    case .invalidRequest: invalidPageRequests += 1
    case .responseFailure: pageFailures += 1
    }
  }
}

/// Counts what devices ask: what the replay sees itself, and what the machine's devices have counted since the measurement began.
final class DeviceTally {
  /// What the replay has seen.
  var figures = DeviceRequestFigures()
  private var before = DeviceRequestFigures()

  /// Begins anew.
  func begin(_ devices: Devices) {
    figures = DeviceRequestFigures()
    before = Self.totals(devices)
  }

  /// What has been counted since.
  func result(_ devices: Devices) -> DeviceRequestFigures {
    let now = Self.totals(devices)
    var sum = figures
    for counter in Self.counters { sum[keyPath: counter] += now[keyPath: counter] - before[keyPath: counter] }
    return sum
  }

  private static func totals(_ devices: Devices) -> DeviceRequestFigures {
    var totals = DeviceRequestFigures()
    totals.translations = devices.services.translations
    totals.translationsWithoutRights = devices.services.translationsWithoutRights
    totals.unsupportedRequests = devices.services.unsupportedRequests
    totals.completerAborts = devices.services.completerAborts
    totals.translatedAccesses = devices.counters.translatedRequests
    totals.pageRequests = devices.counters.pageRequests
    totals.invalidations = devices.counters.invalidationRequests
    return totals
  }

  private static let counters: [WritableKeyPath<DeviceRequestFigures, UInt64> & Sendable] = [
    \.translations, \.translationsWithoutRights, \.unsupportedRequests, \.completerAborts, \.translatedAccesses, \.pageRequests,
    \.invalidations,
  ]
}
