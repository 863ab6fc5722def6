import Hardware
import PageTables
import Testing
import Translation
import VTdArchitecture

@testable import VTd

/// What a first stage does for requests, alone and over a second stage (VT-d rev 5.10 sections 3.6 and 3.8).
@Suite struct FirstStageTests {
  private static let stages: [PASIDTranslationType] = [.firstStage, .nested]
  private static let page = MachineUnderTest.page
  private static let pasid = MachineUnderTest.pasid

  private func machine(
    _ stages: PASIDTranslationType, extended: UInt64 = SampleDataUnit.supervisor, _ change: (inout ImplementationChoices) -> Void = { _ in }
  ) throws -> MachineUnderTest {
    var choices = ImplementationChoices()
    change(&choices)
    return try MachineUnderTest(.scalable, stages: stages, extended: extended, choices: choices)
  }

  @Test("A page is translated for every kind of access, with PASID and without, cached or not", arguments: stages)
  func translation(stages: PASIDTranslationType) throws {
    let machine = try machine(stages)
    for pasid in [nil, Self.pasid] {
      for access in AccessKind.allCases + AccessKind.allCases {
        let response = machine.request(access, at: Self.page.advanced(by: 0x123), pasid: pasid)
        #expect(response.fault == nil)
        #expect(response.address == MachineUnderTest.target.advanced(by: 0x123))
        #expect(response.pageSizeLog2 == 12)
      }
    }
    #expect(machine.request(pasid: Self.pasid).outcome == .hit)
    #expect(machine.takeFaults().isEmpty)
  }

  @Test(
    "Without paging-structure caches a walk reads four entries, and 24 through a second stage", arguments: zip(stages, [4, 24] as [UInt16]))
  func reads(stages: PASIDTranslationType, count: UInt16) throws {
    var parameters = TranslationParameters()
    parameters.pagingStructureCaches = .none
    let machine = try MachineUnderTest(.scalable, stages: stages, parameters: parameters)
    #expect(machine.request().memoryReads == count)
    #expect(machine.request().memoryReads == 0)
  }

  @Test("Addresses of the upper half are translated too, the last bit included", arguments: stages)
  func upperHalf(stages: PASIDTranslationType) throws {
    let machine = try machine(stages)
    let address = IOVirtualAddress(0xFFFF_FFFF_FFFF_F000)
    let output: UInt64 = stages == .nested ? MachineUnderTest.guestPage.rawValue : 0x9000
    try machine.firstBuilder.map(address, to: PhysicalAddress(output), length: 0x1000, permissions: .readWrite)
    if stages == .nested { try machine.mapFirstStageTables(to: address) }
    let expected = stages == .nested ? MachineUnderTest.target : PhysicalAddress(0x9000)
    // Between two requests for the lower half, so that what is remembered of the sender is met.
    for _ in 1...2 {
      #expect(machine.request(pasid: Self.pasid).address == MachineUnderTest.target)
      #expect(machine.request(at: address.advanced(by: 0xFFF), pasid: Self.pasid).address == expected.advanced(by: 0xFFF))
    }
    #expect(machine.request(at: IOVirtualAddress(0xFFFF_0000_0000_0000), pasid: Self.pasid).fault?.code == 0x80)
    #expect(machine.request(at: IOVirtualAddress(0x8000_0000_0000), pasid: Self.pasid).fault?.code == 0x80)
  }

  @Test("Five levels take addresses of 57 bits")
  func fiveLevels() throws {
    let machine = try MachineUnderTest(.scalable, stages: .firstStage, capabilities: SampleDataUnit.capabilities | 1 << 60)
    let deep = try PageTableBuilder(X86FirstStage(levels: 5), in: machine.tables)
    let address = IOVirtualAddress(0x00AB_CDEF_1234_5000)
    try deep.map(address, to: PhysicalAddress(0x9000), length: 0x1000, permissions: .readWrite)
    machine.changePASIDEntries { entry in
      entry.firstStageMode = 1
      entry.firstStageTable = GuestPhysicalAddress(deep.root.rawValue)
    }
    #expect(machine.request(at: address).address == PhysicalAddress(0x9000))
    #expect(machine.request(at: IOVirtualAddress(1 << 56)).fault?.code == 0x80)
    #expect(machine.request(at: IOVirtualAddress(~0 << 56)).fault?.code == 0x71)
  }

  // MARK: Flags

  @Test("A is set in every entry, D in the leaf that is written, EA with EAFE", arguments: stages, [true, false])
  func flags(stages: PASIDTranslationType, extendedAccessed: Bool) throws {
    let machine = try machine(stages)
    machine.changePASIDEntries { $0.extendedAccessed = extendedAccessed }
    let accessed: UInt64 = 1 << 5 | (extendedAccessed ? 1 << 10 : 0)
    machine.request(.read)
    #expect((1...4).map { machine[first: $0] & 0x460 } == [accessed, accessed, accessed, accessed])
    machine.request(.write)
    #expect((1...4).map { machine[first: $0] & 0x460 } == [accessed | 1 << 6, accessed, accessed, accessed])
  }

