import Hardware
import VTdArchitecture

/// What the steps of one whole-IOMMU case must show, where what was observed and what the architecture demands are not the same.
///
/// Both sides are followed from the register writes: the fault registers, the invalidation queue and the tables, each as observed and as
/// the architecture has it. Where both agree, a step is compared with the file and nothing else.
final class VTdExpectations {
  let identity: UnitIdentity
  let hasTransientMapping: Bool
  let memory: MemoryView

  /// The fault registers as the observed machine has them, and as the architecture demands.
  var observedFaults: FaultLog
  var faults: FaultLog
  private(set) var observedQueue = QueueLog(isObserved: true)
  private(set) var queue = QueueLog(isObserved: false)
  /// Accessed and dirty flags of first-stage entries.
  var flags = FlagLog()
  /// Words of memory that wait descriptors wrote on one side only.
  private(set) var statusWords: [PhysicalAddress: (observed: UInt32, demanded: UInt32)] = [:]

  /// RTADDR as written, and as SRTP latched it.
  private(set) var rootRegister: UInt64 = 0
  private(set) var root = RootTableAddress(rawValue: 0)
  private(set) var isEnabled = false
  private(set) var lastCommand = GlobalCommand([])
  /// SIRTP has been given.
  private(set) var hasInterruptTable = false
  /// What software wrote last, by register; a register of 8 bytes stands under its first offset.
  private(set) var written: [UInt64: UInt64] = [:]
  /// The granularity that CCMD and IOTLB report, by offset.
  private(set) var granularities: [UInt64: (observed: UInt64, demanded: UInt64)] = [:]
  /// Why the queue stands elsewhere than observed.
  private(set) var queueDeviation = Deviation.queueWidth
  /// QIE was cleared while that is not allowed.
  private(set) var wasQueueMisused = false
  private(set) var hasQueueStopped = false

  /// An invalidation that the observed machine made is none by the architecture: old translations may still be in use.
  private(set) var isUncovered = false
  /// Requesters of which the file says, since the last invalidation, that tables have changed and are not wholly invalidated.
  private(set) var unsettled: Set<RequesterID> = []
  /// What accesses did before, or might have done, by requester, address and kind.
  var history: [CaseRequest: Set<PredictedAccess>] = [:]
  /// The deviations met so far.
  var deviations: Set<Deviation> = []

  init(_ test: IOMMUCase, memory: MemoryView) {
    identity = test.identity
    hasTransientMapping = test.hasTransientMapping
    self.memory = memory
    observedFaults = FaultLog(identity.capabilities)
    faults = observedFaults
  }

  /// The tables as they stand now.
  var reading: AccessReading {
    AccessReading(identity: identity, hasTransientMapping: hasTransientMapping, root: root, isEnabled: isEnabled, memory: memory)
  }

  /// Writes a register of the machine and follows what comes of it.
  func write(_ write: IOMMUCase.RegisterWrite, to machine: any CaseMachine) {
    record(write)
    if observedFaults.read(offset: write.offset, size: write.size) == nil { flags.invalidate() }
    observedFaults.write(offset: write.offset, size: write.size, value: write.value)
    faults.write(offset: write.offset, size: write.size, value: write.value)
    let before = (observed: observedQueue.taken.count, demanded: queue.taken.count)
    if write.offset == RegisterOffset.globalCommand, observedQueue.isEnabled, !observedQueue.mayBeDisabled,
      !lastCommand.contains(.queuedInvalidation)
    {
      wasQueueMisused = true
    }
    var alternative = queue
    alternative.takesOpenDescriptors.toggle()
    run(&observedQueue, write)
    run(&queue, write)
    run(&alternative, write)
    let places = Set(observedQueue.statusWrites.keys).union(queue.statusWrites.keys).union(alternative.statusWrites.keys)
    let earlier = Dictionary(uniqueKeysWithValues: places.map { ($0, memory.read32($0) ?? 0) })

    machine.writeRegister(at: write.offset, size: write.size, value: write.value)
    machine.settle()

    if alternative.head != queue.head, machine.readRegister(at: RegisterOffset.invalidationQueueHead, size: 8) == alternative.head {
      queue = alternative
    }
    if observedQueue.head != queue.head {
      queueDeviation = !queue.isStopped ? .addressMask : queue.errorCodes == [3] ? .deviceTLBDescriptor : .queueWidth
    }
    if observedQueue.isStopped { observedFaults.setQueueError(4) }
    if queue.isStopped {
      faults.setQueueError(4)
      hasQueueStopped = true
    }
    for (place, old) in earlier { note(place, old: old) }
    follow(taken: before)
    if write.offset == RegisterOffset.globalCommand { follow(machine) }
  }

  /// Whether old translations of the requester may still be in use: its own tables have changed, or those of another that it shares PASID
  /// entries with.
  func mayUseOldTranslations(_ requester: RequesterID) -> Bool {
    if isUncovered || unsettled.contains(requester) { return true }
    guard !unsettled.isEmpty else { return false }
    let own = pasidEntries(requester)
    return unsettled.contains { !pasidEntries($0).isDisjoint(with: own) }
  }

  private func pasidEntries(_ requester: RequesterID) -> Set<PhysicalAddress> {
    let request = CaseRequest(requester: requester, kind: .read, address: IOVirtualAddress(0))
    return Set(reading.structures(request).trail.filter { $0.name.hasPrefix(StructureReading.pasidEntry) }.map(\.address))
  }

