import Hardware
import Translation
import VTdArchitecture

@testable import VTd

/// Notes what caches are told to forget.
struct ReceivedInvalidations: InvalidationReceiver, ~Copyable {
  var requests: [InvalidationRequest] = []

  mutating func invalidate(_ request: InvalidationRequest) { requests.append(request) }
}

/// A control plane with memory, written and read as software does.
final class UnitUnderTest {
  /// Where the tests put the invalidation queue.
  static let queue: UInt64 = 0x1_0000
  /// Where the tests have status written.
  static let status: UInt64 = 0x8000

  let memory: PhysicalMemory
  private var plane: ControlPlane
  private var received = ReceivedInvalidations()

  init(
    cap: UInt64 = SampleUnit.legacyCapabilities, ecap: UInt64 = SampleUnit.legacyExtended, major: UInt8 = 1, width: Int = 48,
    choices: ImplementationChoices = ImplementationChoices()
  ) throws {
    memory = try PhysicalMemory(regions: [MemoryRegion(start: PhysicalAddress(0), length: 0x20_0000)])
    let identity = UnitIdentity(
      version: ArchitectureVersion(major: major, minor: 0), capabilities: Capabilities(rawValue: cap),
      extended: ExtendedCapabilities(rawValue: ecap), hostAddressWidth: width)
    plane = try ControlPlane(identity: identity, choices: choices, memory: memory.view)
  }

  /// A scalable-mode unit with every capability that the tests need, in scalable mode, its queue enabled with 256-bit descriptors.
  static func scalableQueue(major: UInt8 = 6, choices: ImplementationChoices = ImplementationChoices()) throws -> UnitUnderTest {
    let unit = try UnitUnderTest(
      cap: SampleUnit.scalableCapabilities, ecap: SampleUnit.scalableExtended, major: major, width: 52, choices: choices)
    unit.setRootTable(RootTableAddress(table: PhysicalAddress(0x5000), mode: .scalable))
    unit.enableQueue(wide: true)
    _ = unit.takeInvalidations()
    return unit
  }

  /// The same with translation enabled, so that devices can be listened to.
  static func scalableTranslation(
    major: UInt8 = 6, ecap: UInt64 = SampleUnit.scalableExtended,
    choices: ImplementationChoices = ImplementationChoices()
  ) throws -> UnitUnderTest {
    let unit = try UnitUnderTest(cap: SampleUnit.scalableCapabilities, ecap: ecap, major: major, width: 52, choices: choices)
    unit.setRootTable(RootTableAddress(table: PhysicalAddress(0x5000), mode: .scalable))
    unit.enableQueue(wide: true)
    unit.command(set: .translation)
    _ = unit.takeInvalidations()
    return unit
  }

  /// A legacy unit, its queue enabled with 128-bit descriptors.
  static func legacyQueue(choices: ImplementationChoices = ImplementationChoices()) throws -> UnitUnderTest {
    let unit = try UnitUnderTest(choices: choices)
    unit.enableQueue(wide: false)
    return unit
  }

  var translation: TranslationState { plane.translation }
  var registerByteCount: UInt64 { plane.registerByteCount }

  func read(_ offset: UInt64, size: Int = 4) -> UInt64 { plane.read(offset: offset, size: size) }
  func write(_ offset: UInt64, _ value: UInt64, size: Int = 4) { plane.write(offset: offset, size: size, value: value, caches: &received) }
  func record(_ fault: FaultRecord) { plane.record(fault) }
  func nextMessage() -> InterruptMessage? { plane.nextMessage() }
  func recordInvalidationTimeout(of device: RequesterID) { plane.recordInvalidationTimeout(of: device) }
  func recordUnexpectedCompletion(from device: RequesterID) { plane.recordUnexpectedCompletion(from: device) }

  func advance(to time: SimTime) { plane.advance(to: time) }
  func complete(_ tags: UInt32, from device: RequesterID, messages: UInt8 = 1) {
    plane.receive(InvalidationCompletion(requester: device, tags: tags, messageCount: messages), caches: &received)
  }
  func receive(_ request: PageRequest, _ resolution: PageRequestResolution) { plane.receive(request, resolution, caches: &received) }

