import Hardware
import Translation

/// What requests spent in one stage of the translation.
struct StageTally {
  /// Requests that spent any time in the stage.
  var count: UInt64 = 0
  var sum: UInt64 = 0
  var maximum: UInt64 = 0

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
  @inline(__always) mutating func record(_ latency: borrowing LatencyBreakdown) -> SimTime {
    var total = SimTime.zero
    if latency.queueing != .zero {
      queueing.record(latency.queueing)
      total += latency.queueing
    }
    if latency.iotlb != .zero {
      iotlb.record(latency.iotlb)
      total += latency.iotlb
    }
    if latency.configuration != .zero {
      configuration.record(latency.configuration)
      total += latency.configuration
    }
    if latency.merge != .zero {
      merge.record(latency.merge)
      total += latency.merge
    }
    if latency.walkerWait != .zero {
      walkerWait.record(latency.walkerWait)
      total += latency.walkerWait
    }
    if latency.memory != .zero {
      memory.record(latency.memory)
      total += latency.memory
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
