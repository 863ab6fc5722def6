import Hardware
import PageTables
import Testing
import Translation
import VTdArchitecture

@testable import VTd

@Suite struct RemappingUnitTests {
  private static let modes: [TranslationTableMode] = [.legacy, .scalable]
  private static let interrupts = IOVirtualAddress(0xFEE0_1000)

  // MARK: Translation off

  @Test("While translation is off untranslated requests pass, with or without PASID", arguments: modes)
  func disabled(mode: TranslationTableMode) throws {
    let machine = try MachineUnderTest(mode)
    machine.command(.translation, clear: true)
    for pasid in [nil, MachineUnderTest.pasid] {
      let response = machine.request(.write, at: IOVirtualAddress(0xFFFF_FFFF_F123), pasid: pasid)
      #expect(response.outcome == .bypass)
      #expect(response.fault == nil)
      #expect(response.address == PhysicalAddress(0xFFFF_FFFF_F123))
    }
    #expect(machine.unit.memoryReads == 0)
  }

  @Test(
    "While translation is off translation and translated requests are refused without a record",
    arguments: [TranslationRequest.Kind.translationRequest, .translated])
  func disabledDeviceTLB(kind: TranslationRequest.Kind) throws {
    let machine = try MachineUnderTest(.scalable)
    machine.command(.translation, clear: true)
    #expect(machine.request(kind: kind).fault == TranslationFault(code: 0, isReported: false))
    #expect(machine.takeFaults().isEmpty)
    #expect(machine.unit.faults == 1)
  }

  @Test("A new root table takes effect when it is latched, not when it is written")
  func latching() throws {
    let machine = try MachineUnderTest(.legacy)
    let empty = try #require(machine.tables.allocate())
    machine.unit.writeRegister(RegisterOffset.rootTableAddress, size: 8, RootTableAddress(table: empty, mode: .legacy).rawValue)
    #expect(machine.request().fault == nil)
    machine.invalidateEverything()
    #expect(machine.request().fault == nil)
    machine.command(.rootTable)
    machine.invalidateEverything()
    #expect(machine.request().fault?.code == 0x01)
  }

  @Test("Latching a root table empties the caches of a unit with ESRTPS, and not of others", arguments: [true, false])
  func enhancedSetRootTable(isSupported: Bool) throws {
    let machine = try MachineUnderTest(.legacy, capabilities: SampleDataUnit.capabilities | (isSupported ? 1 << 63 : 0))
    machine.request()
    machine.contextEntry.present = false
    machine.setRootTable(machine.rootTable, mode: .legacy)
    #expect(machine.request().fault?.code == (isSupported ? 0x02 : nil))
  }

  // MARK: Interrupt range

  @Test("An aligned write of four bytes to the interrupt range is an interrupt, whatever the tables say", arguments: modes)
  func interrupt(mode: TranslationTableMode) throws {
    let machine = try MachineUnderTest(mode)
    try machine.builder.map(Self.interrupts, to: PhysicalAddress(0x9000), length: 0x1000, permissions: .readWrite)
    let response = machine.request(.write, at: Self.interrupts.advanced(by: 8), length: 4)
    #expect(response.outcome == .interrupt)
    #expect(response.fault == nil)
    #expect(machine.unit.memoryReads == 0)
  }

  @Test("A zero-length read of the interrupt range succeeds untranslated", arguments: modes)
  func zeroLengthRead(mode: TranslationTableMode) throws {
    let response = try MachineUnderTest(mode).request(.read, at: Self.interrupts, length: 0, attributes: .zeroLength)
    #expect(response.outcome == .bypass)
    #expect(response.fault == nil)
  }

  @Test(
    "Anything else there is refused, and recorded, even while translation is off if so chosen",
    arguments: [(.read, 4, 0), (.atomic, 4, 0), (.write, 8, 0), (.write, 1, 0), (.write, 4, 2)] as [(AccessKind, UInt32, UInt64)])
  func notAnInterrupt(access: AccessKind, length: UInt32, offset: UInt64) throws {
    for isEnabled in [true, false] {
      for faults in [true, false] {
        var choices = ImplementationChoices()
        choices.interruptRangeFaultsWhileDisabled = faults
        let machine = try MachineUnderTest(.legacy, choices: choices)
        if !isEnabled { machine.command(.translation, clear: true) }
        let response = machine.request(access, at: Self.interrupts.advanced(by: offset), length: length)
        #expect(response.fault?.code == (isEnabled || faults ? 0x29 : nil))
        #expect(machine.takeFaults().count == (isEnabled || faults ? 1 : 0))
      }
    }
  }

