import Hardware
import PageTables
import Testing
import Translation
import VTd
import VTdArchitecture

@testable import HostDrivers

/// First-stage and nested address spaces, on a unit with caches.
@Suite struct StagesOnUnitTests {
  static let device = RequesterID(bus: 0x17, device: 0x12, function: 3)

  @Test("In a first-stage space a device sees what software says, from the first fault to detachment", arguments: [nil, PASID(0x8001)])
  func firstStage(pasid: PASID?) throws {
    let machine = try Setting.complete.machine()
    let driver = try machine.bringUp()
    let space = try driver.makeAddressSpace(.firstStage)
    try driver.attach(Self.device, pasid: pasid, to: space)
    #expect(machine.access(0x5000, by: Self.device, pasid: pasid) == .fault(0x71))
    try driver.map(IOVirtualAddress(0x5000), to: PhysicalAddress(0x7000), length: 0x2000, permissions: .readWrite, in: space)
    #expect(machine.access(0x5123, by: Self.device, pasid: pasid) == .to(0x7123))
    #expect(machine.access(0x6123, by: Self.device, pasid: pasid, .write) == .to(0x8123))
    try driver.unmap(IOVirtualAddress(0x5000), length: 0x1000, in: space)
    #expect(machine.access(0x5123, by: Self.device, pasid: pasid) == .fault(0x71))
    try driver.map(IOVirtualAddress(0x6000), to: PhysicalAddress(0x9000), length: 0x1000, permissions: .read, in: space)
    #expect(machine.access(0x6123, by: Self.device, pasid: pasid) == .to(0x9123))
    #expect(machine.access(0x6123, by: Self.device, pasid: pasid, .write) == .fault(0x85))
    try driver.detach(Self.device, pasid: pasid)
    #expect(machine.access(0x6123, by: Self.device, pasid: pasid) == .fault(0x41))
  }

  @Test("In a nested space both stages must have the page, and a change of either is seen at once", arguments: [nil, PASID(5)])
  func nested(pasid: PASID?) throws {
    let machine = try Setting.complete.machine()
    let driver = try machine.bringUp { $0.accessedDirty = true }
    let parent = try driver.makeAddressSpace(.secondStage)
    let space = try driver.makeAddressSpace(.nested(parent: parent))
    try driver.attach(Self.device, pasid: pasid, to: space)
    #expect(machine.access(0x5000, by: Self.device, pasid: pasid) == .fault(0x71))
    try driver.map(IOVirtualAddress(0x5000), to: GuestPhysicalAddress(0x2_0000), length: 0x2000, permissions: .readWrite, in: space)
    #expect(machine.access(0x5123, by: Self.device, pasid: pasid) == .fault(0x79))
    try driver.map(GuestPhysicalAddress(0x2_0000), to: PhysicalAddress(0x30_0000), length: 0x2000, permissions: .readWrite, in: parent)
    #expect(machine.access(0x5123, by: Self.device, pasid: pasid, .write) == .to(0x30_0123))
    #expect(machine.access(0x6123, by: Self.device, pasid: pasid) == .to(0x30_1123))
    try driver.unmap(IOVirtualAddress(0x2_0000), length: 0x1000, in: parent)
    #expect(machine.access(0x5123, by: Self.device, pasid: pasid) == .fault(0x79))
    #expect(machine.access(0x6123, by: Self.device, pasid: pasid) == .to(0x30_1123))
    try driver.unmap(IOVirtualAddress(0x6000), length: 0x1000, in: space)
    #expect(machine.access(0x6123, by: Self.device, pasid: pasid) == .fault(0x71))
  }

  @Test("A guest's own tables, bound, translate as the guest wrote them, and anew after it says what it has changed")
  func bound() throws {
    let machine = try Setting.complete.machine()
    let driver = try machine.bringUp()
    let parent = try driver.makeAddressSpace(.secondStage)
    // The guest's memory begins at 2 MiB of the machine's.
    let memory: UInt64 = 0x300_0000
    try driver.map(GuestPhysicalAddress(0), to: PhysicalAddress(memory), length: 0x20_0000, permissions: .readWrite, in: parent)
    func write(_ guest: UInt64, _ value: UInt64) { machine.memory.write64(PhysicalAddress(memory + guest), value) }
    // Tables at 1000h to 4000h, present, writable, for users; the page at 8000h.
    for (table, next) in [(0x1000, 0x2007), (0x2000, 0x3007), (0x3000, 0x4007), (0x4028, 0x8007)] as [(UInt64, UInt64)] {
      write(table, next)
    }
    let space = try driver.bind(GuestPageTable(root: GuestPhysicalAddress(0x1000)), over: parent)
    try driver.attach(Self.device, pasid: PASID(5), to: space)
    #expect(machine.access(0x5123, by: Self.device, pasid: PASID(5)) == .to(memory + 0x8123))
    write(0x4028, 0x9007)
    #expect(machine.access(0x5123, by: Self.device, pasid: PASID(5)) == .to(memory + 0x8123))
    try driver.forget(IOVirtualAddress(0x5000), length: 0x1000, in: space, leafOnly: true)
    #expect(machine.access(0x5123, by: Self.device, pasid: PASID(5)) == .to(memory + 0x9123))
    write(0x3000, 0)
    try driver.forget(IOVirtualAddress(0), length: nil, in: space, leafOnly: false)
    #expect(machine.access(0x5123, by: Self.device, pasid: PASID(5)) == .fault(0x71))
  }

  @Test("Privileged requests need SRE, and write protection holds for them")
  func privileged() throws {
    let machine = try Setting.complete.machine()
    let driver = try machine.bringUp { $0.supervisorRequests = true }
    let space = try driver.makeAddressSpace(.firstStage)
    try driver.map(IOVirtualAddress(0x5000), to: PhysicalAddress(0x7000), length: 0x1000, permissions: .read, in: space)
    try driver.attach(Self.device, pasid: PASID(5), to: space)
    func access(_ kind: AccessKind) -> UInt16? {
      machine.unit.translate(
        TranslationRequest(kind, at: IOVirtualAddress(0x5000), by: Self.device, pasid: PASID(5), attributes: .privileged)
      ).fault?.code
    }
    #expect(access(.read) == nil)
    #expect(access(.write) == 0x85)
    let strict = try machine.unprivileged()
    #expect(strict == 0x5D)
  }
}

extension UnitBus {
  /// The fault of a privileged read where no supervisor request is allowed.
  fileprivate func unprivileged() throws -> UInt16? {
    let machine = try Setting.complete.machine()
    let driver = try machine.bringUp()
    let space = try driver.makeAddressSpace(.firstStage)
    try driver.map(IOVirtualAddress(0x5000), to: PhysicalAddress(0x7000), length: 0x1000, permissions: .read, in: space)
    try driver.attach(StagesOnUnitTests.device, pasid: PASID(5), to: space)
    return machine.unit.translate(
      TranslationRequest(.read, at: IOVirtualAddress(0x5000), by: StagesOnUnitTests.device, pasid: PASID(5), attributes: .privileged)
    ).fault?.code
  }
}