  /// What devices were sent since the last call.
  func takeDeviceMessages() -> [DeviceMessage] {
    var messages: [DeviceMessage] = []
    while let message = plane.nextDeviceMessage() { messages.append(message) }
    return messages
  }

  /// What caches were told since the last call.
  func takeInvalidations() -> [InvalidationRequest] {
    defer { received.requests = [] }
    return received.requests
  }

  var status: GlobalCommand { GlobalCommand(rawValue: UInt32(read(RegisterOffset.globalStatus))) }
  var head: UInt64 { read(RegisterOffset.invalidationQueueHead, size: 8) }
  var faultStatus: UInt64 { read(RegisterOffset.faultStatus) }
  var queueError: UInt64 { read(RegisterOffset.invalidationQueueErrorRecord, size: 8) }
  var statusWord: UInt32? { memory.view.read32(PhysicalAddress(Self.status)) }

  /// Writes GCMD as software does: the status without one-shot bits, with some bits changed.
  func command(set: GlobalCommand = [], clear: GlobalCommand = []) {
    let kept = status.subtracting(.oneShots).union(set).subtracting(clear)
    write(RegisterOffset.globalCommand, UInt64(kept.rawValue))
  }

  func setRootTable(_ root: RootTableAddress) {
    write(RegisterOffset.rootTableAddress, root.rawValue, size: 8)
    command(set: .rootTable)
  }

  func enableQueue(wide: Bool, sizeLog2: UInt8 = 0) {
    let address = InvalidationQueueAddress(base: PhysicalAddress(Self.queue), sizeLog2: sizeLog2, wideDescriptors: wide)
    write(RegisterOffset.invalidationQueueAddress, address.rawValue, size: 8)
    command(set: .queuedInvalidation)
  }

  /// Puts descriptors behind the tail, and moves it.
  func submit(_ descriptors: [SIMD2<UInt64>]) {
    let queue = InvalidationQueueAddress(rawValue: read(RegisterOffset.invalidationQueueAddress, size: 8))
    var tail = read(RegisterOffset.invalidationQueueTail, size: 8)
    for words in descriptors {
      memory.view.write64(queue.base.advanced(by: tail), words[0])
      memory.view.write64(queue.base.advanced(by: tail + 8), words[1])
      tail = (tail + queue.descriptorByteCount) % queue.byteCount
    }
    write(RegisterOffset.invalidationQueueTail, tail, size: 8)
  }

  func submit(_ descriptors: InvalidationDescriptor...) { submit(descriptors.map(\.words)) }

  /// Points an event's message somewhere and takes its mask away.
  func unmask(_ control: UInt64, address: UInt64 = 0xFEE0_1000, data: UInt64 = 0x41) {
    write(control + RegisterOffset.eventDataDistance, data)
    write(control + RegisterOffset.eventAddressDistance, address & 0xFFFF_FFFF)
    write(control + RegisterOffset.eventUpperAddressDistance, address >> 32)
    write(control, 0)
  }
}

/// The capability registers that tests use.
enum SampleUnit {
  /// Legacy mode, 48 bits, eight fault recording registers at 100h, MAMV 18, page-selective invalidation, protected memory.
  static let legacyCapabilities: UInt64 = 0x08d2_078c_106f_0466
  /// Device-TLB, interrupt remapping in both modes, pass-through; IOTLB registers at 200h.
  static let legacyExtended: UInt64 = 0xf0_20df
  /// The same with scalable mode, though without what it brings.
  static let mixedExtended: UInt64 = 0x800_00f0_20df
  /// Scalable mode, 48 and 57 bits, one fault recording register at EE0h, MAMV 45, enhanced SRTP and SIRTP.
  static let scalableCapabilities: UInt64 = 0xf9ed_008c_ee78_0c66
  /// Everything but execute requests, virtual commands and what revision 5 adds; IOTLB registers at EF0h.
  static let scalableExtended: UInt64 = 0x003f_ef9e_a6f0_efdf
}