  @Test(
    "A second stage marks first-stage tables as accessed, and dirty where their flags are updated, or when they are read if so chosen",
    arguments: [true, false])
  func tableFlags(readSetsDirty: Bool) throws {
    let machine = try machine(.nested) { $0.tableReadSetsDirty = readSetsDirty }
    machine.changePASIDEntries { $0.secondStageAccessedDirty = true }
    // The tables of levels 4 and 3 need no update.
    machine[first: 4] |= 1 << 5
    machine[first: 3] |= 1 << 5
    machine.request(.read)
    let untouched: UInt64 = readSetsDirty ? 0x300 : 0x100
    #expect((1...4).map { machine[table: $0, 1] & 0x300 } == [0x300, 0x300, untouched, untouched])
    #expect(machine[1] & 0x300 == 0x100)
    machine.request(.write)
    #expect(machine[1] & 0x300 == 0x300)
  }

  @Test(
    "A first-stage table that is not writable while SSADE demands it faults as chosen",
    arguments: ImplementationChoices.TableWriteFault.allCases)
  func tableWriteFault(choice: ImplementationChoices.TableWriteFault) throws {
    for (level, notReadable) in [(4, 0x75), (2, 0x76)] as [(UInt8, UInt16)] {
      let machine = try machine(.nested) { $0.tableWriteFault = choice }
      for level in 1...4 as ClosedRange<UInt8> { machine[first: level] |= 1 << 5 }
      machine[table: level, 1] &= ~2
      #expect(machine.request().fault == nil)
      machine.changePASIDEntries { $0.secondStageAccessedDirty = true }
      machine.invalidateEverything()
      #expect(machine.request().fault?.code == (choice == .notWritable ? 0x77 : notReadable))
      machine[table: level, 1] = machine[table: level, 1] & ~1 | 2
      #expect(machine.request().fault?.code == notReadable)
    }
  }

  @Test(
    "A leaf that refuses the request is marked accessed as chosen, and never dirty",
    arguments: ImplementationChoices.SpeculativeAccess.allCases)
  func speculativeAccess(choice: ImplementationChoices.SpeculativeAccess) throws {
    let first = try machine(.firstStage) { $0.speculativeAccess = choice }
    first[first: 1] &= ~2
    #expect(first.request(.write).fault?.code == 0x85)
    #expect(first[first: 2] & 1 << 5 != 0)
    #expect(first[first: 1] & 0x60 == (choice == .allEntries ? 1 << 5 : 0))
    let second = try machine(.secondStage) { $0.speculativeAccess = choice }
    second.changePASIDEntries { $0.secondStageAccessedDirty = true }
    second[1] &= ~2
    #expect(second.request(.write).fault?.code == 0x85)
    #expect(second[2] & 0x100 != 0)
    #expect(second[1] & 0x300 == (choice == .allEntries ? 0x100 : 0))
    // Neither does an update that cannot be made change the fault.
    second.changePASIDEntries { $0.pageWalkSnoop = false }
    second[1] &= ~0x100
    second.invalidateEverything()
    #expect(second.request(.write).fault?.code == 0x85)
    #expect(second[1] & 0x300 == 0)
  }

  @Test("Reserved bits below an entry that denies the request win over the denial as chosen", arguments: stages, [true, false])
  func orderOfChecks(stages: PASIDTranslationType, reservedFirst: Bool) throws {
    let machine = try machine(stages) { $0.firstStageReservedBeforePermission = reservedFirst }
    machine[first: 3] &= ~4
    machine[first: 1] |= 1 << 46
    #expect(machine.request().fault?.code == (reservedFirst ? 0x72 : 0x81))
    machine[first: 3] |= 4
    machine[first: 2] &= ~2
    machine.invalidateEverything()
    #expect(machine.request(.write).fault?.code == (reservedFirst ? 0x72 : 0x85))
    #expect(machine.request(.read).fault?.code == 0x72)
  }

  // MARK: Privilege

  @Test("A supervisor request reads and writes supervisor pages, and read-only ones without WPE", arguments: stages, [true, false])
  func supervisor(stages: PASIDTranslationType, writeProtect: Bool) throws {
    let machine = try machine(stages)
    machine.changePASIDEntries { entry in
      entry.supervisorRequests = true
      entry.writeProtect = writeProtect
    }
    machine[first: 1] &= ~6
    for _ in 1...2 {
      #expect(machine.request(.read, pasid: Self.pasid, attributes: .privileged).fault == nil)
      #expect(machine.request(.write, pasid: Self.pasid, attributes: .privileged).fault?.code == (writeProtect ? 0x85 : nil))
      #expect(machine.request(.read, pasid: Self.pasid).fault?.code == 0x81)
      #expect(machine.request(.write, pasid: Self.pasid).fault?.code == 0x81)
    }
  }

