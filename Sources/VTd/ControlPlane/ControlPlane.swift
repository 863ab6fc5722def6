import Hardware
import VTdArchitecture

/// The control plane of a remapping unit: registers with everything that writing them sets off, the invalidation and page request queues,
/// fault recording and event interrupts (VT-d rev 5.10 sections 6.5, 7.2 to 7.8 and 11).
///
/// Commands complete within the write that starts them: software that polls a status register sees it done at the first read. Only what a
/// device has to answer takes longer.
public struct ControlPlane: ~Copyable {
  /// What the unit says about itself.
  public let identity: UnitIdentity
  /// What the unit does where the specification leaves a choice.
  public let choices: ImplementationChoices
  /// The bytes that the registers span: whole pages, a power of two of them.
  public let registerByteCount: UInt64

  let memory: MemoryView
  let descriptors: DescriptorRules
  var registers: RegisterFile
  var state = TranslationState()
  var messages = PendingMessages()
  var nextFaultRecord = 0
  /// The time that has been reached.
  var now = SimTime.zero
  var invalidations = DeviceInvalidations()
  /// Wait descriptors that wait for devices, oldest first.
  var waits: [PendingWait] = []
  /// Messages to devices that have not been handed out, oldest first.
  var deviceMessages: [DeviceMessage] = []

  /// A unit after reset.
  ///
  /// - Parameters:
  ///   - identity: Its identification registers and host address width.
  ///   - choices: What it does where the specification leaves a choice.
  ///   - memory: Where its invalidation queue and status words lie.
  /// - Throws: `RegisterFileError` if the capabilities put registers on top of each other.
  public init(
    identity: UnitIdentity, choices: ImplementationChoices = ImplementationChoices(), memory: MemoryView
  ) throws(RegisterFileError) {
    self.identity = identity
    self.choices = choices
    self.memory = memory
    descriptors = DescriptorRules(identity, revision: choices.revision, options: choices.descriptors)
    let faultRecords = identity.capabilities.faultRecordingOffset + 16 * UInt64(identity.capabilities.faultRecordingCount)
    var size: UInt64 = 4096
    while size < max(faultRecords, identity.extended.iotlbRegisterOffset + 16) { size *= 2 }
    registerByteCount = size
    registers = try RegisterFile(Registers.all, identity: identity.registerIdentity(choices.revision), size: size)
  }

  /// What the registers say about translation; compare its `generation` to learn of a change.
  public var translation: TranslationState { state }

  /// The oldest interrupt message that has not been handed out, if any.
  public mutating func nextMessage() -> InterruptMessage? { messages.removeFirst() }

  /// A software read of 4 or 8 naturally aligned bytes; other reads, and offsets without a register, give 0.
  public func read(offset: UInt64, size: Int) -> UInt64 { registers.read(offset: offset, size: size) }

  /// A software write of 4 or 8 naturally aligned bytes, with all it sets off; other writes are ignored.
  ///
  /// What a register does happens when the 32 bits are written that hold the command, the lower half of an 8-byte write first.
  public mutating func write<Receiver: InvalidationReceiver & ~Copyable>(
    offset: UInt64, size: Int, value: UInt64, caches: inout Receiver
  ) {
    switch size {
    case 4 where offset & 3 == 0:
      registers.write(offset: offset, size: 4, value: value)
      act(on: offset, caches: &caches)
    case 8 where offset & 7 == 0:
      registers.write(offset: offset, size: 8, value: value)
      act(on: offset, caches: &caches)
      act(on: offset &+ 4, caches: &caches)
    default: break
    }
  }

  /// Does what the write of the 32 bits at `offset`, which are stored already, sets off.
  private mutating func act<Receiver: InvalidationReceiver & ~Copyable>(on offset: UInt64, caches: inout Receiver) {
    switch offset {
    case RegisterOffset.invalidationQueueTail: processQueue(caches: &caches)
    case RegisterOffset.globalCommand: executeGlobalCommand(caches: &caches)
    case RegisterOffset.contextCommand + 4: executeContextCommand(caches: &caches)
    case RegisterOffset.faultStatus:
      updateFaultStatus()
      processQueue(caches: &caches)
    case RegisterOffset.invalidationCompletionStatus: clearIfServiced(.invalidationCompletion)
    case RegisterOffset.faultEventControl: sendIfUnmasked(.fault)
    case RegisterOffset.invalidationEventControl: sendIfUnmasked(.invalidationCompletion)
    case RegisterOffset.protectedMemoryEnable: updateProtectedMemory()
    default: actOnOptionalRegister(at: offset, caches: &caches)
    }
  }

  // What a capability lacks leaves its offsets free, and registers that capabilities place may lie there.
  private mutating func actOnOptionalRegister<Receiver: InvalidationReceiver & ~Copyable>(at offset: UInt64, caches: inout Receiver) {
    let (capabilities, extended) = (identity.capabilities, identity.extended)
    switch offset {
    case extended.iotlbRegisterOffset &+ 12: executeIOTLBCommand(caches: &caches)
    case _ where isFaultRecord(offset): updateFaultStatus()
    case RegisterOffset.pageRequestStatus where extended.pageRequests: clearIfServiced(.pageRequest)
    case RegisterOffset.pageRequestEventControl where extended.pageRequests: sendIfUnmasked(.pageRequest)
    case RegisterOffset.performanceInterruptStatus where extended.performanceMonitoring: clearIfServiced(.performanceMonitoring)
    case RegisterOffset.performanceInterruptControl where extended.performanceMonitoring: sendIfUnmasked(.performanceMonitoring)
    case RegisterOffset.enhancedCommand where capabilities.enhancedCommands:
      registers[qword: RegisterOffset.enhancedCommandResponse] = Self.undefinedCommand
    case RegisterOffset.virtualCommand where extended.virtualCommands:
      registers[qword: RegisterOffset.virtualCommandResponse] = Self.undefinedCommand
    default: break
    }
  }

  // The response to enhanced and virtual commands of a unit whose ECCAP and VCCAP offer none: not in progress, status 1.
  private static var undefinedCommand: UInt64 { 1 << 1 }
}
