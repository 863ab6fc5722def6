import Hardware
import Translation

/// Requests in a row of one sender whose latencies are made up alike.
struct LatencyRun {
  /// Who sent them.
  var sender = TranslationRequest.Sender()
  /// The latency of each.
  var latency = LatencyBreakdown()
  /// How many there are.
  var length: UInt64 = 0

  /// Whether a request belongs to the run.
  @inline(__always) func goesOn(with sender: TranslationRequest.Sender, _ response: UnsafePointer<TranslationResponse>) -> Bool {
    // One by one, because whoever filled them in has just written them so.
    self.sender == sender && latency.memory == response.pointee.latency.memory
      && latency.configuration == response.pointee.latency.configuration && latency.iotlb == response.pointee.latency.iotlb
      && latency.queueing == response.pointee.latency.queueing && latency.merge == response.pointee.latency.merge
      && latency.walkerWait == response.pointee.latency.walkerWait
  }
}