  @Test("WPE=0 does not let a supervisor request write what the second stage forbids")
  func supervisorNested() throws {
    let machine = try machine(.nested)
    machine.changePASIDEntries { $0.supervisorRequests = true }
    machine[1] &= ~2
    #expect(machine.request(.write, pasid: Self.pasid, attributes: .privileged).fault?.code == 0x85)
  }

  @Test("RID_PRIV makes requests without PASID supervisor requests, cached or not", arguments: stages, [true, false])
  func requesterPrivilege(stages: PASIDTranslationType, isPrivileged: Bool) throws {
    let machine = try machine(stages)
    machine.changePASIDEntries { $0.supervisorRequests = true }
    machine.scalableContextEntry.requesterPrivileged = isPrivileged
    machine[first: 1] &= ~6
    for _ in 1...2 {
      #expect(machine.request(.read).fault?.code == (isPrivileged ? nil : 0x81))
      #expect(machine.request(.write).fault?.code == (isPrivileged ? nil : 0x81))
      #expect(machine.request(.read, pasid: Self.pasid).fault?.code == 0x81)
    }
    let completion = machine.complete()
    #expect(completion.read == isPrivileged && completion.write == isPrivileged && !completion.privileged)
  }

  @Test("The privilege of a request without PASID is not its own to ask for")
  func withoutPASID() throws {
    let machine = try machine(.firstStage)
    machine[first: 1] &= ~4
    #expect(machine.request(.read, attributes: .privileged).fault?.code == 0x81)
    #expect(machine.request(.read, attributes: .execute).fault?.code == 0x81)
  }

  // MARK: Rights and sizes

