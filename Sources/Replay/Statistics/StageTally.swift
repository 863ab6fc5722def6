import Hardware
import Translation

/// What requests spent in one stage of the translation.
struct StageTally {
  /// Requests that spent any time in the stage.
  var count: UInt64 = 0
  // Between the two that each request adds to: side by side they would be added as one vector, which takes twice the instructions.
  var maximum: UInt64 = 0
  var sum: UInt64 = 0

  @inline(__always) mutating func record(_ time: SimTime) {
    count &+= 1
    sum &+= time.picoseconds
    if time.picoseconds > maximum { maximum = time.picoseconds }
  }
}

/// What requests spent in each stage of the translation.
struct BreakdownTally {
  var queueing = StageTally()
  var iotlb = StageTally()
  var configuration = StageTally()
  var merge = StageTally()
  var walkerWait = StageTally()
  var memory = StageTally()

  init() {}

  /// Counts the parts of a latency, and returns their sum.
  ///
  /// Stages are asked one by one: most are empty for most requests, and reading all at once would wait for the words just written by whoever
  /// filled them in, because processors don't forward several narrow stores to a wide load.
  @inline(__always) mutating func record(_ response: UnsafePointer<TranslationResponse>) -> SimTime {
    var total = SimTime.zero
    if response.pointee.latency.queueing != .zero {
      queueing.record(response.pointee.latency.queueing)
      total += response.pointee.latency.queueing
    }
    if response.pointee.latency.iotlb != .zero {
      iotlb.record(response.pointee.latency.iotlb)
      total += response.pointee.latency.iotlb
    }
    if response.pointee.latency.configuration != .zero {
      configuration.record(response.pointee.latency.configuration)
      total += response.pointee.latency.configuration
    }
    if response.pointee.latency.merge != .zero {
      merge.record(response.pointee.latency.merge)
      total += response.pointee.latency.merge
    }
    if response.pointee.latency.walkerWait != .zero {
      walkerWait.record(response.pointee.latency.walkerWait)
      total += response.pointee.latency.walkerWait
    }
    if response.pointee.latency.memory != .zero {
      memory.record(response.pointee.latency.memory)
      total += response.pointee.latency.memory
    }
    return total
  }

  subscript(stage: LatencyStage) -> StageTally {
    switch stage {
    case .queueing: queueing
    case .iotlb: iotlb
    case .configuration: configuration
    case .merge: merge
    case .walkerWait: walkerWait
    case .memory: memory
    }
  }
}