  @Test("A request with PASID there is translated like any other")
  func withPASID() throws {
    let machine = try MachineUnderTest(.scalable)
    try machine.builder.map(Self.interrupts, to: PhysicalAddress(0x9000), length: 0x1000, permissions: .readWrite)
    #expect(machine.request(.write, at: Self.interrupts, length: 4, pasid: MachineUnderTest.pasid).address == PhysicalAddress(0x9000))
  }

  // MARK: Translated requests

  @Test("A translated request with PASID violates the protocol of a unit without PTRS: refused without a record or a read of memory")
  func translatedPASID() throws {
    let machine = try MachineUnderTest(.scalable)
    let response = machine.request(pasid: MachineUnderTest.pasid, kind: .translated)
    #expect(response.fault == TranslationFault(code: 0, isReported: false))
    #expect(machine.unit.memoryReads == 0)
    #expect(machine.takeFaults().isEmpty)
    let legacy = try MachineUnderTest(.legacy)
    #expect(legacy.request(pasid: MachineUnderTest.pasid, kind: .translated).fault?.code == 0x31)
    #expect(legacy.takeFaults().map(\.reason) == [.pasidInLegacyMode])
  }

  @Test("With PTRS and EPTR a translated request passes, with PASID or without", arguments: [nil, MachineUnderTest.pasid])
  func translated(pasid: PASID?) throws {
    var choices = ImplementationChoices()
    choices.revision = .revision5
    let machine = try MachineUnderTest(.scalable, extended: SampleDataUnit.revision5, choices: choices)
    machine.scalableContextEntry.pasidInTranslatedRequests = true
    let response = machine.request(at: IOVirtualAddress(0x5000), pasid: pasid, kind: .translated)
    #expect(response.fault == nil)
    #expect(response.address == PhysicalAddress(0x5000))
    #expect(machine.request(at: Self.interrupts, pasid: pasid, kind: .translated).fault?.code == 0x87)
  }

  @Test("An execute request of a unit of version 8 is refused before any table is read, in every mode", arguments: modes)
  func executeRequest(mode: TranslationTableMode) throws {
    var choices = ImplementationChoices()
    choices.revision = .revision5
    for version in [7, 8] as [UInt8] {
      let machine = try MachineUnderTest(mode, majorVersion: version, choices: choices)
      let code = machine.request(pasid: MachineUnderTest.pasid, attributes: .execute).fault?.code
      #expect(code == (version == 8 ? 0x34 : mode == .legacy ? 0x31 : 0x5C))
    }
  }

  // MARK: Pass-through

  @Test("A pass-through entry passes addresses below the host address width, to its last byte", arguments: modes)
  func passThrough(mode: TranslationTableMode) throws {
    let machine = try MachineUnderTest(mode)
    if mode == .legacy {
      machine.contextEntry = ContextEntry(type: .passThrough, width: 2, domain: MachineUnderTest.domain)
    } else {
      machine.changePASIDEntries { $0.stagesCode = PASIDTranslationType.passThrough.rawValue }
    }
    for address in [0, 0xFEDF_FFFF, 0xFEF0_0000, (1 << UInt64(MachineUnderTest.hostAddressWidth)) - 1] as [UInt64] {
      let response = machine.request(.atomic, at: IOVirtualAddress(address))
      #expect(response.fault == nil)
      #expect(response.address == PhysicalAddress(address))
    }
    #expect(machine.unit.walks == 0)
  }

  // MARK: Snooping and flags