  /// The file says that tables of the requester have changed and are not wholly invalidated.
  func unsettle(_ requester: RequesterID) { unsettled.insert(requester) }

  /// Software stores to memory: what wait descriptors wrote there is gone.
  func store(_ words: IOMMUCase.MemoryWords) {
    for index in 0..<UInt64(2 * words.words.count) {
      statusWords[words.address.advanced(by: 4 * index)] = nil
      flags.forget(words.address.advanced(by: 4 * index))
    }
  }

  private func run(_ queue: inout QueueLog, _ write: IOMMUCase.RegisterWrite) {
    queue.write(
      offset: write.offset, size: write.size, value: write.value, mode: root.mode, identity: identity, memory: memory)
  }

  private func note(_ place: PhysicalAddress, old: UInt32) {
    let observed = observedQueue.statusWrites[place] ?? statusWords[place]?.observed ?? old
    let demanded = queue.statusWrites[place] ?? old
    statusWords[place] = observed == demanded ? nil : (observed, demanded)
  }

  private func record(_ write: IOMMUCase.RegisterWrite) {
    let base = write.size == 4 && Self.isWide(write.offset & ~7, identity) ? write.offset & ~7 : write.offset
    if write.size == 8 || base == write.offset && !Self.isWide(base, identity) {
      written[base] = write.value
    } else if write.offset == base {
      written[base, default: 0][bits: 0...31] = write.value
    } else {
      written[base, default: 0][bits: 32...63] = write.value
    }
    let value = written[base] ?? 0
    switch base {
    case RegisterOffset.rootTableAddress: rootRegister = value
    case RegisterOffset.globalCommand:
      lastCommand = GlobalCommand(rawValue: UInt32(truncatingIfNeeded: value))
      if lastCommand.contains(.rootTable) { root = RootTableAddress(rawValue: rootRegister) }
      isEnabled = lastCommand.contains(.translation)
      if lastCommand.contains(.interruptTable) { hasInterruptTable = true }
    case RegisterOffset.contextCommand where value[bit: 63]: invalidate(by: base, granularity: value[bits: 61...62])
    case identity.extended.iotlbRegisterOffset + 8 where value[bit: 63]: invalidate(by: base, granularity: value[bits: 60...61])
    default: break
    }
  }

  /// Registers of 8 bytes that software may write in halves.
  static func isWide(_ offset: UInt64, _ identity: UnitIdentity) -> Bool {
    switch offset {
    case RegisterOffset.capabilities, RegisterOffset.extendedCapabilities, RegisterOffset.rootTableAddress,
      RegisterOffset.contextCommand, RegisterOffset.invalidationQueueHead, RegisterOffset.invalidationQueueTail,
      RegisterOffset.invalidationQueueAddress, RegisterOffset.invalidationQueueErrorRecord,
      RegisterOffset.interruptRemappingTableAddress, RegisterOffset.pageRequestQueueHead, RegisterOffset.pageRequestQueueTail,
      RegisterOffset.pageRequestQueueAddress, identity.extended.iotlbRegisterOffset, identity.extended.iotlbRegisterOffset + 8:
      true
    default: false
    }
  }

  /// CCMD and IOTLB work in legacy mode, with the queue disabled, before version 6 (VT-d 11.4.6).
  private func invalidate(by offset: UInt64, granularity: UInt64) {
    let observed = observedQueue.isEnabled ? 0 : granularity
    let isEffective = !queue.isEnabled && root.mode == .legacy && identity.version.major < 6
    granularities[offset] = (observed, isEffective ? granularity : 0)
    if observed != 0, !isEffective { isUncovered = true }
    if isEffective, granularity != 0 { unsettled = [] }
    if isEffective, offset != RegisterOffset.contextCommand, granularity == 1 { isUncovered = false }
  }

  /// Invalidations that only the observed machine made leave old translations in use.
  private func follow(taken before: (observed: Int, demanded: Int)) {
    let observed = observedQueue.taken[before.observed...]
    let demanded = queue.taken[before.demanded...]
    func invalidates(_ words: SIMD2<UInt64>) -> Bool { [1, 2, 6, 7].contains(words[0][bits: 0...3]) }
    if demanded.contains(where: invalidates) { unsettled = [] }
    if observed.filter(invalidates).count > demanded.filter(invalidates).count {
      isUncovered = true
    } else if demanded.contains(where: { $0[0][bits: 0...5] == 0x12 }) {
      isUncovered = false
    }
  }

  /// Some commands leave no translation in any cache (VT-d 11.4.4.1).
  private func follow(_ machine: any CaseMachine) {
    let hasNewRoot = lastCommand.contains(.rootTable) && identity.capabilities.enhancedSetRootTable
    if hasNewRoot || (!isEnabled && identity.extended.scalableMode) {
      isUncovered = false
      unsettled = []
      history = [:]
    }
    if identity.isWithoutWidths { isEnabled = machine.readRegister(at: RegisterOffset.globalStatus, size: 4)[bit: 31] }
  }
}

extension UnitIdentity {
  /// Whether the unit offers no translation at all.
  var isWithoutWidths: Bool {
    capabilities.secondStageWidths == 0 && !extended.secondStageTranslation && !extended.firstStageTranslation
  }
}
