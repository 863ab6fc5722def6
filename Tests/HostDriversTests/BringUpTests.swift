import Hardware
import Testing
import VTdArchitecture

@testable import HostDrivers

@Suite struct BringUpTests {
  private func write32(_ offset: UInt64, _ value: UInt32) -> FakeUnit.Event { .write(offset, UInt64(value)) }

  @Test("In scalable mode the root table comes first, then the queue, global invalidation, the fault event, and translation last")
  func scalable() throws {
    let unit = try FakeUnit()
    let driver = VTdDriver(bus: unit)
    try driver.bringUp()
    let queue = try #require(driver.queue)
    let root = driver.rootTable.rawValue
    let expected: [FakeUnit.Event] = [
      .write(RegisterOffset.rootTableAddress, root | 1 << 10), write32(RegisterOffset.globalCommand, 1 << 30),
      .write(RegisterOffset.invalidationQueueTail, 0),
      .write(RegisterOffset.invalidationQueueAddress, queue.ring.base.rawValue | 1 << 11),
      write32(RegisterOffset.globalCommand, 1 << 26), .write(RegisterOffset.invalidationQueueTail, 0x80), .descriptor(0x11, 0),
      .descriptor(0x37, 0), .descriptor(0xD2, 0), write32(0x03C, 0x21), write32(0x040, 0xFEE0_0000), write32(0x044, 0), write32(0x038, 0),
      write32(RegisterOffset.globalCommand, 1 << 31 | 1 << 26),
    ]
    #expect(unit.events == expected)
    #expect(driver.mode == .scalable)
    #expect(unit.waits == 1)
  }

  @Test("In legacy mode the queue has 128-bit descriptors and the PASID cache is left out")
  func legacy() throws {
    let unit = try FakeUnit()
    var configuration = VTdDriverConfiguration()
    configuration.mode = .legacy
    let driver = VTdDriver(bus: unit, configuration: configuration)
    try driver.bringUp()
    #expect(unit.events.first == .write(RegisterOffset.rootTableAddress, driver.rootTable.rawValue))
    #expect(unit.takeDescriptors() == [.contextCache(.global), .iotlb(IOTLBInvalidation(.global, drainReads: true, drainWrites: true))])
    #expect(unit.readRegister64(RegisterOffset.invalidationQueueTail) == 48)
    #expect(unit.readRegister64(RegisterOffset.invalidationQueueAddress)[bit: 11] == false)
  }

  @Test("A unit with ESRTPS needs no global invalidation")
  func enhancedSetRootTable() throws {
    let unit = try FakeUnit(capabilities: FakeUnit.capabilities | 1 << 63)
    try VTdDriver(bus: unit).bringUp()
    #expect(unit.takeDescriptors().isEmpty)
  }

  @Test("A unit without a queue is invalidated by its registers, before translation")
  func registers() throws {
    let unit = try FakeUnit(version: 0x10, extended: FakeUnit.extended & ~(1 << 1 | 1 << 43))
    let driver = VTdDriver(bus: unit)
    try driver.bringUp()
    let writes = unit.events.filter { [.write(0x028, 0xA000_0000_0000_0000), .write(0x508, 0x9003_0000_0000_0000)].contains($0) }
    #expect(writes == [.write(0x028, 0xA000_0000_0000_0000), .write(0x508, 0x9003_0000_0000_0000)])
    #expect(!unit.events.contains { if case .write(0x090, _) = $0 { true } else { false } })
    #expect(unit.events.last == write32(RegisterOffset.globalCommand, 1 << 31))
  }

  @Test("A unit that firmware left translating is stopped first, and its memory protection ends")
  func takeover() throws {
    let unit = try FakeUnit(capabilities: FakeUnit.capabilities | 1 << 5)
    unit.registers32[RegisterOffset.globalStatus] = 0xC600_0000
    unit.registers32[RegisterOffset.protectedMemoryEnable] = 1 << 31
    try VTdDriver(bus: unit).bringUp()
    // IRE stays as it was throughout.
    #expect(
      unit.events.prefix(2) == [write32(RegisterOffset.globalCommand, 0x0600_0000), write32(RegisterOffset.globalCommand, 0x0200_0000)])
    #expect(unit.events.last == write32(RegisterOffset.protectedMemoryEnable, 0))
    #expect(unit.registers32[RegisterOffset.globalStatus] == 0xC600_0000)
  }

  struct Refusal: Sendable, CustomTestStringConvertible {
    var name: String
    var version: UInt32 = 0x40
    var capabilities = FakeUnit.capabilities
    var extended = FakeUnit.extended
    var mode = VTdDriverConfiguration.Mode.automatic
    var levels: UInt8?
    var error: HostDriverError
    var testDescription: String { name }
  }

  @Test(
    "A unit that lacks what is needed is refused, by name",
    arguments: [
      Refusal(name: "nothing there", version: 0, error: .unsupported("a version register that reads 0")),
      Refusal(name: "no SMTS", extended: FakeUnit.extended & ~(1 << 43), mode: .scalable, error: .unsupported("scalable mode (ECAP.SMTS)")),
      Refusal(
        name: "no queue", version: 0x60, extended: FakeUnit.extended & ~(1 << 1), error: .unsupported("queued invalidation (ECAP.QI)")),
      Refusal(name: "5 levels", levels: 5, error: .unsupported("second-stage tables of 5 levels (CAP.SAGAW)")),
      Refusal(name: "1 level", levels: 1, error: .unsupported("second-stage tables of 1 levels (CAP.SAGAW)")),
      Refusal(
        name: "no SAGAW", capabilities: FakeUnit.capabilities & ~0x1F00,
        error: .unsupported("second-stage tables of 2 levels (CAP.SAGAW)")),
    ])
  func refused(refusal: Refusal) throws {
    let unit = try FakeUnit(version: refusal.version, capabilities: refusal.capabilities, extended: refusal.extended)
    var configuration = VTdDriverConfiguration()
    configuration.mode = refusal.mode
    configuration.secondStageLevels = refusal.levels
    let driver = VTdDriver(bus: unit, configuration: configuration)
    #expect(throws: refusal.error) { try driver.bringUp() }
    #expect(unit.events.isEmpty)
    #expect(throws: HostDriverError.notRunning) { try driver.makeAddressSpace(.secondStage) }
  }

  @Test("A unit that doesn't follow a command is given up", arguments: [GlobalCommand.rootTable, .queuedInvalidation, .translation])
  func timeout(deaf: GlobalCommand) throws {
    let unit = try FakeUnit()
    unit.deaf = deaf
    let driver = VTdDriver(bus: unit)
    #expect(throws: HostDriverError.timeout("global command 0x\(String(deaf.rawValue, radix: 16))")) { try driver.bringUp() }
  }

  @Test("Without memory for its structures a driver gives up", arguments: 0..<UInt64(3))
  func memory(frames: UInt64) throws {
    let unit = try FakeUnit(tableFrames: frames)
    #expect(throws: HostDriverError.outOfMemory) { try VTdDriver(bus: unit).bringUp() }
  }
}