  @Test("An access is coherent if the leaf, or PGSNP of the PASID entry, says so", arguments: [true, false], [true, false])
  func snoop(leaf: Bool, entry: Bool) throws {
    let machine = try MachineUnderTest(.scalable)
    if leaf { machine[1] |= 1 << 11 }
    if entry { machine.changePASIDEntries { $0.pageSnoop = true } }
    for _ in 1...2 { #expect(machine.request().snoop == (leaf || entry)) }
  }

  @Test("PGSNP holds for pass-through as well", arguments: [true, false])
  func passThroughSnoop(entry: Bool) throws {
    let machine = try MachineUnderTest(.scalable)
    machine.changePASIDEntries { pasidEntry in
      pasidEntry.stagesCode = PASIDTranslationType.passThrough.rawValue
      pasidEntry.pageSnoop = entry
    }
    #expect(machine.request().snoop == entry)
  }

  @Test("SSADE makes the unit keep accessed and dirty flags, in scalable mode only", arguments: modes, [true, false])
  func flags(mode: TranslationTableMode, accessedDirty: Bool) throws {
    let machine = try MachineUnderTest(mode)
    if mode != .legacy { machine.changePASIDEntries { $0.secondStageAccessedDirty = accessedDirty } }
    let isKept = mode != .legacy && accessedDirty
    let accessed: UInt64 = isKept ? 1 << 8 : 0
    machine.request(.read)
    #expect((1...4).map { machine[$0] & 0x300 } == [accessed, accessed, accessed, accessed])
    machine.request(.write)
    #expect(machine[1] & 0x300 == (isKept ? 0x300 : 0))
  }

  @Test("Flags that are set already need no coherent walk")
  func notCoherent() throws {
    let machine = try MachineUnderTest(.scalable)
    machine.changePASIDEntries { entry in
      entry.secondStageAccessedDirty = true
      entry.pageWalkSnoop = false
    }
    for level in 1...4 as ClosedRange<UInt8> { machine[level] |= 1 << 8 }
    #expect(machine.request(.read).fault == nil)
    #expect(machine.request(.write).fault?.code == 0x7C)
    machine[1] |= 1 << 9
    #expect(machine.request(.write).fault == nil)
  }

  // MARK: Faults and time

  @Test("Of a fault the address bits of the largest table width are recorded, or all if so chosen", arguments: [false, true])
  func recordedAddress(whole: Bool) throws {
    var choices = ImplementationChoices()
    choices.recordsWholeAddress = whole
    let machine = try MachineUnderTest(.legacy, choices: choices)
    machine.request(at: IOVirtualAddress(0xABCD_1234_5678_9FFF))
    #expect(machine.takeFaults().map(\.address) == [IOVirtualAddress(whole ? 0xABCD_1234_5678_9000 : 0x1234_5678_9000)])
  }

  @Test("A request to protected memory is blocked, cached or not, and not recorded")
  func protectedMemory() throws {
    let machine = try MachineUnderTest(.legacy, capabilities: SampleDataUnit.capabilities | 1 << 6)
    let target = MachineUnderTest.target.alignedDown(21)
    machine.unit.writeRegister(RegisterOffset.protectedHighMemoryBase, size: 8, target.rawValue)
    machine.unit.writeRegister(RegisterOffset.protectedHighMemoryLimit, size: 8, target.rawValue)
    #expect(machine.request().fault == nil)
    machine.unit.writeRegister(RegisterOffset.protectedMemoryEnable, size: 4, 1 << 31)
    for _ in 1...2 { #expect(machine.request().fault == TranslationFault(code: 0, isReported: false)) }
    #expect(machine.takeFaults().isEmpty)
    machine.unit.writeRegister(RegisterOffset.protectedMemoryEnable, size: 4, 0)
    #expect(machine.request().fault == nil)
  }

  @Test("Time goes only forward: a request from before arrives when the unit has got to")
  func time() throws {
    let machine = try MachineUnderTest(.legacy)
    machine.unit.advance(to: SimTime(nanoseconds: 500))
    var response = TranslationResponse()
    let request = TranslationRequest(.read, at: MachineUnderTest.page, by: MachineUnderTest.device)
    machine.unit.translate(request, at: SimTime(nanoseconds: 100), into: &response)
    #expect(response.completion == SimTime(nanoseconds: 500) + response.latency.total)
    machine.unit.advance(to: SimTime(nanoseconds: 100))
    #expect(machine.unit.now == SimTime(nanoseconds: 500))
  }

  @Test("A walk fills the caches when the unit has got to its end, or is told to settle", arguments: [true, false])
  func fill(settles: Bool) throws {
    let machine = try MachineUnderTest(.legacy)
    var response = TranslationResponse()
    let request = TranslationRequest(.read, at: MachineUnderTest.page, by: MachineUnderTest.device)
    machine.unit.translate(request, at: .zero, into: &response)
    #expect(machine.counters("iotlb").fills == 0)
    if settles {
      machine.unit.settle()
    } else {
      machine.unit.advance(to: SimTime(picoseconds: response.completion.picoseconds - 1))
      #expect(machine.counters("iotlb").fills == 0)
      machine.unit.advance(to: response.completion)
    }
    #expect(machine.counters("iotlb").fills == 1)
  }

  @Test("An invalidation during a walk keeps the old translation out of the caches")
  func invalidationDuringWalk() throws {
    let machine = try MachineUnderTest(.legacy)
    var response = TranslationResponse()
    let request = TranslationRequest(.read, at: MachineUnderTest.page, by: MachineUnderTest.device)
    machine.unit.translate(request, at: .zero, into: &response)
    machine[1] = 0xC003
    machine.submit(.iotlb(IOTLBInvalidation(.domain(MachineUnderTest.domain))))
    #expect(response.address == MachineUnderTest.target)
    machine.unit.translate(request, at: SimTime(nanoseconds: 1), into: &response)
    #expect(response.outcome == .miss)
    #expect(response.address == PhysicalAddress(0xC000))
  }
}
