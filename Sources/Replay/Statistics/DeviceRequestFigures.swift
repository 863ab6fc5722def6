import Translation

/// What devices asked that is no access to memory, and what they were told; in the region of interest.
public struct DeviceRequestFigures: Hashable, Sendable {
  /// Accesses whose address the device had translated.
  public var translatedAccesses: UInt64 = 0
  /// Translation requests.
  public var translationRequests: UInt64 = 0
  /// Those that were answered with a translation.
  public var translations: UInt64 = 0
  /// Those that were answered with success, but without any right.
  public var translationsWithoutRights: UInt64 = 0
  /// Those that were answered as unsupported requests.
  public var unsupportedRequests: UInt64 = 0
  /// Those that the unit aborted.
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

  mutating func count(_ completion: TranslationCompletion) {
    translationRequests += 1
    switch completion.status {
    case .success where completion.permissions.isEmpty && !completion.untranslatedOnly: translationsWithoutRights += 1
    case .success: translations += 1
    case .unsupportedRequest: unsupportedRequests += 1
    case .completerAbort: completerAborts += 1
    }
  }

  mutating func count(_ code: PageGroupResponse.Code) {
    switch code {
    case .success: pageSuccesses += 1
    case .invalidRequest: invalidPageRequests += 1
    case .responseFailure: pageFailures += 1
    }
  }
}