  @Test("A zero-length read needs a page that is open to its privilege, and no right to read", arguments: stages)
  func zeroLengthRead(stages: PASIDTranslationType) throws {
    let machine = try machine(stages)
    if stages == .nested { machine[1] &= ~1 }
    for _ in 1...2 { #expect(machine.request(.read, length: 0, attributes: .zeroLength).fault == nil) }
    if stages == .nested { #expect(machine.request(.read).fault?.code == 0x86) }
    machine[first: 1] &= ~4
    machine.invalidateEverything()
    #expect(machine.request(.read, length: 0, attributes: .zeroLength).fault?.code == 0x81)
  }

  @Test("A nested translation has the rights of both stages", arguments: 0...3 as ClosedRange<UInt64>, [true, false])
  func nestedRights(second: UInt64, isWritable: Bool) throws {
    let machine = try machine(.nested)
    machine[1] = machine[1] & ~3 | second
    if !isWritable { machine[first: 1] &= ~2 }
    let completion = machine.complete()
    #expect(completion.read == second[bit: 0])
    #expect(completion.write == (second[bit: 1] && isWritable))
    #expect(machine.takeFaults().isEmpty)
  }

  @Test("A nested translation is as large as the smaller page", arguments: [(12, 21), (21, 12), (21, 21)] as [(UInt8, UInt8)])
  func nestedSize(first: UInt8, second: UInt8) throws {
    let machine = try machine(.nested)
    let address = IOVirtualAddress(0x40_0020_0000)
    let guest = PhysicalAddress(0x30_0000_0000)
    try machine.firstBuilder.map(address, to: guest, length: 1 << UInt64(first), permissions: .readWrite)
    try machine.builder.map(
      IOVirtualAddress(guest.rawValue), to: PhysicalAddress(0x20_0000_0000), length: 1 << UInt64(second), permissions: .readWrite)
    try machine.mapFirstStageTables(to: address)
    for _ in 1...2 {
      let response = machine.request(at: address.advanced(by: 0x123))
      #expect(response.address == PhysicalAddress(0x20_0000_0123))
      #expect(response.pageSizeLog2 == min(first, second))
    }
    let completion = machine.complete(at: address)
    #expect(completion.sizeLog2 == min(first, second) && completion.address == PhysicalAddress(0x20_0000_0000))
  }

  @Test("Only the part of a nested page that is told must keep clear of the interrupt range")
  func nestedOverlap() throws {
    let machine = try machine(.nested)
    let (small, large) = (IOVirtualAddress(0x40_0020_0000), IOVirtualAddress(0x40_0040_0000))
    try machine.builder.map(
      IOVirtualAddress(0x30_0000_0000), to: PhysicalAddress(0xFEC0_0000), length: 2 << 21, permissions: .readWrite)
    // The second of the two large pages holds the range in its lower half.
    try machine.firstBuilder.map(small, to: PhysicalAddress(0x30_003F_0000), length: 0x1000, permissions: .readWrite)
    try machine.firstBuilder.map(large, to: PhysicalAddress(0x30_0020_0000), length: 1 << 21, permissions: .readWrite)
    try machine.mapFirstStageTables(to: small)
    try machine.mapFirstStageTables(to: large)
    #expect(machine.complete(at: small) == TranslationCompletion(address: PhysicalAddress(0xFEFF_0000), read: true, write: true))
    #expect(machine.request(at: large.advanced(by: 0x1F_0000)).fault == nil)
    #expect(machine.complete(at: large.advanced(by: 0x1F_0000)).status == .completerAbort)
    #expect(machine.takeFaults().map(\.reason) == [.scalableInterruptRange])
  }

  @Test("A translation that may be used for writing marks the page dirty only where its privilege may write", arguments: stages)
  func dirtyByPrivilege(stages: PASIDTranslationType) throws {
    let machine = try machine(stages)
    machine.changePASIDEntries { $0.supervisorRequests = true }
    // Without WPE supervisor requests may write.
    machine[first: 1] &= ~2
    #expect(!machine.complete(pasid: Self.pasid).write)
    #expect(machine[first: 1] & 0x60 == 0x20)
    #expect(machine.complete(pasid: Self.pasid, attributes: .privileged).write)
    #expect(machine[first: 1] & 0x60 == 0x60)
  }

  @Test("Accesses are coherent by PGSNP, and in a nested translation by SNP of the second stage's leaf", arguments: stages, [true, false])
  func snoop(stages: PASIDTranslationType, entry: Bool) throws {
    let machine = try machine(stages)
    machine.changePASIDEntries { $0.pageSnoop = entry }
    for _ in 1...2 { #expect(machine.request().snoop == entry) }
    guard stages == .nested else { return }
    machine[1] |= 1 << 11
    machine.invalidateEverything()
    for _ in 1...2 { #expect(machine.request().snoop) }
    #expect(machine.complete().noSnoop)
  }

  // MARK: Execution

  @Test("In revision 3 a PASID entry with ERE serves execute requests, and XD counts with NXE only", arguments: [true, false])
  func execution(noExecute: Bool) throws {
    let machine = try machine(.firstStage, extended: SampleDataUnit.supervisor | 1 << 30) { $0.revision = .revision3 }
    machine.changePASIDEntries { entry in
      entry.executeRequests = true
      entry.noExecute = noExecute
    }
    #expect(machine.request(pasid: Self.pasid, attributes: .execute).fault == nil)
    #expect(machine.complete(pasid: Self.pasid, attributes: .execute).execute)
    #expect(!machine.complete(pasid: Self.pasid).execute)
    machine[first: 1] |= 1 << 63
    machine.invalidateEverything()
    #expect(machine.request(pasid: Self.pasid, attributes: .execute).fault?.code == (noExecute ? 0x82 : nil))
    #expect(machine.request(pasid: Self.pasid).fault == nil)
  }

  @Test("Since revision 4 NXE and XD count for nothing, and execute requests are refused")
  func noExecution() throws {
    let machine = try machine(.firstStage)
    machine.changePASIDEntries { $0.noExecute = true }
    machine[first: 1] |= 1 << 63
    #expect(machine.request(pasid: Self.pasid).fault == nil)
    #expect(machine.request(pasid: Self.pasid, attributes: .execute).fault?.code == 0x5C)
  }
}

extension MachineUnderTest {
  /// Maps in the second stage, at their own addresses, the first-stage tables on the way to an address.
  func mapFirstStageTables(to input: IOVirtualAddress) throws {
    var table = firstBuilder.root
    var level = firstBuilder.format.rootLevel
    while true {
      let page = IOVirtualAddress(table.rawValue)
      if secondStageEntry(of: page) & 3 == 0 { try builder.map(page, to: table, length: 0x1000, permissions: .readWrite) }
      let entry = memory.read64(table.advanced(by: firstBuilder.format.entryOffset(input, level: level))) ?? 0
      guard level > 1, entry & 0x80 == 0 else { return }
      table = firstBuilder.format.nextTable(entry, level: level)
      level -= 1
    }
  }

  /// The last second-stage entry on the way to an address.
  private func secondStageEntry(of input: IOVirtualAddress) -> UInt64 {
    var table = builder.root
    for level in (1...builder.format.rootLevel).reversed() {
      let entry = memory.read64(table.advanced(by: builder.format.entryOffset(input, level: level))) ?? 0
      if level == 1 || entry & 3 == 0 { return entry }
      table = builder.format.nextTable(entry, level: level)
    }
    return 0
  }
}
