import Hardware
import Translation

/// What requests spent in one stage of the translation.
struct StageTally {
  /// Requests that spent any time in the stage.
  var count: UInt64 = 0
  var sum: UInt64 = 0
  var maximum: UInt64 = 0

  mutating func record(_ time: SimTime, count: UInt64) {
    guard time != .zero else { return }
    self.count &+= count
    sum &+= time.picoseconds &* count
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

  /// Counts the parts of a latency that so many requests had, and returns their sum.
  mutating func record(_ latency: LatencyBreakdown, count: UInt64) -> SimTime {
    queueing.record(latency.queueing, count: count)
    iotlb.record(latency.iotlb, count: count)
    configuration.record(latency.configuration, count: count)
    merge.record(latency.merge, count: count)
    walkerWait.record(latency.walkerWait, count: count)
    memory.record(latency.memory, count: count)
    return latency.total
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
